import { expect, it } from 'vitest';
import { latest } from './data';

it('takes the highest step, then the latest time', () => {
  const before = [{ key: 'loss', value: 1, step: 5, timestamp: 100 }];
  const after = latest(before, [
    { key: 'loss', value: 9, step: 4, timestamp_ms: 900 },
    { key: 'loss', value: 2, step: 5, timestamp_ms: 101 },
    { key: 'acc', value: 'NaN', step: 0, timestamp_ms: 1 },
  ]);
  expect(after).toEqual([
    { key: 'loss', value: 2, step: 5, timestamp: 101 },
    { key: 'acc', value: 'NaN', step: 0, timestamp: 1 },
  ]);
});
