import type { RunRow } from '~/api';
import { toNumber } from '~/ui/format';

export interface Fact {
  id: string;
  kind: 'metric' | 'param';
  key: string;
  /** By run, in the order of the runs; undefined where it was not logged. */
  values: (string | undefined)[];
  differs: boolean;
}

/** Every parameter and metric of the runs, side by side, and whether the runs differ in it. */
export function facts(runs: readonly RunRow[]): Fact[] {
  const collect = (kind: Fact['kind'], of: (run: RunRow) => Record<string, unknown>): Fact[] =>
    [...new Set(runs.flatMap((r) => Object.keys(of(r))))]
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .map((key) => {
        const values = runs.map((r) => {
          const value = of(r)[key];
          return value === undefined ? undefined : String(value);
        });
        return { id: `${kind[0]}:${key}`, kind, key, values, differs: new Set(values).size > 1 };
      });
  return [...collect('param', (r) => r.params), ...collect('metric', (r) => r.metrics)];
}

/** One dimension of the parallel and scatter plots: numbers, or the texts of a parameter as ranks. */
export interface Dimension {
  id: string;
  name: string;
  kind: 'number' | 'category';
  categories: string[];
  /** By run; null where there is nothing to place. */
  values: (number | null)[];
}

export function dimension(fact: Fact): Dimension {
  const present = fact.values.filter((v): v is string => v !== undefined);
  const numeric = present.length > 0 && present.every((v) => v.trim() !== '' && !Number.isNaN(Number(v)));
  // NaN and infinities were logged as numbers; they just have no place on a finite axis.
  const number = fact.kind === 'metric' || numeric;
  if (number) {
    const values = fact.values.map((v) => {
      const n = v === undefined ? Number.NaN : toNumber(v);
      return Number.isFinite(n) ? n : null;
    });
    return { id: fact.id, name: fact.key, kind: 'number', categories: [], values };
  }
  const categories = [...new Set(present)].sort(byValue);
  return { id: fact.id, name: fact.key, kind: 'category', categories, values: fact.values.map((v) => (v === undefined ? null : categories.indexOf(v))) };
}

/** Numbers by size, then texts by alphabet. */
function byValue(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a.localeCompare(b, 'en', { numeric: true });
  return x - y;
}

/**
 * What the plots begin with: parameters that differ, then metrics that do; those that most runs have first, and none
 * that hardly any run has.
 */
export function startAxes(all: readonly Fact[]): string[] {
  const held = (f: Fact) => f.values.filter((v) => v !== undefined).length;
  const most = (kind: Fact['kind'], count: number) =>
    all
      .filter((f) => f.kind === kind && f.differs && !f.key.startsWith('system/') && held(f) > 1 && held(f) * 4 >= f.values.length)
      .sort((a, b) => held(b) - held(a))
      .slice(0, count);
  return [...most('param', 5), ...most('metric', 3)].map((f) => f.id);
}

/**
 * A run's line through the axes, in pieces: it breaks at every axis the run has no value for, as a line drawn across
 * would show a value that is not there.
 */
export function pieces(values: readonly (number | null)[]): (number | null)[][] {
  const found: (number | null)[][] = [];
  let before = false;
  values.forEach((value, i) => {
    if (value === null) {
      before = false;
      return;
    }
    if (!before) found.push(values.map(() => null));
    before = true;
    const piece = found.at(-1);
    if (piece) piece[i] = value;
  });
  return found;
}

/** Which runs hold the lowest and the highest value of a metric; null when they do not differ. */
export function extremes(fact: Fact): { min: number; max: number } | null {
  if (fact.kind !== 'metric' || !fact.differs) return null;
  const numbers = fact.values.flatMap((v) => {
    const n = v === undefined ? Number.NaN : toNumber(v);
    return Number.isFinite(n) ? [n] : [];
  });
  if (numbers.length < 2) return null;
  return { min: Math.min(...numbers), max: Math.max(...numbers) };
}
