// The real binary on an empty data directory, and the set-up link it prints. It can be stopped and started again.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

export async function startServer(binary, settings = {}) {
  const data = mkdtempSync(join(tmpdir(), 'rhiza-e2e-'));
  const port = await freePort();
  let output = '';
  const serve = () => spawn(binary, ['serve', '--data-dir', data, '--listen', `127.0.0.1:${port}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...settings },
    });
  let child = serve();
  const link = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`No set-up link within 60 s:\n${output}`)), 60_000);
    const read = (chunk) => {
      output += chunk;
      const found = /https?:\/\/\S+\/setup\?token=[\w.~-]+/.exec(output);
      if (!found) return;
      clearTimeout(timer);
      resolve(found[0]);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', (code) => reject(new Error(`The server ended with ${code}:\n${output}`)));
  });
  const end = () =>
    new Promise((resolve) => {
      if (child.exitCode !== null) return resolve();
      child.on('exit', resolve);
      child.kill('SIGTERM');
    });
  const restart = async () => {
    await end();
    child = serve();
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    const late = Date.now() + 60_000;
    while (!(await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.ok) {
      if (Date.now() > late) throw new Error(`The server did not come back:\n${output.slice(-2000)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  const stop = async () => {
    await end();
    rmSync(data, { recursive: true, force: true });
  };
  // Cookies and origins hold for the name the server goes by, so the browser uses the link's own.
  return { url: new URL(link).origin, link, restart, stop, log: () => output };
}
