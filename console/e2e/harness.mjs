// What every journey uses: counted checks, waiting, looking at a page.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export const results = fileURLToPath(new URL('../test-results/', import.meta.url));
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const tally = { passed: 0, failures: [] };

/** `page`, if given, is photographed when the check fails. */
export async function check(name, body, page) {
  try {
    await body();
    tally.passed += 1;
    console.log(`ok    ${name}`);
  } catch (error) {
    tally.failures.push(name);
    console.log(`FAIL  ${name}\n      ${String(error.stack ?? error).split('\n').slice(0, 6).join('\n      ')}`);
    await page?.screenshot({ path: `${results}failed-${name.replace(/\W+/g, '-').slice(0, 60)}.png` }).catch(() => undefined);
  }
}

export function expect(condition, message) {
  if (!condition) throw new Error(message);
}

export async function until(what, read, timeout = 30_000) {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await read();
    if (value) return value;
    if (Date.now() > end) throw new Error(`Waited in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A screenshot, and no serious or critical fault of accessibility. */
export async function inspect(page, name) {
  await page.screenshot({ path: `${results}${name}.png` });
  // Evaluated from outside the page, so the content security policy does not stand in the way.
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }));
  const grave = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
  expect(grave.length === 0, grave.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 160)}`).join('\n'));
}

export async function signIn(page, url, who) {
  await page.goto(`${url}/sign-in`);
  await page.getByLabel('E-mail').fill(who.email);
  await page.getByLabel('Password', { exact: true }).fill(who.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

export async function signOut(page) {
  await page.getByRole('button', { name: /Account and theme/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.waitForURL(/sign-in/);
}
