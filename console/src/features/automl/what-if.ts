import type { AutomlColumn, AutomlImportance, PredictedRows } from '~/api';
import type { Cell, RecordRow } from './cells';

/** The columns that count most come first; without importances they stay in the order of the table. */
export function byImportance(columns: readonly AutomlColumn[], importance: readonly AutomlImportance[] | null | undefined): AutomlColumn[] {
  const worth = new Map((importance ?? []).map((c) => [c.name, c.importance]));
  return [...columns].sort((a, b) => (worth.get(b.name) ?? 0) - (worth.get(a.name) ?? 0));
}

/** How far a slider moves at once: whole numbers where the table has no others, else a two-hundredth of the range, rounded. */
export function sliderStep(column: AutomlColumn, sample: readonly Record<string, unknown>[]): number {
  const { minimum, maximum } = column;
  if (minimum === null || minimum === undefined || maximum === null || maximum === undefined || !(maximum > minimum)) return 1;
  const values = sample.flatMap((row) => {
    const cell = row[column.name];
    return typeof cell === 'number' ? [cell] : [];
  });
  if (values.length > 0 && [...values, minimum, maximum].every(Number.isInteger)) return 1;
  return Number(((maximum - minimum) / 200).toPrecision(1));
}

/** Columns whose value is no longer the row's. */
export function changedColumns(row: RecordRow, values: RecordRow): string[] {
  return Object.keys(values).filter((name) => (values[name] ?? null) !== (row[name] ?? null));
}

/** What a field's text means in a column of that kind. Nothing means missing; undefined is not a value. */
export function readCell(text: string, kind: string): Cell | undefined {
  if (text.trim() === '') return null;
  if (kind === 'numeric') {
    const n = Number(text);
    return Number.isFinite(n) ? n : undefined;
  }
  if (kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  return text;
}

export function cellInput(cell: Cell | undefined): string {
  return cell === null || cell === undefined ? '' : String(cell);
}

export interface Odds {
  name: string;
  before: number;
  after: number;
}

/** Probabilities of the row as it was and as it is now, the likeliest now first; null for numbers. */
export function odds(predictions: PredictedRows): Odds[] | null {
  const [before, after] = predictions.probabilities ?? [];
  const classes = predictions.classes ?? [];
  if (!before || !after || classes.length === 0) return null;
  return classes.map((name, at) => ({ name, before: before[at] ?? 0, after: after[at] ?? 0 })).sort((a, b) => b.after - a.after);
}
