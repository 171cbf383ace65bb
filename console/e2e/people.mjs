// Journeys of the administration: keys, the audit log; and what the browser keeps.
import { check, expect, inspect, until } from './harness.mjs';

export async function people(page, server, found) {
  await keys(page, server, found);
  await audit(page, server, found);
  await kept(page, server, found);
}

async function keys(page, server, found) {
  const works = async (key) => (await fetch(`${server.url}/api/v1/tracking/experiments`, { headers: { authorization: `Bearer ${key}` } })).ok;
  const shown = async () => (await page.getByRole('dialog').getByLabel('key', { exact: true }).innerText()).trim();
  let first;
  await check('a key with chosen scopes is made, and its secret shown once', async () => {
    await page.goto(`${server.url}/p/${found.project}/admin/keys`);
    await page.getByRole('button', { name: 'New key' }).click();
    await page.getByLabel('Name', { exact: true }).fill('nightly');
    await page.getByLabel('May be used for').selectOption('chosen');
    await page.getByRole('checkbox', { name: /experiments:read/ }).check();
    await page.getByLabel(/From these networks/).fill('10.0.0.0/99');
    await page.getByText('not an address or network').waitFor();
    await page.getByLabel(/From these networks/).fill('127.0.0.0/8 ::1');
    await page.getByRole('button', { name: 'Create key' }).click();
    first = await until('the secret', async () => ((await page.getByRole('dialog', { name: 'Your new key' }).count()) ? shown() : null));
    expect(await works(first), 'the key does not work');
    await page.getByRole('button', { name: 'Done' }).click();
    expect(!(await page.content()).includes(first), 'the secret is still in the page');
  }, page);
  await check('it is rotated with an overlap, then revoked', async () => {
    await page.getByRole('button', { name: 'Actions for nightly' }).first().click();
    await page.getByRole('menuitem', { name: /Rotate/ }).click();
    await page.getByRole('button', { name: 'Make the new key' }).click();
    const second = await until('the secret', async () => ((await page.getByRole('dialog', { name: 'Your new key' }).count()) ? shown() : null));
    expect(second !== first && (await works(second)) && (await works(first)), 'both keys should work for a while');
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('button', { name: 'Actions for nightly' }).first().click();
    await page.getByRole('menuitem', { name: /Revoke/ }).click();
    await page.getByRole('button', { name: 'Revoke key' }).click();
    await until('one of the two to stop', async () => (await works(first)) !== (await works(second)));
  }, page);
}

async function audit(page, server, found) {
  await check('the audit log is filtered by its address, shows what changed, and is exported', async () => {
    await page.goto(`${server.url}/p/${found.project}/admin/audit`);
    await page.getByRole('region', { name: 'Audit entries' }).waitFor();
    await page.getByLabel('Search').fill('nightly');
    await page.waitForURL(/text=nightly/);
    await until('only what has to do with the key', async () => {
      const actions = await page.getByRole('region', { name: 'Audit entries' }).getByRole('button').allInnerTexts();
      return actions.length > 0 && actions.every((action) => /key/.test(action));
    });
    await page.getByRole('region', { name: 'Audit entries' }).getByRole('button').last().click();
    await page.getByRole('dialog').getByText('Place in the chain').waitFor();
    await page.getByRole('dialog').getByText('nightly').first().waitFor();
    await inspect(page, 'audit-entry');
    await page.keyboard.press('Escape');
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV' }).click()]);
    expect((await file.suggestedFilename()) === 'audit.csv', await file.suggestedFilename());
  }, page);
}

async function kept(page, server, found) {
  await check('the browser keeps preferences only, and no script can read the session', async () => {
    await page.goto(`${server.url}/p/${found.project}`);
    const seen = await page.evaluate(() => ({ local: Object.keys(localStorage), session: Object.keys(sessionStorage), cookie: document.cookie }));
    expect(seen.local.every((key) => ['rhiza.theme', 'rhiza.project'].includes(key)), `localStorage: ${seen.local}`);
    expect(seen.session.length === 0, `sessionStorage: ${seen.session}`);
    expect(seen.cookie === '', `document.cookie: ${seen.cookie}`);
    const cookies = await page.context().cookies();
    expect(cookies.length === 1 && cookies.every((c) => c.httpOnly && c.secure && c.sameSite !== 'None' && c.name.startsWith('__Host-')), cookies.map((c) => `${c.name} ${c.httpOnly} ${c.secure} ${c.sameSite}`).join(', '));
  }, page);
}
