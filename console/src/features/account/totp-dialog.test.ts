import { expect, it } from 'vitest';
import { recoveryFile } from './recovery-codes';
import { inFours, svgImage } from './totp-dialog';

it('makes a data address that cannot break out of its attribute', () => {
  const address = svgImage('<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>');
  expect(address.startsWith('data:image/svg+xml;charset=utf-8,')).toBe(true);
  expect(address).not.toMatch(/["<>#]/);
});

it('groups a secret for typing', () => {
  expect(inFours('JBSWY3DPEHPK3PXP')).toBe('JBSW Y3DP EHPK 3PXP');
  expect(inFours('JBSWY')).toBe('JBSW Y');
});

it('writes every code into the file', () => {
  expect(recoveryFile(['aaaa-bbbb', 'cccc-dddd'], 'http://localhost:8080').split('\n').slice(-3)).toEqual(['aaaa-bbbb', 'cccc-dddd', '']);
});
