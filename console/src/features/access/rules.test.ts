import { describe, expect, it } from 'vitest';
import { emailError, nameError, passwordError, passwordRules } from './rules';

describe('passwordError', () => {
  it('accepts a few words', () => {
    expect(passwordError('analytical engine 1843', { email: 'ada@example.com', names: ['Ada Lovelace'] })).toBeNull();
    expect(passwordError('ada lovelace likes steam', { email: 'ada@example.com', names: ['Ada Lovelace'] })).toBeNull();
  });
  it('refuses what the server refuses', () => {
    expect(passwordError('short')).toContain('12 characters');
    expect(passwordError('aaaaaaaaaaaabbb')).toContain('pattern');
    expect(passwordError('abcdefghijklmnop')).toContain('counted');
    expect(passwordError('9876543210987')).toContain('counted');
    expect(passwordError('ada@example.com1', { email: 'ada@example.com' })).toContain('Not made of');
    expect(passwordError('Analytical-1843!', { names: ['analytical'] })).toContain('Not made of');
    expect(passwordError('Correct Horse Battery Staple')).toContain('first passwords');
    expect(passwordError('é'.repeat(600))).toContain('bytes');
  });
  it('counts characters, not code units', () => {
    expect(passwordRules('🐫🐪🦙🦒🐘🦏🦛🐁🐀🐹🐰')[0]?.kept).toBe(false);
  });
});

it('knows an address and a name when it sees one', () => {
  expect(emailError(' ada@example.com ')).toBeNull();
  expect(emailError('ada')).not.toBeNull();
  expect(nameError('Your name', ' ')).toBe('Your name is needed.');
  expect(nameError('Your name', 'x'.repeat(121))).toBe('At most 120 characters.');
});
