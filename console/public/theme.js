// Runs before the first paint so that a dark screen never flashes white. A file of its own because the content
// security policy allows no inline script.
(function () {
  var chosen = null;
  try {
    chosen = localStorage.getItem('rhiza.theme');
  } catch {
    // Storage may be blocked: the system's choice holds then.
  }
  var dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
