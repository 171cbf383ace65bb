import { describe, expect, it } from 'vitest';
import type { ColumnProfile, ColumnRelation } from '~/api';
import { addressError, barsOf, changedTypes, missingShare, nameError, nameOf, relationGrid } from './rules';

const column: ColumnProfile = {
  name: 'x',
  type: 'numeric',
  count: 8,
  missing: 2,
  distinct: 5,
  infinite: 0,
  constant: false,
  identifier: false,
  top: [],
  numbers: null,
  first: null,
  last: null,
};

describe('names and addresses', () => {
  it('are held to the rules of the server', () => {
    expect(nameError('iris')).toBeNull();
    expect(nameError(' ')).not.toBeNull();
    expect(nameError('a\nb')).not.toBeNull();
    expect(nameError('x'.repeat(201))).not.toBeNull();
    expect(addressError('https://example.org/a.csv?sig=1')).toBeNull();
    for (const bad of ['a.csv', 'ftp://h/a', 'https://u:p@h/a']) expect(addressError(bad)).not.toBeNull();
  });

  it('come from the file', () => {
    expect(nameOf('C:\\data\\iris.csv')).toBe('iris');
    expect(nameOf('a.b.parquet')).toBe('a.b');
    expect(nameOf('.csv')).toBe('.csv');
  });
});

describe('chosen types', () => {
  it('are complete, and nothing when nothing changes', () => {
    expect(changedTypes({}, {})).toBeNull();
    expect(changedTypes({ a: 'text' }, { a: 'text' })).toBeNull();
    expect(changedTypes({ a: 'text' }, { b: 'numeric' })).toEqual({ a: 'text', b: 'numeric' });
    expect(changedTypes({ a: 'text' }, { a: null })).toEqual({});
    expect(changedTypes({}, { a: null })).toBeNull();
  });
});

describe('what a column shows', () => {
  it('names the values that are left out', () => {
    const top = [
      { value: 'a', count: 4 },
      { value: 'b', count: 3 },
    ];
    expect(barsOf({ ...column, top }, String)).toEqual([
      { label: 'a', count: 4 },
      { label: 'b', count: 3 },
      { label: '3 others', count: 1 },
    ]);
    expect(missingShare(column)).toBe(0.2);
  });

  it('is a histogram for numbers', () => {
    const numbers = { mean: 1, deviation: 1, minimum: 0, maximum: 2, quantiles: [], skew: 0, kurtosis: 0, zeros: 0, negative: 0, histogram: [{ from: 0, to: 2, count: 8 }] };
    expect(barsOf({ ...column, numbers }, String)).toEqual([{ label: '0 to 2', count: 8 }]);
  });
});

describe('relations', () => {
  it('show the strongest measure of each pair of the most related columns', () => {
    const relation = (a: string, b: string, value: number): ColumnRelation => ({ a, b, value, measure: 'pearson' });
    const grid = relationGrid([relation('a', 'b', 0.2), relation('b', 'a', -0.9), relation('c', 'd', 0.3)], 3);
    expect(grid.columns).toEqual(['b', 'a', 'c']);
    expect(grid.cells[0]?.[1]?.value).toBe(-0.9);
    expect(grid.cells[1]?.[0]?.value).toBe(-0.9);
    expect(grid.cells[0]?.[0]).toBeUndefined();
    expect(grid.cells[2]?.[0]).toBeUndefined();
  });
});
