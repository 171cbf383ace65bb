import { expect, it } from 'vitest';
import { takeToken } from './link-token';

it('takes the token out of the fragment and out of the query', () => {
  expect(takeToken('http://localhost:8080/verify-email#token=abc')).toEqual({ page: '/verify-email', token: 'abc', rest: '/verify-email' });
  expect(takeToken('http://localhost:8080/setup?token=abc&x=1')).toEqual({ page: '/setup', token: 'abc', rest: '/setup?x=1' });
});

it('leaves other pages and links without a token alone', () => {
  expect(takeToken('http://localhost:8080/p/default/models?token=abc')).toBeNull();
  expect(takeToken('http://localhost:8080/reset-password')).toBeNull();
  expect(takeToken('http://localhost:8080/reset-password#token=')).toBeNull();
});
