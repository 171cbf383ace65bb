// A real OpenID provider (npm oidc-provider) for tests and for trying sign-in by hand.
//
//   node provider.mjs PORT [REDIRECT_URI ...]
//
// Client "rhiza" with the secret "a-secret-for-tests-only-7391". Any login name signs in, with any password; it becomes the
// subject, and NAME@example.org is its verified address ("unverified-..." has one that is not verified).
// POST /test/rotate replaces the signing key, as providers do a few times a year.
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, ...given] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const redirects = given.length > 0 ? given : ['http://localhost:8080/api/v1/auth/oidc/real/callback'];

const key = () => ({
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }),
  kid: randomUUID(), use: 'sig', alg: 'RS256',
});

const make = () => new Provider(issuer, {
  clients: [{
    client_id: 'rhiza',
    client_secret: 'a-secret-for-tests-only-7391',
    grant_types: ['authorization_code'],
    response_types: ['code'],
    redirect_uris: redirects,
  }],
  jwks: { keys: [key()] },
  pkce: { required: () => true },
  // Claims in the identity token itself: we ask no further.
  conformIdTokenClaims: false,
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  cookies: { keys: [randomUUID()] },
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: `Person ${id}`,
      email: `${id}@example.org`,
      email_verified: !id.startsWith('unverified-'),
    }),
  }),
});

// Old keys verify nothing once they are gone: a rotated provider is a new one under the same name.
let provider = make();
createServer((request, response) => {
  if (request.method === 'POST' && request.url === '/test/rotate') {
    provider = make();
    response.writeHead(204).end();
    return;
  }
  provider.callback()(request, response);
}).listen(Number(port), '127.0.0.1', () => console.log(`ready ${issuer}`));
