import type { ColumnProfile, ColumnRelation, ColumnType, DatasetIssue, DatasetSource } from '~/api';

export const nameMax = 200;
export const descriptionMax = 10_000;

export const columnTypes: readonly ColumnType[] = ['numeric', 'boolean', 'categorical', 'datetime', 'text'];
export const formats = ['csv', 'jsonl', 'parquet', 'arrow'] as const;
export const formatNames = { csv: 'CSV', jsonl: 'JSON Lines', parquet: 'Parquet', arrow: 'Arrow' } as const;

/** The server's own rule for names. */
export function nameError(name: string): string | null {
  const text = name.trim();
  if (text === '') return 'A dataset needs a name.';
  if ([...text].length > nameMax) return `At most ${nameMax} characters.`;
  return /\p{Cc}/u.test(text) ? 'No control characters.' : null;
}

export function addressError(text: string): string | null {
  if (!URL.canParse(text)) return 'Begin with https:// or http://.';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'Begin with https:// or http://.';
  return url.username || url.password ? 'No user or password: use a signed or public address.' : null;
}

/** What a dataset made of this file is best called: the file's name without its folder and ending. */
export function nameOf(file: string): string {
  const last = file.split(/[\\/]/).pop() ?? '';
  const stem = last.replace(/(\.(csv|tsv|txt|json|jsonl|ndjson|parquet|pq|arrow|feather|ipc))+$/i, '');
  return [...(stem || last)].slice(0, nameMax).join('');
}

/** What changes when columns are read as chosen here: the complete choice, or null when it is what it was. */
export function changedTypes(before: Record<string, ColumnType>, chosen: Record<string, ColumnType | null>): Record<string, ColumnType> | null {
  const after = { ...before };
  for (const [name, type] of Object.entries(chosen)) {
    if (type === null) delete after[name];
    else after[name] = type;
  }
  const names = Object.keys(after);
  const same = names.length === Object.keys(before).length && names.every((name) => before[name] === after[name]);
  return same ? null : after;
}

export function sourceText(source: DatasetSource): string {
  switch (source.kind) {
    case 'upload':
      return source.file ?? 'Upload';
    case 'url':
      return source.url;
    case 'artifact':
      return source.path;
    case 'types':
      return 'Other types';
  }
}

/** Issues of one column, the most severe first as the server sends them. */
export function issuesOf(issues: readonly DatasetIssue[], column: string): DatasetIssue[] {
  return issues.filter((issue) => issue.column === column);
}

export function missingShare(column: ColumnProfile): number {
  const rows = column.count + column.missing;
  return rows > 0 ? column.missing / rows : 0;
}

/** One text for each pair of columns, whichever stands first. */
function pairKey(a: string, b: string): string {
  return a < b ? `${a}\u0000${b}` : `${b}\u0000${a}`;
}

export interface Grid {
  columns: string[];
  /** Row by row, the strongest relation of each pair; the diagonal and unrelated pairs are absent. */
  cells: (ColumnRelation | undefined)[][];
}

/** The columns with the strongest relations, and how each pair of them goes together. */
export function relationGrid(relations: readonly ColumnRelation[], most: number): Grid {
  const strongest = new Map<string, ColumnRelation>();
  const columns: string[] = [];
  for (const relation of [...relations].sort((x, y) => Math.abs(y.value) - Math.abs(x.value))) {
    const key = pairKey(relation.a, relation.b);
    if (!strongest.has(key)) strongest.set(key, relation);
    for (const name of [relation.a, relation.b]) {
      if (columns.length < most && !columns.includes(name)) columns.push(name);
    }
  }
  return { columns, cells: columns.map((a) => columns.map((b) => (a === b ? undefined : strongest.get(pairKey(a, b))))) };
}

export interface Bar {
  label: string;
  count: number;
}

/** What a column's picture shows: a histogram's bins, or the most frequent values with all others as the last bar. */
export function barsOf(column: ColumnProfile, format: (value: number) => string): Bar[] {
  if (column.top.length > 0) {
    const bars = column.top.map((top) => ({ label: top.value, count: top.count }));
    const rest = column.count - bars.reduce((sum, bar) => sum + bar.count, 0);
    return rest > 0 ? [...bars, { label: `${(column.distinct - bars.length).toLocaleString('en-US')} others`, count: rest }] : bars;
  }
  return (column.numbers?.histogram ?? []).map((bin) => ({
    label: `${format(bin.from ?? Number.NaN)} to ${format(bin.to ?? Number.NaN)}`,
    count: bin.count,
  }));
}
