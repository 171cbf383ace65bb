import { expect, it } from 'vitest';
import { newestOfEach } from './metrics';

it('keeps the newest value of each metric on each dataset', () => {
  const point = (key: string, step: number, timestamp: number, value: number, dataset_name?: string) => ({ key, step, timestamp, value, dataset_name, model_id: 'm', run_id: 'r' });
  const kept = newestOfEach([point('loss', 0, 9, 1), point('loss', 2, 1, 3), point('loss', 2, 2, 4), point('acc', 0, 0, 5, 'test'), point('acc', 0, 0, 6, 'train')]);
  expect(kept.map((m) => [m.key, m.value])).toEqual([
    ['acc', 5],
    ['acc', 6],
    ['loss', 4],
  ]);
});
