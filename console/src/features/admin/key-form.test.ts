import { expect, it } from 'vitest';
import { asLifetime, readNetworks } from './key-form';

it('reads networks and points at what is none', () => {
  expect(readNetworks('10.0.0.0/8, 2001:db8::/32\n192.0.2.7 10.0.0.0/8')).toEqual({ networks: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'], bad: [] });
  expect(readNetworks('10.0.0.0/33 office 256.0.0.1 1.2.3.4/8/8')).toEqual({ networks: [], bad: ['10.0.0.0/33', 'office', '256.0.0.1', '1.2.3.4/8/8'] });
  expect(readNetworks(' ')).toEqual({ networks: [], bad: [] });
});

it('knows the lifetimes it offers', () => {
  expect(asLifetime('30 days')).toBe('30 days');
  expect(asLifetime('forever')).toBe('never');
});
