import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const files = ['src', 'public']
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
  .filter((f) => f.isFile() && /\.(ts|tsx|js)$/.test(f.name) && !f.name.includes('.test.'))
  .map((f) => join(f.parentPath, f.name).slice(root.length + 1))
  .filter((path) => !path.startsWith('src/api/'));

/** The only files that keep anything in the browser, and what: preferences, never a credential. */
const keeps: Record<string, string[]> = {
  'src/app/theme.ts': ['rhiza.theme'],
  'public/theme.js': ['rhiza.theme'],
  'src/app/routes/root.tsx': ['rhiza.project'],
};

it('reads enough files to mean something', () => {
  expect(files.length).toBeGreaterThan(80);
});

it('keeps nothing in the browser but preferences', () => {
  for (const path of files) {
    const text = readFileSync(join(root, path), 'utf8');
    const keeping = /\b(localStorage|sessionStorage|indexedDB|caches)\b/.test(text);
    expect(keeping, `${path} keeps something in the browser`).toBe(path in keeps);
    const keys = [...text.matchAll(/'(rhiza\.[a-z]+)'/g)].map((m) => m[1]);
    for (const key of keys) expect(keeps[path], `${path} uses ${key}`).toContain(key);
  }
});

it('touches neither cookies nor the headers that carry credentials', () => {
  for (const path of files) {
    const text = readFileSync(join(root, path), 'utf8');
    expect(text, path).not.toMatch(/document\.cookie|cookieStore/);
    expect(text, path).not.toMatch(/['"`]authorization['"`]/i);
    expect(text, path).not.toMatch(/setConfig\([^)]*\bauth\b/);
  }
});

it('writes nothing to the console of the browser', () => {
  for (const path of files) expect(readFileSync(join(root, path), 'utf8'), path).not.toMatch(/console\.\w+\(/);
});
