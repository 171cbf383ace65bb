import { toNumber, type MetricValue } from '~/ui/format';
import type { XAxis } from '~/app/searches';

export interface Curve {
  x: number[];
  y: number[];
}

/**
 * Exponential moving average with the start-up bias removed, as TensorBoard draws it: `weight` 0 is the raw curve, near 1
 * very smooth. Values that are not finite are left where they are and do not spoil what follows.
 */
export function smooth(y: readonly number[], weight: number): number[] {
  if (weight <= 0) return [...y];
  let average = 0;
  let count = 0;
  return y.map((value) => {
    if (!Number.isFinite(value)) return value;
    count += 1;
    average = average * weight + value * (1 - weight);
    return average / (1 - weight ** count);
  });
}

/** What a chart can draw: gaps for what is not finite and, on a log scale, for what is not positive. */
export function drawable(y: readonly number[], log: boolean): (number | null)[] {
  return y.map((value) => (Number.isFinite(value) && (!log || value > 0) ? value : null));
}

export function fromWire(x: readonly number[], y: readonly MetricValue[]): Curve {
  return { x: [...x], y: y.map(toNumber) };
}

export interface Point {
  step: number;
  timestamp_ms: number;
  value: MetricValue;
}

/** Where a point lies on the chosen axis; null when that needs a start time the run does not have. */
export function place(point: Point, axis: XAxis, startMs: number | null): number | null {
  switch (axis) {
    case 'step':
      return point.step;
    case 'time':
      return point.timestamp_ms;
    case 'relative':
      return startMs === null ? null : point.timestamp_ms - startMs;
  }
}

/**
 * The curve with new points at its end. Null when they do not belong at the end (a step logged again, or out of order):
 * then the server is asked for the whole curve.
 */
export function append(curve: Curve, points: readonly { x: number; y: number }[]): Curve | null {
  let last = curve.x.at(-1) ?? Number.NEGATIVE_INFINITY;
  const x = [...curve.x];
  const y = [...curve.y];
  for (const point of points) {
    if (point.x <= last) return null;
    x.push(point.x);
    y.push(point.y);
    last = point.x;
  }
  return { x, y };
}

/** Several curves over one common x axis, as the chart wants them; `undefined` marks where a curve has no point. */
export function align(curves: readonly Curve[]): [x: number[], ...ys: (number | undefined)[][]] {
  const all = [...new Set(curves.flatMap((c) => c.x))].sort((a, b) => a - b);
  const index = new Map(all.map((x, i) => [x, i]));
  const ys = curves.map((curve) => {
    const y = new Array<number | undefined>(all.length).fill(undefined);
    curve.x.forEach((x, i) => {
      y[index.get(x) ?? 0] = curve.y[i];
    });
    return y;
  });
  return [all, ...ys];
}

export interface CurveFacts {
  first: number;
  last: number;
  min: number;
  max: number;
  notFinite: number;
}

export function describeCurve(y: readonly number[]): CurveFacts | null {
  const finite = y.filter(Number.isFinite);
  const first = finite[0];
  const last = finite.at(-1);
  if (first === undefined || last === undefined) return null;
  let min = first;
  let max = first;
  for (const value of finite) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { first, last, min, max, notFinite: y.length - finite.length };
}

/** Metric names by what is before the last slash (`train/loss` under `train`), in order, those without one first. */
export function groupKeys(keys: readonly string[]): { name: string; keys: string[] }[] {
  const groups = new Map<string, string[]>();
  for (const key of [...keys].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))) {
    const slash = key.lastIndexOf('/');
    const name = slash > 0 ? key.slice(0, slash) : '';
    const group = groups.get(name);
    if (group) group.push(key);
    else groups.set(name, [key]);
  }
  return [...groups].map(([name, members]) => ({ name, keys: members })).sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}
