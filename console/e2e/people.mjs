// Journeys of people: register → prove the address → authenticator app → invite → the second joins as reviewer → is
// denied what a reviewer may not do, and sees why; passkeys; keys; the audit log; what the browser keeps.
import { check, expect, inspect, results, signIn, signOut, until } from './harness.mjs';
import { nextCode, totp } from './totp.mjs';

const mary = { name: 'Mary Somerville', email: 'mary@example.com', password: 'connexion of the sciences', organization: 'Somerville Observatory' };
const caroline = { name: 'Caroline Herschel', email: 'caroline@example.com', password: 'eight comets and counting' };

/** The newest link of a kind in the letters the server has written into its log. */
function linkIn(log, page, after = 0) {
  return [...log.slice(after).matchAll(new RegExp(`https?://\\S+/${page}#token=[\\w.~-]+`, 'g'))].at(-1)?.[0];
}

async function fresh(browser) {
  const page = await (await browser.newContext({ viewport: { width: 1360, height: 860 } })).newPage();
  page.setDefaultTimeout(15_000);
  return page;
}

function admin(page) {
  return page.getByRole('navigation', { name: 'Administration' }).last();
}

export async function people(browser, ownerPage, server, found) {
  const page = await fresh(browser);
  const state = {};
  await register(page, server, state);
  await secondFactor(page, server, state);
  await invite(browser, page, server, state);
  await passkey(page, server);
  await recovery(page, server);
  await keys(ownerPage, server, found);
  await audit(ownerPage, server, found);
  await kept(ownerPage, server, found);
}

async function register(page, server, state) {
  const { url } = server;
  const before = server.log().length;
  await check('somebody registers, told the rules while typing', async () => {
    await page.goto(`${url}/sign-in`);
    await page.getByRole('link', { name: 'Create an account' }).click();
    await page.getByLabel('Your name').fill(mary.name);
    await page.getByLabel('E-mail').fill(mary.email);
    await page.getByLabel('Organisation').fill(mary.organization);
    await page.getByLabel('Password', { exact: true }).fill('comets');
    await page.getByRole('listitem').filter({ hasText: /At least 12 characters.*not yet/ }).waitFor();
    await page.getByLabel('Password', { exact: true }).fill(mary.password);
    await page.getByRole('listitem').filter({ hasText: /At least 12 characters.*kept/ }).waitFor();
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('heading', { name: 'Look into your mail' }).waitFor();
    await inspect(page, 'check-mail');
  }, page);
  await check('the link in the letter proves the address and signs in; its secret leaves the address bar', async () => {
    const link = await until('the letter', () => linkIn(server.log(), 'verify-email', before));
    await page.goto(link);
    await page.waitForURL((address) => !address.pathname.startsWith('/verify-email'));
    expect(!page.url().includes('token'), page.url());
    const start = page.getByRole('button', { name: 'Make a project' });
    await until('a project or the offer to make one', async () => page.url().includes('/p/') || (await start.isVisible()));
    if (await start.isVisible()) {
      await start.click();
      await page.getByRole('button', { name: 'Create project' }).click();
    }
    await page.waitForURL(/\/p\//);
    state.project = new URL(page.url()).pathname.split('/')[2];
  }, page);
  await check('the link works once', async () => {
    const other = await fresh(page.context().browser());
    await other.goto(linkIn(server.log(), 'verify-email', before));
    await other.getByText('This link does not work').waitFor();
    await other.getByRole('alert').waitFor();
    await other.context().close();
  });
}

async function secondFactor(page, server, state) {
  await check('an authenticator app is set up with a picture, a code and recovery codes', async () => {
    await page.goto(`${server.url}/p/${state.project}/account/security`);
    await page.getByRole('button', { name: 'Set up' }).click();
    const picture = page.getByAltText(/QR code/);
    await picture.waitFor();
    await until('the picture to be drawn', () => picture.evaluate((image) => image.complete && image.naturalWidth > 0));
    state.secret = (await page.getByRole('dialog').locator('code').first().innerText()).replace(/\s/g, '');
    await inspect(page, 'totp');
    state.usedAt = Date.now();
    await page.getByLabel('Code of the app').fill(totp(state.secret));
    await page.getByRole('button', { name: 'Switch on' }).click();
    const codes = page.getByRole('list', { name: 'Recovery codes' }).getByRole('listitem');
    await codes.first().waitFor();
    expect((await codes.count()) === 10, `${await codes.count()} codes`);
    state.recovery = await codes.allInnerTexts();
    expect(await page.getByRole('button', { name: 'Done' }).isDisabled(), 'the codes can be passed over');
    await page.getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByText('10 left').waitFor();
  }, page);
  await check('signing in asks for a code', async () => {
    await signOut(page);
    await signIn(page, server.url, mary);
    await page.getByRole('heading', { name: 'One more step' }).waitFor();
    await page.getByLabel('Code').fill('000000');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('alert').waitFor();
    await inspect(page, 'second-factor');
    await page.getByLabel('Code').fill(await nextCode(state.secret, state.usedAt));
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.waitForURL(/\/p\//);
  }, page);
  await check('a recovery code does as well, once', async () => {
    await signOut(page);
    await signIn(page, server.url, mary);
    await page.getByRole('button', { name: 'Use a recovery code' }).click();
    await page.getByLabel('Recovery code').fill(state.recovery[0]);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.waitForURL(/\/p\//);
    await page.goto(`${server.url}/p/${state.project}/account/security`);
    await page.getByText('9 left').waitFor();
  }, page);
}

async function invite(browser, page, server, state) {
  const guest = await fresh(browser);
  await check('an invitation is sent, and is in the mailbox of the development server', async () => {
    await page.goto(`${server.url}/p/${state.project}/admin/invitations`);
    await page.getByRole('button', { name: 'Invite people' }).click();
    await page.getByLabel('E-mail addresses').fill('nobody');
    await page.getByText('not an e-mail address').waitFor();
    await page.getByLabel('E-mail addresses').fill(`Caroline <${caroline.email}>`);
    await page.getByLabel('Role').selectOption('reviewer');
    await page.getByRole('button', { name: 'Send invitation' }).click();
    await page.getByRole('cell', { name: caroline.email, exact: true }).waitFor();
    await admin(page).getByText('Mailbox').click();
    await page.getByRole('row').filter({ hasText: caroline.email }).getByRole('button').first().click();
    state.invitation = await page.getByRole('dialog').getByRole('link').first().getAttribute('href');
    expect(state.invitation.includes('/invitation#token='), state.invitation);
  }, page);
  await check('who is invited registers and is in, as reviewer', async () => {
    await guest.goto(state.invitation);
    await guest.getByRole('heading', { name: `Join ${mary.organization}` }).waitFor();
    expect(!guest.url().includes('token'), guest.url());
    await inspect(guest, 'invitation-register');
    await guest.getByLabel('Your name').fill(caroline.name);
    await guest.getByLabel('Password', { exact: true }).fill(caroline.password);
    await guest.getByRole('button', { name: 'Create account and join' }).click();
    await guest.waitForURL(/\/p\//);
    await guest.goto(`${server.url}/p/${state.project}/admin/members`);
    await guest.getByRole('row').filter({ hasText: caroline.email }).getByText('reviewer').waitFor();
  }, guest);
  await check('a reviewer is not offered what a reviewer may not do, and learns why', async () => {
    expect((await guest.getByRole('link', { name: 'Invite' }).count()) === 0, 'a reviewer is offered to invite');
    expect((await admin(guest).getByText('Invitations').count()) === 0, 'the page of invitations is offered');
    await guest.getByRole('button', { name: 'Why?' }).click();
    const why = guest.getByRole('dialog', { name: 'Why this is not allowed' });
    await why.getByText('members:manage').first().waitFor();
    await why.getByText('reviewer').first().waitFor();
    await inspect(guest, 'why-denied');
    await guest.screenshot({ path: `${results}why-denied.png` });
    await guest.keyboard.press('Escape');
    await guest.goto(`${server.url}/p/${state.project}/experiments`);
    await guest.getByRole('button', { name: /Why can I not/ }).click();
    await guest.getByRole('dialog').getByText('experiments:write').first().waitFor();
    await guest.keyboard.press('Escape');
  }, guest);
  await check('and the server denies it, whatever a page offers', async () => {
    const answer = await guest.evaluate(async () => {
      const response = await fetch('/api/v1/invitations', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ email: 'x@example.com', role: 'owner' }) });
      return { status: response.status, body: await response.json() };
    });
    expect(answer.status === 403 && answer.body.permission === 'members:manage', JSON.stringify(answer));
  });
  await guest.context().close();
}

async function passkey(page, server) {
  const security = await until('the account page', async () => {
    const project = /\/p\/([^/]+)/.exec(page.url())?.[1];
    return project ? `${server.url}/p/${project}/account/security` : null;
  });
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable', { enableUI: false });
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await check('a passkey is added', async () => {
    await page.goto(security);
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByLabel('Name', { exact: true }).fill('test key');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('test key').waitFor();
    await inspect(page, 'passkeys');
  }, page);
  await check('it opens the account by itself', async () => {
    await signOut(page);
    await page.waitForTimeout(1000);
    // Some browsers' test authenticators answer the offer in the form at once.
    if (page.url().includes('/sign-in')) await page.getByRole('button', { name: 'Sign in with a passkey' }).click({ timeout: 5000 }).catch(() => undefined);
    await page.waitForURL(/\/p\//);
    await page.goto(security.replace(/security$/, 'sessions'));
    await page.getByRole('row').filter({ hasText: 'This one' }).getByText('Passkey').waitFor();
  }, page);
}

async function recovery(page, server) {
  const guest = await fresh(page.context().browser());
  const before = server.log().length;
  const changed = `${caroline.password} now`;
  await check('a forgotten password is replaced through a letter', async () => {
    await guest.goto(`${server.url}/sign-in`);
    await guest.getByRole('link', { name: 'Forgot your password?' }).click();
    // The page before has a field of that name, too.
    await guest.getByRole('heading', { name: 'A new password' }).waitFor();
    await guest.getByLabel('E-mail').fill(caroline.email);
    await guest.getByRole('button', { name: 'Send the letter' }).click();
    await guest.getByText('is on its way').waitFor();
    await guest.goto(await until('the letter', () => linkIn(server.log(), 'reset-password', before)));
    await guest.getByLabel('New password', { exact: true }).fill(changed);
    expect(!guest.url().includes('token'), guest.url());
    await guest.getByRole('button', { name: 'Change password' }).click();
    await guest.getByText('Your password is changed').waitFor();
    await signIn(guest, server.url, { ...caroline, password: changed });
    await guest.waitForURL(/\/p\//);
  }, guest);
  await guest.context().close();
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
