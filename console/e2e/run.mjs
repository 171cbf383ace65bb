// Journeys through the console against the real binary: set-up link → sign in → worked example → a run from Python
// appears live → compare → register → alias → a file of data → a model found for it, explained, registered and asked; then every page in light and dark, on a desktop and a phone, with axe.
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { automl, automlPages } from './automl.mjs';
import { datasets } from './datasets.mjs';
import { check, expect, inspect, results, signIn, tally, until } from './harness.mjs';
import { people } from './people.mjs';
import { startServer } from './server.mjs';

const binary = process.env.RHIZA_BIN;
const python = process.env.RHIZA_PYTHON;
if (!binary || !python) {
  console.error('RHIZA_BIN (the rhiza binary) and RHIZA_PYTHON (a Python with mlflow) are needed.');
  process.exit(2);
}
const owner = { name: 'Ada Lovelace', email: 'ada@example.com', password: 'analytical engine 1843', organization: 'Analytical Engines' };
function train(url, key, experiment, steps) {
  const child = spawn(python, [fileURLToPath(new URL('train.py', import.meta.url)), experiment, String(steps)], {
    env: { ...process.env, MLFLOW_TRACKING_URI: url, MLFLOW_TRACKING_TOKEN: key, GIT_PYTHON_REFRESH: 'quiet' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (errors += chunk));
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const runId = until('the run id from Python', () => /^[0-9a-f]{32}/m.exec(output)?.[0], 60_000).catch((error) => {
    throw new Error(`${error.message}\n${errors.slice(-2000)}`);
  });
  return { runId, ended, errors: () => errors };
}

async function journey(page, server, found) {
  const { url, link } = server;
  await check('the script every page needs is below 200 KiB, compressed', async () => {
    const read = async (path) => Buffer.from(await (await fetch(new URL(path, url), { headers: { accept: 'text/html, */*' } })).arrayBuffer());
    const index = (await read('/index.html')).toString();
    const scripts = [...new Set([...index.matchAll(/(?:src|href)="(\/[^"]+\.js)"/g)].map((m) => m[1]))];
    expect(scripts.length > 1, 'index.html names no scripts');
    const sizes = await Promise.all(scripts.map(async (path) => gzipSync(await read(path)).length));
    const total = sizes.reduce((a, b) => a + b, 0);
    expect(total < 200 * 1024, `${total} bytes`);
  });
  await check('the set-up link makes the first owner and signs in', async () => {
    await page.goto(link);
    await page.getByLabel('Your name').fill(owner.name);
    await page.getByLabel('E-mail').fill(owner.email);
    await page.getByLabel('Password', { exact: true }).fill('short');
    await page.getByRole('button', { name: /Create owner/ }).click();
    await page.getByRole('listitem').filter({ hasText: /At least 12 characters.*not yet/ }).waitFor();
    expect(!page.url().includes('token'), `the link's secret is still in the address: ${page.url()}`);
    await page.getByLabel('Password', { exact: true }).fill(owner.password);
    await page.getByLabel('Organisation').fill(owner.organization);
    await page.screenshot({ path: `${results}setup.png` });
    await page.getByRole('button', { name: /Create owner/ }).click();
    await page.waitForURL(/\/p\//);
    found.project = new URL(page.url()).pathname.split('/')[2];
  });
  await check('the link works once only', async () => {
    const other = await page.context().browser().newPage();
    await other.goto(link);
    await other.getByText('This server has its owner already.').waitFor();
    await other.close();
  });
  await check('signing out and in again', async () => {
    await page.getByRole('button', { name: /Account and theme/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.waitForURL(/sign-in/);
    await page.getByLabel('E-mail').fill(owner.email);
    await page.getByLabel('Password', { exact: true }).fill('not the password');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('alert').waitFor();
    await signIn(page, url, owner);
    await page.waitForURL(/\/p\//);
  });
  await check('the first page makes a key and puts it into the Python lines', async () => {
    await page.getByRole('button', { name: 'Make an API key' }).click();
    const code = page.getByLabel('Python code', { exact: true });
    await until('the key', async () => (await code.textContent())?.includes('rz_'));
    const text = await code.textContent();
    expect(text.includes(url), 'the lines name another server');
    found.key = /rz_\w+/.exec(text)[0];
    await page.screenshot({ path: `${results}first-start.png` });
  });
  await check('the worked example loads', async () => {
    await page.getByRole('button', { name: 'Load the worked example' }).click();
    await page.waitForURL(/experiments\/\d+/);
    found.experiment = /experiments\/(\d+)/.exec(page.url())[1];
    await until('runs', async () => (await page.locator('tr[data-run]').count()) >= 3);
    found.exampleRun = await page.locator('tr[data-run]').first().getAttribute('data-run');
  });
  await check('a wrong filter is pointed at, a right one filters', async () => {
    const all = await page.locator('tr[data-run]').count();
    const filter = page.getByRole('combobox', { name: 'Filter runs' });
    await filter.fill("attributes.status ~ 'FINISHED'");
    await filter.press('Escape');
    await filter.press('Enter');
    await page.getByRole('alert').waitFor();
    await filter.fill("attributes.run_name = 'no such run'");
    await filter.press('Escape');
    await filter.press('Enter');
    await page.getByText('No run matches').waitFor();
    await page.getByRole('button', { name: 'Clear filter' }).click();
    await until('all runs again', async () => (await page.locator('tr[data-run]').count()) === all);
  });
  await check('a run from Python appears in the open table', async () => {
    found.training = train(url, found.key, await page.locator('h1').textContent(), 100);
    found.runId = await found.training.runId;
    await page.locator(`tr[data-run="${found.runId}"]`).waitFor({ timeout: 15_000 });
  });
  await check('its chart grows live, without a reload, also across a restart of the server', async () => {
    await page.locator(`tr[data-run="${found.runId}"] a`).click();
    await page.getByRole('navigation', { name: 'Run', exact: true }).getByText('Metrics').click();
    const chart = page.locator('[data-metric="loss"] [role=img]');
    const points = async () => Number(/: ([\d,]+) point/.exec((await chart.getAttribute('aria-label')) ?? '')?.[1] ?? 0);
    const first = await until('the first points', points);
    await until('more points', async () => (await points()) >= first + 5, 15_000);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.screenshot({ path: `${results}run-live.png` });
    const before = await points();
    await server.restart();
    await until('points after the restart', async () => (await points()) >= before + 10, 30_000);
    expect((await found.training.ended) === 0, `Python failed:\n${found.training.errors().slice(-2000)}`);
    await page.getByText('Finished').first().waitFor({ timeout: 15_000 });
    await until('all 100 points', async () => (await points()) === 100);
  });
  await check('artifacts are previewed', async () => {
    await page.getByRole('navigation', { name: 'Run', exact: true }).getByText('Artifacts').click();
    await page.getByRole('button', { name: /report\.md/ }).click();
    await page.getByRole('heading', { name: 'Report' }).waitFor();
    await page.getByRole('button', { name: /table\.csv/ }).click();
    await page.getByRole('columnheader', { name: 'b' }).waitFor();
    await page.getByRole('button', { name: /config\.json/ }).click();
    await page.getByText('classes:').waitFor();
    const response = await page.request.get(new URL(await page.getByRole('link', { name: 'Download' }).getAttribute('href'), url).href);
    expect(response.ok() && (await response.json()).classes.length === 2, `the download answered ${response.status()}`);
  });
  await check('chosen runs are compared', async () => {
    await page.goto(`${url}/p/${found.project}/experiments/${found.experiment}`);
    const boxes = page.locator('tr[data-run] input[type=checkbox]');
    await boxes.first().waitFor();
    for (let i = 0; i < 3; i += 1) await boxes.nth(i).check();
    await page.getByRole('link', { name: 'Compare' }).click();
    await page.getByText('Compare 3 runs').waitFor();
    found.compare = page.url();
    for (const tab of ['Curves', 'Parallel coordinates', 'Scatter']) {
      await page.getByRole('navigation', { name: 'Comparison' }).getByText(tab).click();
      await page.locator('main [role=img]').first().waitFor();
    }
  });
  await check('its model is registered and gets an alias', async () => {
    await page.goto(`${url}/p/${found.project}/runs/${found.runId}`);
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByLabel('Model name').fill('doubler');
    await page.getByRole('button', { name: 'Register model' }).click();
    await page.waitForURL(/models\/doubler\/versions\/1/);
    await page.getByRole('button', { name: 'Add an alias to version 1' }).click();
    await page.getByLabel('Alias', { exact: true }).fill('v1');
    await page.getByText('would read like a version').waitFor();
    await page.getByLabel('Alias', { exact: true }).fill('champion');
    await page.getByRole('button', { name: 'Set alias' }).click();
    await page.getByText('@champion', { exact: true }).first().waitFor();
  });
  await check('its version tells where it comes from', async () => {
    await page.getByRole('link', { name: 'live', exact: true }).waitFor();
    await page.getByRole('button', { name: /^MLmodel/ }).click();
    await page.getByText('model_uuid').waitFor();
    await page.locator('main').getByRole('link', { name: 'model', exact: true }).click();
    await page.waitForURL(/logged-models\/m-/);
    await page.getByRole('link', { name: 'doubler v1' }).waitFor();
  });
  await check('the palette finds the run', async () => {
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: /Find an experiment/ }).fill('live');
    await page.getByRole('option', { name: /live/ }).first().waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(new RegExp(`runs/${found.runId}`));
  });
}

/** A session that was ended elsewhere: to the sign-in page, and from there back to where one was going. */
async function signedOut(page, server, found) {
  await check('a session that was ended leads to the sign-in page and back', async () => {
    await page.goto(`${server.url}/p/${found.project}/experiments`);
    await page.locator('h1').waitFor();
    await page.context().clearCookies();
    await page.getByRole('navigation', { name: 'Main' }).getByText('Models').click();
    await page.waitForURL(/sign-in/);
    await page.getByLabel('E-mail').fill(owner.email);
    await page.getByLabel('Password', { exact: true }).fill(owner.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.waitForURL(/\/models$/);
  });
  await check('what is not there is said so', async () => {
    for (const path of ['runs/none', 'experiments/4711', 'models/none', 'models/none/versions/1', 'nowhere']) {
      await page.goto(`${server.url}/p/${found.project}/${path}`);
      await page.getByText('There is nothing at this address').waitFor();
    }
    await page.goto(`${server.url}/p/nowhere/models`);
    await page.getByText('There is nothing at this address').waitFor();
  });
}

const adminPages = ['organization', 'members', 'invitations', 'teams', 'roles', 'projects', 'keys', 'service-accounts', 'tokens', 'audit', 'quotas', 'mailbox'];

async function looks(browser, server, found) {
  const p = `/p/${found.project}`;
  const compare = new URL(found.compare ?? server.url);
  const pages = {
    home: p,
    experiments: `${p}/experiments`,
    runs: `${p}/experiments/${found.experiment}`,
    'logged-models': `${p}/experiments/${found.experiment}/models`,
    run: `${p}/runs/${found.runId}`,
    'run-metrics': `${p}/runs/${found.runId}?tab=metrics`,
    'run-system': `${p}/runs/${found.runId}?tab=system`,
    'run-artifacts': `${p}/runs/${found.runId}?tab=artifacts&path=report.md`,
    'example-run': `${p}/runs/${found.exampleRun}`,
    'example-metrics': `${p}/runs/${found.exampleRun}?tab=metrics`,
    compare: `${compare.pathname}${compare.search}`,
    'compare-curves': `${compare.pathname}${compare.search}&tab=curves`,
    'compare-parallel': `${compare.pathname}${compare.search}&tab=parallel`,
    'compare-scatter': `${compare.pathname}${compare.search}&tab=scatter`,
    models: `${p}/models`,
    model: `${p}/models/doubler`,
    version: `${p}/models/doubler/versions/1`,
    datasets: `${p}/datasets`,
    ...Object.fromEntries(['columns', 'issues', 'relations', 'rows', 'versions', 'about'].map((tab) => [`dataset-${tab}`, `${found.dataset}?tab=${tab}`])),
    'dataset-broken': found.brokenDataset,
    ...automlPages(found),
    ...Object.fromEntries(adminPages.map((place) => [place, `${p}/admin/${place}`])),
    ...Object.fromEntries(['profile', 'security', 'sessions', 'data'].map((place) => [`account-${place}`, `${p}/account/${place}`])),
  };
  for (const [device, viewport] of Object.entries({ desktop: { width: 1360, height: 860 }, phone: { width: 390, height: 844 } })) {
    for (const colorScheme of ['light', 'dark']) {
      const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce', hasTouch: device === 'phone' });
      const page = await context.newPage();
      const complaints = [];
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(String(error)));
      for (const place of ['register', 'forgot-password', 'verify-email', 'reset-password', 'invitation']) {
        await check(`${place} page, ${device}, ${colorScheme}`, async () => {
          await page.goto(`${server.url}/${place}`);
          await page.locator('h1').waitFor();
          await page.waitForTimeout(300);
          await inspect(page, `${place}-${device}-${colorScheme}`);
        });
      }
      await check(`sign-in page, ${device}, ${colorScheme}`, async () => {
        await page.goto(`${server.url}/sign-in`);
        await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
        await inspect(page, `sign-in-${device}-${colorScheme}`);
        await signIn(page, server.url, owner);
        await page.waitForURL(/\/p\//);
      });
      for (const [name, path] of Object.entries(pages)) {
        await check(`${name} page, ${device}, ${colorScheme}`, async () => {
          complaints.length = 0;
          await page.goto(server.url + path);
          await page.locator('h1').first().waitFor();
          await until('the page to settle', async () => (await page.locator('[role=status] .sr-only').count()) === 0);
          await page.waitForTimeout(400);
          await inspect(page, `${name}-${device}-${colorScheme}`);
          expect(complaints.length === 0, `The browser complained: ${complaints.join(' | ')}`);
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
          expect(overflow <= 0, `The page is ${overflow} px wider than the screen.`);
        });
      }
      await context.close();
    }
  }
}

rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });
const server = await startServer(binary, { RHIZA_IDENTITY__REGISTRATION: 'open' });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  const found = {};
  const page = await (await browser.newContext({ viewport: { width: 1360, height: 860 } })).newPage();
  page.setDefaultTimeout(15_000);
  await journey(page, server, found);
  await datasets(page, server, found);
  await automl(page, server, found);
  await signedOut(page, server, found);
  await people(browser, page, server, { ...found, owner });
  await looks(browser, server, found);
} finally {
  await browser.close();
  await server.stop();
}
const { passed, failures } = tally;
console.log(`e2e: ${passed} passed, ${failures.length} failed${failures.length > 0 ? `: ${failures.join('; ')}` : ''}`);
process.exit(failures.length > 0 ? 1 : 0);
