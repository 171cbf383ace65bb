// The secret of a link out of a letter. It is taken out of the address bar before anything else happens, so that it
// stays neither in the history nor in anything that reads the address, and is kept in memory until it is used.
import { useSyncExternalStore } from 'react';

/** The pages that letters and the server's terminal link to. */
const pages = ['/setup', '/verify-email', '/confirm-email', '/reset-password', '/invitation'];

let kept: { page: string; token: string } | null = null;
const listeners = new Set<() => void>();

/** The token of an address, and the address without it. */
export function takeToken(href: string): { page: string; token: string; rest: string } | null {
  const url = new URL(href);
  const page = url.pathname.replace(/\/+$/, '');
  if (!pages.includes(page)) return null;
  const fragment = new URLSearchParams(url.hash.slice(1));
  const token = fragment.get('token') ?? url.searchParams.get('token');
  if (!token) return null;
  url.searchParams.delete('token');
  return { page, token, rest: `${url.pathname}${url.search}` };
}

function take() {
  const found = takeToken(location.href);
  if (!found) return;
  kept = { page: found.page, token: found.token };
  history.replaceState(history.state, '', found.rest);
  for (const listener of listeners) listener();
}

if (typeof window !== 'undefined') {
  take();
  // A second link opened in the same tab changes only the part behind the `#`.
  window.addEventListener('hashchange', take);
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The token that the link to this page brought; null when there is none (any more). */
export function useLinkToken(page: string): string | null {
  return useSyncExternalStore(subscribe, () => (kept?.page === page ? kept.token : null));
}

/** Forgets the token once it has been used. */
export function forgetLinkToken() {
  kept = null;
}
