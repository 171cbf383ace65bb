import { expect, it } from 'vitest';
import { readAddresses } from './addresses';

it('reads what people paste', () => {
  expect(readAddresses('a@x.org, b@x.org;c@x.org\nGrace Hopper <d@x.org>\nA@X.org')).toEqual({ good: ['a@x.org', 'b@x.org', 'c@x.org', 'd@x.org'], bad: [] });
  expect(readAddresses('a@x.org b@x.org')).toEqual({ good: ['a@x.org', 'b@x.org'], bad: [] });
  expect(readAddresses('grace, a@x.org')).toEqual({ good: ['a@x.org'], bad: ['grace'] });
  expect(readAddresses(' \n,')).toEqual({ good: [], bad: [] });
});
