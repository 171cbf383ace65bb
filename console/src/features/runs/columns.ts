import type { ExperimentColumns, RunRow } from '~/api';
import { formatNumber, formatTime, toMillis } from '~/ui/format';
import { writeKey } from './grammar';

/** A column of the runs table. Its id is what the address holds: `m:loss`, `p:depth`, `t:team`, `a:user`. */
export interface Column {
  id: string;
  kind: 'metric' | 'param' | 'tag' | 'attribute';
  key: string;
  title: string;
  width: number;
  numeric: boolean;
  /** What order_by calls it; absent where the server cannot order. */
  order?: string;
}

const attributes: Record<string, { title: string; width: number; order?: string; numeric?: boolean }> = {
  started: { title: 'Started', width: 116, order: 'attributes.start_time' },
  duration: { title: 'Duration', width: 104, numeric: true },
  user: { title: 'User', width: 120, order: 'attributes.user_id' },
  run_id: { title: 'Run id', width: 150 },
  datasets: { title: 'Data', width: 150 },
  models: { title: 'Models', width: 150 },
};
export const attributeIds = Object.keys(attributes).map((key) => `a:${key}`);

export function column(id: string): Column | null {
  const key = id.slice(2);
  switch (id.slice(0, 2)) {
    case 'm:':
      return { id, kind: 'metric', key, title: key, width: widthFor(key, 104), numeric: true, order: writeKey('metrics', key) };
    case 'p:':
      return { id, kind: 'param', key, title: key, width: widthFor(key, 112), numeric: false, order: writeKey('params', key) };
    case 't:':
      return { id, kind: 'tag', key, title: key, width: widthFor(key, 120), numeric: false, order: writeKey('tags', key) };
    case 'a:': {
      const known = attributes[key];
      if (!known) return null;
      return { id, kind: 'attribute', key, title: known.title, width: known.width, numeric: known.numeric ?? false, ...(known.order ? { order: known.order } : {}) };
    }
    default:
      return null;
  }
}

function widthFor(title: string, least: number): number {
  return Math.min(240, Math.max(least, title.length * 7.2 + 40));
}

/** Until someone chooses: when and how long, then the first few metrics and parameters. */
export function defaultColumns(known: ExperimentColumns | undefined): string[] {
  const metrics = (known?.metrics ?? []).filter((m) => !m.startsWith('system/')).slice(0, 6);
  const params = (known?.params ?? []).slice(0, 6);
  return ['a:started', 'a:duration', ...metrics.map((m) => `m:${m}`), ...params.map((p) => `p:${p}`)];
}

export interface Sorting {
  order: string;
  descending: boolean;
}

/** `metrics.loss DESC` apart; without a word at the end MLflow sorts ascending. */
export function readSort(sort: string | undefined): Sorting | null {
  if (!sort) return null;
  const found = /^(.*?)\s+(ASC|DESC)$/i.exec(sort.trim());
  return found ? { order: found[1] ?? '', descending: found[2]?.toUpperCase() === 'DESC' } : { order: sort.trim(), descending: false };
}

/** The next state of a header that is pressed: best first for its kind, then the other way, then off. */
export function nextSort(current: string | undefined, order: string, numeric: boolean): string | undefined {
  const now = readSort(current);
  const first = numeric ? 'DESC' : 'ASC';
  if (now?.order !== order) return `${order} ${first}`;
  if (now.descending === (first === 'DESC')) return `${order} ${first === 'DESC' ? 'ASC' : 'DESC'}`;
  return undefined;
}

/** The plain text of a cell, for the table file as well as the screen. */
export function cellText(row: RunRow, c: Column, exact = false): string {
  switch (c.kind) {
    case 'metric': {
      const value = row.metrics[c.key];
      if (value === undefined) return '';
      return exact ? String(value) : formatNumber(value);
    }
    case 'param':
      return row.params[c.key] ?? '';
    case 'tag':
      return row.tags[c.key] ?? '';
    case 'attribute':
      return attributeText(row, c.key, exact);
  }
}

function attributeText(row: RunRow, key: string, exact: boolean): string {
  switch (key) {
    case 'started':
      return exact ? (row.started_at ?? '') : formatTime(row.started_at);
    case 'duration': {
      const start = toMillis(row.started_at);
      const end = toMillis(row.ended_at);
      return start === null || end === null ? '' : String((end - start) / 1000);
    }
    case 'user':
      return row.user_id;
    case 'run_id':
      return row.run_id;
    case 'datasets':
      return row.datasets.map((d) => d.name).join(', ');
    case 'models':
      return row.models.map((m) => m.name).join(', ');
    default:
      return '';
  }
}

/** One line of RFC 4180. A text that a spreadsheet would run as a formula is defused. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
