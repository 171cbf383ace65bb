import { defineConfig } from '@hey-api/openapi-ts';

// The committed OpenAPI document is the contract; RHIZA_OPENAPI points at another one while both sides are being changed.
export default defineConfig({
  input: process.env['RHIZA_OPENAPI'] ?? '../docs/reference/openapi.json',
  output: { path: 'src/api', clean: true },
  plugins: [
    { name: '@hey-api/client-fetch', throwOnError: true },
    '@hey-api/typescript',
    { name: '@hey-api/sdk', operations: { strategy: 'flat' } },
  ],
});
