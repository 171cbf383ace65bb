import { describe, expect, it } from 'vitest';
import type { ColumnProfile, DatasetProfile } from '~/api';
import { families } from './names';
import { emptyForm, likelyTask, metricsOf, namesOfThings, startBody, startErrors, targetAdvice } from './start';

function column(name: string, part: Partial<ColumnProfile> = {}): ColumnProfile {
  return { name, type: 'numeric', count: 100, missing: 0, distinct: 90, infinite: 0, constant: false, identifier: false, top: [], numbers: null, first: null, last: null, ...part };
}

function profile(...columns: ColumnProfile[]): DatasetProfile {
  return { columns, duplicate_rows: 0, leaks: [], quality: { issues: [], score: 100 }, relations: [], rows: 100, sampled_rows: 100 };
}

const table = profile(column('y'), column('x'), column('when', { type: 'datetime' }), column('colour', { type: 'categorical', distinct: 3 }));
const good = emptyForm('dat_1', null, 'y');

describe('the form of a search', () => {
  it('needs data and a target that is there', () => {
    expect(Object.keys(startErrors(emptyForm()))).toEqual(['dataset', 'target']);
    expect(startErrors(good, table)).toEqual({});
    expect(startErrors({ ...good, target: 'gone' }, table).target).toBeDefined();
  });

  it('is held to the bounds of the server', () => {
    for (const seconds of ['', '0', '86401', 'ten']) expect(startErrors({ ...good, seconds }, table).seconds).toBeDefined();
    for (const seconds of ['1', '0.5e2', '86400']) expect(startErrors({ ...good, seconds }, table).seconds).toBeUndefined();
    for (const trials of ['0', '1001', '2.5', 'x']) expect(startErrors({ ...good, trials }, table).trials).toBeDefined();
    for (const holdOut of ['', '-1', '51']) expect(startErrors({ ...good, holdOut }, table).holdOut).toBeDefined();
    expect(startErrors({ ...good, holdOut: '0', trials: '1000', seed: '0', folds: '1' }, table)).toEqual({});
    expect(startErrors({ ...good, families: [] }, table).families).toBeDefined();
    expect(startErrors({ ...good, name: 'n'.repeat(201) }, table).name).toBeDefined();
  });

  it('knows what columns can do', () => {
    expect(startErrors({ ...good, time: 'colour' }, table).time).toBeDefined();
    expect(startErrors({ ...good, time: 'when' }, table).time).toBeUndefined();
    expect(startErrors({ ...good, group: 'y' }, table).group).toBeDefined();
    expect(startErrors({ ...good, ignore: ['x', 'when', 'colour'] }, table).ignore).toBeDefined();
    expect(startErrors({ ...good, ignore: ['x', 'when'], group: 'colour' }, table).ignore).toBeDefined();
  });

  it('refuses a score that does not go with what is predicted', () => {
    expect(startErrors({ ...good, metric: 'roc_auc' }, table).metric).toBeDefined();
    expect(startErrors({ ...good, metric: 'mae' }, table).metric).toBeUndefined();
    expect(startErrors({ ...good, target: 'colour', metric: 'mae' }, table).metric).toBeDefined();
    expect(metricsOf('multiclass')).not.toContain('f1');
    expect(metricsOf('binary')).toContain('f1');
    expect(metricsOf(null)).toContain('rmse');
  });

  it('sends only what was chosen', () => {
    expect(startBody(good)).toEqual({ dataset_id: 'dat_1', target: 'y', seconds: 60, hold_out: 0.2 });
    const form = { ...good, version: 3, name: ' n ', trials: '12', seed: '0', families: families.slice(0, 2), ignore: ['x'], blend: false, holdOut: '0' };
    expect(startBody(form)).toEqual({ dataset_id: 'dat_1', version: 3, target: 'y', name: 'n', seconds: 60, trials: 12, seed: 0, hold_out: 0, ignore: ['x'], families: ['linear', 'boost'], blend: false });
  });
});

describe('a target', () => {
  const stops = (part: Partial<ColumnProfile>, task: Parameters<typeof targetAdvice>[1] = '') => targetAdvice(column('y', part), task).some((a) => a.stops);

  it('that cannot be predicted is said so before anything starts', () => {
    expect(stops({ constant: true, distinct: 1 })).toBe(true);
    expect(stops({ count: 0, missing: 100, distinct: 0 })).toBe(true);
    expect(stops({ type: 'datetime' })).toBe(true);
    expect(stops({ count: 9, distinct: 9 })).toBe(true);
    expect(stops({ type: 'text', distinct: 80 })).toBe(true);
    expect(stops({ type: 'categorical', distinct: 3 }, 'binary')).toBe(true);
    expect(stops({ type: 'categorical', distinct: 3 }, 'regression')).toBe(true);
    expect(stops({ infinite: 1 }, 'regression')).toBe(true);
    expect(stops({})).toBe(false);
    expect(stops({ type: 'categorical', distinct: 3 })).toBe(false);
  });

  it('is warned about where it is suspicious', () => {
    const texts = (part: Partial<ColumnProfile>) => targetAdvice(column('y', part), '').map((a) => a.text).join(' ');
    expect(texts({ missing: 1 })).toContain('1 row without a value');
    expect(texts({ identifier: true })).toContain('a value of its own');
    expect(texts({ type: 'categorical', distinct: 2, top: [{ value: 'no', count: 96 }, { value: 'yes', count: 4 }] })).toContain('4 rows of “yes”');
    expect(texts({})).toBe('');
  });

  it('is taken for what the server will take it for', () => {
    expect(likelyTask(column('y'))).toBe('regression');
    expect(likelyTask(column('y', { distinct: 2 }))).toBe('binary');
    expect(likelyTask(column('y', { distinct: 5 }))).toBeNull();
    expect(likelyTask(column('y', { type: 'text', distinct: 5 }))).toBe('multiclass');
    expect(likelyTask(column('y', { type: 'datetime' }))).toBeNull();
  });
});

it('names of things are pointed out once', () => {
  const data = profile(column('y'), column('id', { identifier: true }), column('name', { identifier: true }));
  expect(namesOfThings(data, { ...good, ignore: ['name'] })).toEqual(['id']);
});
