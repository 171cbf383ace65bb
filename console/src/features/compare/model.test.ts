import { describe, expect, it } from 'vitest';
import type { RunRow } from '~/api';
import { dimension, extremes, facts, pieces, startAxes } from './model';

const run = (id: string, params: Record<string, string>, metrics: RunRow['metrics']): RunRow => ({
  run_id: id, run_name: id, experiment_id: '1', status: 'FINISHED', lifecycle_stage: 'active', user_id: '', child_count: 0, params, metrics, tags: {}, datasets: [], models: [], registered: [],
});
const all = facts([run('a', { lr: '0.1', kind: 'tree', same: '1' }, { loss: 2, 'system/cpu': 1 }), run('b', { lr: '1e-2', kind: 'forest', same: '1' }, { loss: 'NaN', 'system/cpu': 2 }), run('c', { lr: '0.5', same: '1' }, { loss: 1 })]);
const fact = (id: string) => {
  const found = all.find((f) => f.id === id);
  if (!found) throw new Error(id);
  return found;
};

describe('facts', () => {
  it('puts runs side by side and sees what differs, also by being absent', () => {
    expect(fact('p:kind')).toMatchObject({ values: ['tree', 'forest', undefined], differs: true });
    expect(fact('p:same').differs).toBe(false);
  });
  it('begins the plots with what differs, without system metrics', () => {
    expect(startAxes(all)).toEqual(['p:lr', 'p:kind', 'm:loss']);
    expect(startAxes(facts([run('a', { lr: '1' }, {}), run('b', {}, {})]))).toEqual([]);
  });
});

describe('dimension', () => {
  it('reads numeric parameters as numbers and others as categories', () => {
    expect(dimension(fact('p:lr'))).toMatchObject({ kind: 'number', values: [0.1, 0.01, 0.5] });
    expect(dimension(fact('p:kind'))).toMatchObject({ kind: 'category', categories: ['forest', 'tree'], values: [1, 0, null] });
  });
  it('orders categories that are partly numbers', () => {
    const mixed = facts([run('a', { lr: '0.3' }, {}), run('b', { lr: 'constant' }, {}), run('c', { lr: '0.05' }, {})])[0];
    expect(mixed && dimension(mixed).categories).toEqual(['0.05', '0.3', 'constant']);
  });
  it('has no place for NaN', () => {
    expect(dimension(fact('m:loss')).values).toEqual([2, null, 1]);
  });
});

describe('pieces', () => {
  it('breaks a line where there is no value', () => {
    expect(pieces([1, 2, null, 0, null])).toEqual([
      [1, 2, null, null, null],
      [null, null, null, 0, null],
    ]);
    expect(pieces([null, null])).toEqual([]);
  });
});

describe('extremes', () => {
  it('finds the ends of a metric that differs', () => {
    expect(extremes(fact('m:loss'))).toEqual({ min: 1, max: 2 });
    expect(extremes(fact('p:lr'))).toBeNull();
  });
});
