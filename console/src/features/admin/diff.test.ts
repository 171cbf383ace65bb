import { expect, it } from 'vitest';
import { dayStart, differences } from './diff';

it('says what was added, removed, changed and left', () => {
  expect(differences({ name: 'a', role: 'viewer', old: 1 }, { name: 'a', role: 'admin', nested: { x: true } })).toEqual([
    { path: 'name', change: 'same', before: 'a', after: 'a' },
    { path: 'role', change: 'changed', before: 'viewer', after: 'admin' },
    { path: 'old', change: 'removed', before: '1', after: null },
    { path: 'nested.x', change: 'added', before: null, after: 'true' },
  ]);
});

it('takes a thing that was made or is gone', () => {
  expect(differences(null, { scopes: ['a', 'b'] })).toEqual([{ path: 'scopes', change: 'added', before: null, after: '["a","b"]' }]);
  expect(differences({ name: null }, null)).toEqual([{ path: 'name', change: 'removed', before: 'null', after: null }]);
  expect(differences(null, null)).toEqual([]);
});

it('knows when a day begins, and nothing of other words', () => {
  expect(new Date(dayStart('2026-11-21') ?? '').getHours()).toBe(0);
  expect(Date.parse(dayStart('2026-11-21', 1) ?? '') - Date.parse(dayStart('2026-11-21') ?? '')).toBe(86_400_000);
  expect(dayStart('yesterday')).toBeUndefined();
  expect(dayStart(undefined)).toBeUndefined();
});
