import type { Attributions, ColumnEffect, ComparedExplanations } from '~/api';
import { asCell } from '../automl/cells';

/** What both SHAP and LIME say of rows: a part for each column and output. */
export type Parts = Pick<Attributions, 'features' | 'outputs' | 'base_values' | 'values' | 'cells' | 'global'>;

export function cellText(of: unknown, number: (n: number) => string): string {
  const cell = asCell(of);
  if (cell === null) return 'missing';
  if (typeof cell === 'number') return number(cell);
  return typeof cell === 'boolean' ? (cell ? 'yes' : 'no') : cell;
}

/** Which output is looked at first: of two classes the second, which the first only mirrors. */
export function firstOutput(outputs: readonly string[], wanted: string | undefined): number {
  const at = wanted === undefined ? -1 : outputs.indexOf(wanted);
  if (at >= 0) return at;
  return outputs.length === 2 ? 1 : 0;
}

/** The part of one column in one output, row by row. */
export function partsOf(of: Parts, column: number, output: number): number[] {
  return of.values.map((row) => row[column]?.[output] ?? 0);
}

/** Columns by how much they count in an output, the weightiest first. */
export function weightiest(of: Parts, output: number): { column: number; name: string; mean: number }[] {
  const mean = new Map(of.global.map((g) => [g.name, g.mean_magnitude[output] ?? 0]));
  return of.features.map((name, column) => ({ column, name, mean: mean.get(name) ?? 0 })).sort((a, b) => b.mean - a.mean);
}

/**
 * Where each cell stands among those of its column, 0 for low and 1 for high; null for words and for what is missing, which
 * have no order. A twentieth at either end is all the same: one far value must not make all others look alike.
 */
export function standing(cells: readonly unknown[]): (number | null)[] {
  const numbers = cells.map((c) => (typeof c === 'number' ? c : typeof c === 'boolean' ? Number(c) : null));
  const sorted = numbers.filter((n) => n !== null).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  let [low, high] = [at(0.05), at(0.95)];
  if (low === high) [low, high] = [at(0), at(1)];
  return numbers.map((n) => (n === null ? null : high > low ? Math.min(1, Math.max(0, (n - low) / (high - low))) : 0.5));
}

/**
 * How far each point has to move aside so that points with nearly the same value do not hide each other: −0.4 to 0.4, turn by
 * turn to either side of the middle.
 */
export function beeswarm(values: readonly number[], low: number, high: number, bins = 100): number[] {
  const span = high - low;
  const filled = new Map<number, number>();
  const place = values.map((v) => {
    const bin = span > 0 ? Math.min(bins - 1, Math.floor(((v - low) / span) * bins)) : 0;
    const before = filled.get(bin) ?? 0;
    filled.set(bin, before + 1);
    return { bin, before };
  });
  return place.map(({ bin, before }) => {
    const steps = Math.ceil(((filled.get(bin) ?? 1) - 1) / 2);
    const step = Math.min(0.07, 0.4 / Math.max(1, steps));
    const aside = Math.ceil(before / 2) * step;
    return before % 2 === 1 ? aside : -aside || 0;
  });
}

/** Evenly chosen places of rows, no more than can be drawn. */
export function fewRows(rows: number, most: number): number[] {
  if (rows <= most) return Array.from({ length: rows }, (_, i) => i);
  return Array.from({ length: most }, (_, i) => Math.floor((i * rows) / most));
}

export interface Step {
  name: string;
  /** The row's own value; absent for the sum of several columns. */
  cell?: unknown;
  value: number;
  from: number;
  to: number;
}

/** From what is said before anything is known to what is said of the row, the weightiest columns one by one and the rest as one. */
export function waterfall(base: number, parts: readonly { name: string; cell: unknown; value: number }[], most: number): Step[] {
  const sorted = [...parts].sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const single = sorted.length <= most ? sorted : sorted.slice(0, most - 1);
  const rest = sorted.slice(single.length);
  const all: { name: string; cell?: unknown; value: number }[] = [...single];
  if (rest.length > 0) all.push({ name: `${rest.length} other columns`, value: rest.reduce((sum, p) => sum + p.value, 0) });
  let at = base;
  return all.map((p) => {
    const from = at;
    at += p.value;
    return { ...p, from, to: at };
  });
}

/** One column's parts of a row in one output. */
export function rowParts(of: Parts, row: number, output: number): { name: string; cell: unknown; value: number }[] {
  return of.features.map((name, column) => ({ name, cell: of.cells[row]?.[column], value: of.values[row]?.[column]?.[output] ?? 0 }));
}

/** A column's cell against its part, for those rows that have a cell. */
export function dependence(of: Parts, column: number, output: number): { cell: string | number; value: number; row: number }[] {
  return of.values.flatMap((row, at) => {
    const cell = asCell(of.cells[at]?.[column]);
    if (cell === null) return [];
    return [{ cell: typeof cell === 'boolean' ? (cell ? 'yes' : 'no') : cell, value: row[column]?.[output] ?? 0, row: at }];
  });
}

/** Points over a grid; words of a grid are places from 0. */
function along(grid: readonly unknown[], values: readonly (number | undefined)[]) {
  const words = grid.some((g) => typeof g !== 'number');
  return grid.flatMap((g, at) => {
    const value = values[at];
    return value === undefined ? [] : [[words ? at : Number(g), value] as const];
  });
}

/** The curves of an effect as points over the grid. What is accumulated has a grid of its own. */
export function effectLines(column: ColumnEffect, output: number, text: (n: number) => string) {
  const words = (grid: readonly unknown[]) => (grid.some((g) => typeof g !== 'number') ? grid.map((g) => cellText(g, text)) : null);
  return {
    words: words(column.grid),
    average: along(column.grid, column.average.map((g) => g[output])),
    ale: column.ale ? { words: words(column.ale.grid), points: along(column.ale.grid, column.ale.effects.map((g) => g[output])) } : null,
    // Lines of single rows are those of one output, and of no other.
    ice: column.ice_output === output ? column.ice.map((line) => along(column.grid, line)) : [],
  };
}

/** The strongest pairs of columns, each once. What stands on the diagonal is a column's own effect. */
export function strongestPairs(features: readonly string[], strength: readonly (readonly number[])[], most: number): { a: string; b: string; value: number }[] {
  const pairs = features.flatMap((a, i) => features.slice(i + 1).map((b, j) => ({ a, b, value: strength[i]?.[i + 1 + j] ?? 0 })));
  return pairs.sort((x, y) => y.value - x.value).slice(0, most);
}

/** Columns of both explanations by their rank on the left, and by how many ranks each moved; those only one side knows last. */
export function rankMoves(comparison: ComparedExplanations) {
  const last = Number.MAX_SAFE_INTEGER;
  return [...comparison.columns]
    .sort((a, b) => (a.left_rank ?? last) - (b.left_rank ?? last) || (a.right_rank ?? last) - (b.right_rank ?? last))
    .map((c) => ({ ...c, moved: c.left_rank && c.right_rank ? c.left_rank - c.right_rank : null }));
}

/** What a model says of a row: a number, or the output it gives most to. */
export function saidText(prediction: readonly number[], outputs: readonly string[], number: (n: number) => string): string {
  const [first] = prediction;
  if (first === undefined) return '';
  if (prediction.length === 1) return number(first);
  const at = prediction.indexOf(Math.max(...prediction));
  return `${outputs[at] ?? ''} ${number(prediction[at] ?? first)}`.trim();
}
