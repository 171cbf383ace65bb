// A file is brought, read, looked at and changed; a broken one says where.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { check, expect } from './harness.mjs';

const diabetes = readFileSync(fileURLToPath(new URL('../../fixtures/data/diabetes.csv', import.meta.url)));

async function bring(page, name, buffer) {
  await page.getByRole('button', { name: 'New dataset' }).click();
  await page.getByLabel('File', { exact: true }).setInputFiles({ name, mimeType: 'text/csv', buffer });
  await page.getByRole('button', { name: 'Upload' }).click();
  await page.waitForURL(/datasets\/dat_/);
}

export async function datasets(page, server, found) {
  const parts = page.getByRole('navigation', { name: 'Parts of the dataset' });
  await check('a file that is dropped into the form becomes a dataset', async () => {
    await page.goto(`${server.url}/p/${found.project}/datasets`);
    await page.getByText('No datasets yet').waitFor();
    await bring(page, 'diabetes.csv', diabetes);
    found.dataset = new URL(page.url()).pathname;
    await page.getByText('442 rows').waitFor();
    await page.getByRole('cell', { name: 'age', exact: true }).waitFor();
  }, page);
  await check('what tells the target is looked for', async () => {
    await parts.getByText('Issues').click();
    await page.getByLabel('To be predicted').selectOption('age');
    await page.waitForURL(/target=age/);
    await page.getByText(/Issues and advice|Nothing stands out/).waitFor();
  }, page);
  await check('its relations and rows are shown', async () => {
    await parts.getByText('Relations').click();
    await page.getByRole('img', { name: /go together, pair by pair/ }).waitFor();
    await parts.getByText('Rows').click();
    await page.getByText('The first 100 rows of 442').waitFor();
  }, page);
  await check('other types make another version of the same bytes', async () => {
    await parts.getByText('Columns').click();
    await page.getByLabel('Type of age').selectOption('categorical');
    await page.getByRole('button', { name: 'Make version' }).click();
    await page.waitForURL(/version=2/);
    await parts.getByText('Versions').click();
    await page.getByText('1 chosen type on').waitFor();
    expect((await page.getByRole('row').count()) === 3, 'two versions and a head');
  }, page);
  await check('a file that cannot be read says in which line', async () => {
    await page.goto(`${server.url}/p/${found.project}/datasets`);
    await bring(page, 'broken.csv', Buffer.from('a,b\n1,2\n3\n'));
    await page.getByText(/line 3: 1 fields where 2 are expected/).waitFor();
    found.brokenDataset = new URL(page.url()).pathname;
  }, page);
}
