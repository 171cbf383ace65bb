import { describe, expect, it } from 'vitest';
import type { RunRow } from '~/api';
import { cellText, column, csvLine, defaultColumns, nextSort, readSort } from './columns';

const row: RunRow = {
  run_id: 'r', run_name: 'n', experiment_id: '1', status: 'FINISHED', lifecycle_stage: 'active', user_id: 'u', child_count: 0,
  started_at: '2026-01-01T00:00:00Z', ended_at: '2026-01-01T00:01:30Z', parent_run_id: null,
  metrics: { loss: 0.123456789, bad: 'NaN' }, params: { depth: '3' }, tags: {}, datasets: [], models: [], registered: [],
};

describe('columns', () => {
  it('reads ids and refuses what it does not know', () => {
    expect(column('m:val/acc')).toMatchObject({ kind: 'metric', key: 'val/acc', order: 'metrics.`val/acc`' });
    expect(column('a:nothing')).toBeNull();
    expect(column('x')).toBeNull();
  });
  it('leaves system metrics out of the first view', () => {
    const ids = defaultColumns({ metrics: ['system/cpu', 'loss'], params: ['lr'], tags: [], attributes: [], datasets: [], truncated: false });
    expect(ids).toEqual(['a:started', 'a:duration', 'm:loss', 'p:lr']);
  });
  it('shows rounded values and exports exact ones', () => {
    const loss = column('m:loss');
    const duration = column('a:duration');
    if (!loss || !duration) throw new Error('known columns');
    expect(cellText(row, loss)).toBe('0.123457');
    expect(cellText(row, loss, true)).toBe('0.123456789');
    expect(cellText(row, duration, true)).toBe('90');
  });
});

describe('sorting', () => {
  it('goes best first, the other way, off', () => {
    expect(nextSort(undefined, 'metrics.loss', true)).toBe('metrics.loss DESC');
    expect(nextSort('metrics.loss DESC', 'metrics.loss', true)).toBe('metrics.loss ASC');
    expect(nextSort('metrics.loss ASC', 'metrics.loss', true)).toBeUndefined();
    expect(nextSort('metrics.loss ASC', 'params.lr', false)).toBe('params.lr ASC');
  });
  it('reads a clause with blanks in the key', () => {
    expect(readSort('metrics.`a b` desc')).toEqual({ order: 'metrics.`a b`', descending: true });
    expect(readSort('metrics.loss')).toEqual({ order: 'metrics.loss', descending: false });
  });
});

describe('csvLine', () => {
  it('quotes and defuses', () => {
    expect(csvLine(['a,b', 'c"d', '=1+1', '-2.5', 'x'])).toBe('"a,b","c""d",\'=1+1,-2.5,x\r\n');
  });
});
