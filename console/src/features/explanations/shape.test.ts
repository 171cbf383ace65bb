import { describe, expect, it } from 'vitest';
import { explainBody, explainErrors, explainForm, rowsMax, wantOf } from './request';
import { emptyModel, modelErrors, modelRef } from './model-form';
import { beeswarm, dependence, effectLines, fewRows, firstOutput, rankMoves, rowParts, saidText, standing, strongestPairs, waterfall, weightiest, type Parts } from './shape';

const found: Parts = {
  features: ['a', 'b', 'c'],
  outputs: ['no', 'yes'],
  base_values: [0.6, 0.4],
  values: [
    [[-0.1, 0.1], [0.2, -0.2], [0, 0]],
    [[0.3, -0.3], [0, 0], [-0.05, 0.05]],
  ],
  cells: [
    [1, 'red', true],
    [3, null, false],
  ],
  global: [
    { name: 'a', mean_magnitude: [0.2, 0.2] },
    { name: 'b', mean_magnitude: [0.1, 0.1] },
    { name: 'c', mean_magnitude: [0.025, 0.025] },
  ],
};

describe('the waterfall', () => {
  it('ends where base and parts add up to, however many columns are gathered', () => {
    const parts = Array.from({ length: 30 }, (_, i) => ({ name: `c${i}`, cell: i, value: (i % 2 ? -1 : 1) * (i + 1) }));
    const sum = 5 + parts.reduce((s, p) => s + p.value, 0);
    for (const most of [1, 2, 12, 30, 99]) {
      const steps = waterfall(5, parts, most);
      expect(steps.length).toBe(Math.min(most, 30));
      expect(steps[0]?.from).toBe(5);
      expect(steps.at(-1)?.to).toBeCloseTo(sum);
      steps.slice(1).forEach((s, i) => expect(s.from).toBe(steps[i]?.to));
    }
    expect(waterfall(5, parts, 12).at(-1)).toMatchObject({ name: '19 other columns' });
    expect(waterfall(5, parts, 12).at(-1)).not.toHaveProperty('cell');
  });

  it('takes the weightiest column first, whatever its sign', () => {
    expect(waterfall(0.4, rowParts(found, 1, 1), 12).map((s) => s.name)).toEqual(['a', 'c', 'b']);
    expect(waterfall(0, [], 12)).toEqual([]);
  });
});

describe('the beeswarm', () => {
  it('moves points aside only where they would hide each other, and never out of their line', () => {
    expect(beeswarm([0, 5, 10], 0, 10)).toEqual([0, 0, 0]);
    const crowd = beeswarm(new Array<number>(301).fill(1), 0, 10);
    expect(Math.max(...crowd)).toBeCloseTo(0.4);
    expect(Math.min(...crowd)).toBeCloseTo(-0.4);
    expect(new Set(crowd.map((y) => y.toFixed(9))).size).toBe(301);
    expect(beeswarm([2, 2, 2], 2, 2).map(Math.abs)).toEqual([0, 0.07, 0.07]);
  });

  it('colours by where a value stands; words and missing ones have no place', () => {
    expect(standing([1, 2, 3, null, 'x', undefined])).toEqual([0, 0.5, 1, null, null, null]);
    expect(standing([true, false])).toEqual([1, 0]);
    expect(standing([7, 7])).toEqual([0.5, 0.5]);
    const far = standing([...Array.from({ length: 99 }, (_, i) => i), 1e9]);
    expect(far[50]).toBeGreaterThan(0.4);
    expect(far[99]).toBe(1);
  });

  it('draws no more rows than can be told apart', () => {
    expect(fewRows(3, 600)).toEqual([0, 1, 2]);
    const few = fewRows(10_000, 600);
    expect(few).toHaveLength(600);
    expect(new Set(few).size).toBe(600);
    expect(few.at(-1)).toBeLessThan(10_000);
  });
});

describe('outputs and columns', () => {
  it('begin with the second of two classes', () => {
    expect(firstOutput(['no', 'yes'], undefined)).toBe(1);
    expect(firstOutput(['no', 'yes'], 'no')).toBe(0);
    expect(firstOutput(['a', 'b', 'c'], 'gone')).toBe(0);
    expect(firstOutput(['prediction'], undefined)).toBe(0);
  });

  it('are ranked by their mean size', () => {
    expect(weightiest(found, 1).map((c) => c.name)).toEqual(['a', 'b', 'c']);
  });

  it('depend on cells that are there', () => {
    expect(dependence(found, 1, 0)).toEqual([{ cell: 'red', value: 0.2, row: 0 }]);
    expect(dependence(found, 2, 1).map((p) => p.cell)).toEqual(['yes', 'no']);
  });
});

it('effects become lines of the chosen output', () => {
  const column = { name: 'x', kind: 'numeric', grid: [1, 2], average: [[0.3, 0.7], [0.4, 0.6]], ale: null, ice: [[0.1, 0.2]], ice_output: 1 };
  expect(effectLines(column, 1, String)).toEqual({ words: null, average: [[1, 0.7], [2, 0.6]], ale: null, ice: [[[1, 0.1], [2, 0.2]]] });
  // Single rows are told of one output only, and what is accumulated has a grid of its own.
  const other = effectLines({ ...column, ale: { grid: [1, 1.5, 2], effects: [[0, 0], [1, 2], [3, 4]] } }, 0, String);
  expect(other.ice).toEqual([]);
  expect(other.ale?.points).toEqual([[1, 0], [1.5, 1], [2, 3]]);
  expect(effectLines({ ...column, grid: ['a', false] }, 0, String)).toMatchObject({ words: ['a', 'no'], average: [[0, 0.3], [1, 0.4]] });
});

it('pairs stand once, without the diagonal', () => {
  const pairs = strongestPairs(['a', 'b', 'c'], [[9, 0.1, 0.5], [0.1, 9, 0.3], [0.5, 0.3, 9]], 2);
  expect(pairs).toEqual([{ a: 'a', b: 'c', value: 0.5 }, { a: 'b', b: 'c', value: 0.3 }]);
});

it('what a model says is a number, or the output it gives most to', () => {
  expect(saidText([3.5], ['y'], String)).toBe('3.5');
  expect(saidText([0.2, 0.8], ['no', 'yes'], String)).toBe('yes 0.8');
  expect(saidText([], [], String)).toBe('');
});

it('ranks tell by how much a column moved', () => {
  const rows = rankMoves({ correlation: 0, columns: [{ name: 'a', left: 1, right: 2, left_rank: 2, right_rank: 1 }, { name: 'b', left: 2, right: 1, left_rank: 1, right_rank: 3 }] });
  expect(rows.map((r) => [r.name, r.moved])).toEqual([['b', -2], ['a', 1]]);
  expect(rankMoves({ columns: [{ name: 'new', right: 1, right_rank: 1 }, { name: 'a', left: 1, left_rank: 1 }] }).map((r) => [r.name, r.moved])).toEqual([['a', null], ['new', null]]);
});

describe('asking for an explanation', () => {
  it('wants numbers of models that predict numbers, and classes of others', () => {
    expect(wantOf({ want: 'class' }, true)).toBe('at_least');
    expect(wantOf({ want: 'at_most' }, true)).toBe('at_most');
    expect(wantOf({ want: 'at_most' }, false)).toBe('class');
    expect(wantOf({ want: 'at_most' }, null)).toBe('at_most');
  });

  it('sends rows counted from 0, and only what the kind knows', () => {
    const form = { ...explainForm('shap', 'dat_1', 2, 0), first: '11', count: '5', target: 'y', wanted: 'yes' };
    expect(explainBody(form, { automl_id: 'a' }, [], false)).toEqual({ kind: 'shap', model: { automl_id: 'a' }, rows: { dataset_id: 'dat_1', version: 2, first: 10, count: 5 } });
    const sample = [{ x: 1 }];
    expect(explainBody({ ...explainForm('counterfactual', '', null, 1), wanted: '1e2' }, { automl_id: 'a' }, sample, true)).toMatchObject({ rows: { records: sample }, wanted: { at_least: 100 } });
    expect(explainForm('anchor', '', null, 50).count).toBe('5');
    expect(explainBody({ ...explainForm('shap', '', null, 1), count: '9' }, { automl_id: 'a' }, sample, true)).toMatchObject({ rows: { records: sample } });
    // A class may well look like a number.
    expect(explainBody({ ...explainForm('counterfactual', '', null, 1), wanted: '3' }, { automl_id: 'a' }, sample, false)).toMatchObject({ wanted: { class: '3' } });
    expect(explainBody(explainForm('counterfactual', '', null, 1), { automl_id: 'a' }, sample, false)).not.toHaveProperty('wanted');
  });

  it('says what is missing', () => {
    expect(explainErrors(explainForm('shap', '', null, 0), null).dataset).toBeDefined();
    expect(explainErrors({ ...explainForm('shap', 'd', null, 0), first: '0', count: 'x' }, null)).toMatchObject({ first: expect.any(String), count: expect.any(String) });
    expect(explainErrors(explainForm('counterfactual', 'd', null, 1), true).wanted).toBeDefined();
    expect(explainErrors(explainForm('counterfactual', 'd', null, 1), false)).toEqual({});
    expect(rowsMax('anchor')).toBeLessThan(rowsMax('shap'));
    expect(explainErrors({ ...explainForm('anchor', 'd', null, 0), count: '21' }, null).count).toBeDefined();
    expect(explainErrors({ ...explainForm('shap', 'd', null, 0), count: '1001' }, null).count).toBeDefined();
  });

  it('names models of every origin', () => {
    expect(modelErrors(emptyModel()).automl).toBeDefined();
    expect(modelRef({ ...emptyModel(), kind: 'registered', name: 'm', version: '@champion' })).toEqual({ name: 'm', alias: 'champion' });
    expect(modelRef({ ...emptyModel(), kind: 'registered', name: 'm', version: '3' })).toEqual({ name: 'm', version: '3' });
    expect(modelErrors({ ...emptyModel(), kind: 'registered', name: 'm', version: 'three' }).version).toBeDefined();
    expect(modelErrors({ ...emptyModel(), kind: 'file', run: 'x', path: '' })).toMatchObject({ run: expect.any(String), path: expect.any(String) });
    expect(modelErrors({ ...emptyModel(), kind: 'file', run: '0'.repeat(32), path: 'model/model.txt' })).toEqual({});
  });
});
