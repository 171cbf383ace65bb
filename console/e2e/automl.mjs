// From a file to a model that answers: upload, search, live leaderboard, explanation, registration, and the command that is
// shown, run as it is shown.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { check, expect, results, until } from './harness.mjs';

const fixture = (name) => readFileSync(fileURLToPath(new URL(`../../fixtures/data/${name}`, import.meta.url)));

/** Runs a line of shell as somebody would who pasted it. */
function shell(line, env) {
  return new Promise((resolve, reject) => {
    execFile('sh', ['-c', line], { env: { ...process.env, ...env }, timeout: 30_000 }, (error, stdout, stderr) => (error ? reject(new Error(`${error.message}\n${stderr}`)) : resolve(stdout)));
  });
}

async function bring(page, server, found, name, buffer) {
  await page.goto(`${server.url}/p/${found.project}/datasets`);
  await page.getByRole('button', { name: 'New dataset' }).click();
  await page.getByLabel('File', { exact: true }).setInputFiles({ name, mimeType: 'text/csv', buffer });
  await page.getByRole('button', { name: 'Upload' }).click();
  await page.waitForURL(/datasets\/dat_/);
}

const parts = (page) => page.getByRole('navigation', { name: 'Parts of the search' });
const trials = (page) => page.locator('tr[data-trial]').count();

async function start(page, seconds) {
  await page.getByLabel('To be predicted').selectOption('target');
  await page.getByLabel('Time, in seconds').fill(String(seconds));
  await page.getByRole('button', { name: 'Start the search' }).click();
  await page.waitForURL((url) => /\/automl\/(?!new)[^/]+$/.test(url.pathname));
  return new URL(page.url()).pathname;
}

async function explain(page, job, server) {
  await page.goto(`${server.url}${job}?tab=explanations`);
  await page.getByRole('button', { name: /^Explain [\d,]+ rows$/ }).click();
  await page.getByRole('table', { name: 'From the base value to the prediction' }).waitFor({ timeout: 60_000 });
  await page.getByRole('link', { name: 'On its own page' }).click();
  await page.waitForURL(/explanations\/\w+/);
  await page.getByRole('table', { name: 'From the base value to the prediction' }).waitFor();
  return new URL(page.url()).pathname;
}

export async function automl(page, server, found) {
  await check('without searches, the page says what they are', async () => {
    await page.goto(`${server.url}/p/${found.project}/automl`);
    await page.getByText('No searches yet').waitFor();
    await page.getByText('rhiza automl data.csv --target y').waitFor();
  }, page);
  await check('a search is started from a dataset’s page', async () => {
    await bring(page, server, found, 'sugar.csv', fixture('diabetes.csv'));
    await page.getByRole('link', { name: 'Find a model' }).click();
    await page.getByRole('button', { name: 'Start the search' }).click();
    await page.getByText('Which column is to be predicted?').waitFor();
    await page.getByLabel('Time, in seconds').fill('0');
    await page.getByText('From 1 second to a day').waitFor();
    found.search = await start(page, 10);
  }, page);
  await check('its leaderboard grows live', async () => {
    await until('two trials', async () => (await trials(page)) >= 2, 20_000);
    await page.screenshot({ path: `${results}automl-live.png` });
    expect(!(await parts(page).isVisible()) || (await trials(page)) > 2, 'the search was over before it could be seen');
    await page.getByRole('img', { name: /in the order they were made/ }).waitFor();
  }, page);
  await check('it ends with a model, and scores on rows set apart', async () => {
    await parts(page).waitFor({ timeout: 90_000 });
    await page.getByRole('table').filter({ hasText: 'RMSE' }).first().waitFor();
    await parts(page).getByText('Quality').click();
    await page.getByRole('img', { name: /True against predicted/ }).waitFor();
    await parts(page).getByText('Search').click();
    expect((await trials(page)) > 2, 'the leaderboard is gone');
  }, page);
  await check('its predictions are explained row by row', async () => {
    found.explanation = await explain(page, found.search, server);
    await page.getByRole('img', { name: /Parts of [\d,]+ rows/ }).waitFor();
    await page.getByRole('button', { name: 'The next row' }).click();
    await page.getByText('Row 2 taken apart').waitFor();
  }, page);
  await check('other values give other predictions', async () => {
    await page.goto(`${server.url}${found.search}?tab=try`);
    await page.getByText(/^The row as it is/).waitFor();
    const bmi = page.getByLabel('bmi', { exact: true });
    await bmi.fill(String(Number(await bmi.inputValue()) + 8));
    await page.getByText('1 column changed').waitFor();
    await page.getByText('of the row as it is').waitFor();
    await page.getByRole('button', { name: 'Reset' }).click();
    await page.getByText(/^The row as it is/).waitFor();
  }, page);
  await check('it is registered, and the command that is shown answers', async () => {
    await page.goto(`${server.url}${found.search}?tab=use`);
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByLabel('Model name').fill('a/b');
    await page.getByText('A name has no “/”').waitFor();
    await page.getByLabel('Model name').fill('sugar');
    await page.getByLabel('Alias (optional)').fill('champion');
    await page.getByRole('button', { name: 'Register model' }).click();
    const command = await page.getByLabel('Command', { exact: true }).textContent();
    expect(command.includes(`${server.url}/serving/sugar/invocations`), `the command names another address: ${command}`);
    const said = JSON.parse(await shell(`${command} --silent --show-error --fail-with-body`, { RHIZA_API_KEY: found.key }));
    expect(said.predictions?.length === 1 && Number.isFinite(said.predictions[0]), `the model answered ${JSON.stringify(said)}`);
  }, page);
  await check('its file can be taken along', async () => {
    const response = await page.request.get(new URL(await page.getByRole('link', { name: /Rhiza model/ }).getAttribute('href'), server.url).href);
    expect(response.ok() && (await response.body()).length > 100, `the download answered ${response.status()}`);
  }, page);
  await check('a search that was cancelled becomes a model of what there is', async () => {
    await bring(page, server, found, 'flowers.csv', fixture('iris.csv'));
    await page.getByRole('link', { name: 'Find a model' }).click();
    found.classes = await start(page, 600);
    await until('a trial', async () => (await trials(page)) >= 1, 20_000);
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('button', { name: 'Cancel the search' }).click();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByLabel('Make the model from what there is').check();
    await page.getByRole('button', { name: 'Make the model' }).click();
    await parts(page).waitFor({ timeout: 60_000 });
    await parts(page).getByText('Quality').click();
    await page.getByRole('img', { name: /^ROC of/ }).waitFor();
    await page.getByText('What was taken for what').waitFor();
  }, page);
  await check('two searches are compared', async () => {
    await page.goto(`${server.url}/p/${found.project}/automl`);
    const boxes = page.getByRole('checkbox');
    await boxes.first().waitFor();
    for (let i = 0; i < 2; i += 1) await boxes.nth(i).check();
    await page.getByRole('link', { name: 'Compare' }).click();
    await page.getByRole('heading', { name: 'Compare 2 searches' }).waitFor();
    await page.getByText('Scores on rows set apart').waitFor();
    found.compareSearches = page.url().slice(server.url.length);
  }, page);
  await check('two explanations are compared', async () => {
    // There is one already: another is asked for in the dialog.
    await page.goto(`${server.url}${found.search}?tab=explanations`);
    await page.getByRole('button', { name: 'Another' }).click();
    await page.getByLabel('Rows of a dataset').check();
    await page.getByLabel('How many rows').fill('40');
    await page.getByRole('button', { name: 'Explain', exact: true }).click();
    await page.waitForURL(/explanation=/);
    await page.getByRole('table', { name: 'From the base value to the prediction' }).waitFor({ timeout: 60_000 });
    await page.getByRole('link', { name: 'On its own page' }).click();
    await page.waitForURL(/explanations\/\w+/);
    const another = new URL(page.url()).pathname;
    const id = (path) => path.split('/').pop();
    found.compareExplanations = `/p/${found.project}/automl/explanations/compare?left=${id(found.explanation)}&right=${id(another)}`;
    await page.goto(server.url + found.compareExplanations);
    await page.getByText('How alike the two orders are').waitFor();
  }, page);
}

/** The pages of this journey, to be looked at in every form. */
export function automlPages(found) {
  const p = `/p/${found.project}/automl`;
  return {
    automl: p,
    'automl-new': `${p}/new`,
    'automl-model': found.search,
    ...Object.fromEntries(['search', 'quality', 'explanations', 'try', 'use'].map((tab) => [`automl-${tab}`, `${found.search}?tab=${tab}`])),
    'automl-classes': `${found.classes}?tab=quality`,
    'automl-compare': found.compareSearches,
    explanations: `${p}/explanations`,
    explanation: found.explanation,
    'explanations-compare': found.compareExplanations,
  };
}
