import { expect, it } from 'vitest';
import { splitLinks } from './links';

it('links to our own server only', () => {
  const origin = 'http://localhost:8080';
  expect(splitLinks('Open http://localhost:8080/verify-email#token=a_b, please.', origin)).toEqual([
    { text: 'Open ' },
    { text: 'http://localhost:8080/verify-email#token=a_b', href: 'http://localhost:8080/verify-email#token=a_b' },
    { text: ', please.' },
  ]);
  expect(splitLinks('http://localhost:8080.evil.example/x', origin)).toEqual([{ text: 'http://localhost:8080.evil.example/x' }]);
  expect(splitLinks('', origin)).toEqual([]);
});
