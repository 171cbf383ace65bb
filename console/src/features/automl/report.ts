import type { AutomlCurves, AutomlReport } from '~/api';

export type CurveKind = 'roc' | 'precision_recall' | 'captured' | 'calibration';
export type Point = readonly [number, number];

/** A class's curve as points, in the order in which a line goes through them. */
export function curvePoints(curves: AutomlCurves, kind: CurveKind): Point[] {
  switch (kind) {
    case 'roc':
      return curves.roc.map((p): Point => [p.x, p.y]);
    case 'precision_recall':
      return curves.precision_recall.map((p): Point => [p.x, p.y]);
    case 'captured':
      // Nobody asked: nobody found.
      return [[0, 0], ...curves.lift.map((p): Point => [p.share, p.captured])];
    case 'calibration':
      return curves.calibration.filter((p) => p.count > 0).map((p): Point => [p.predicted, p.observed]);
  }
}

/** Area under a line through points that go from left to right. */
export function area(points: readonly Point[]): number {
  let sum = 0;
  points.forEach(([x, y], at) => {
    const before = points[at - 1];
    if (before) sum += ((x - before[0]) * (y + before[1])) / 2;
  });
  return Math.abs(sum);
}

/** A few points of a line, evenly along it, its ends among them: for a table beside the picture. */
export function fewPoints(points: readonly Point[], most: number): Point[] {
  if (points.length <= most) return [...points];
  return Array.from({ length: most }, (_, i) => points[Math.round((i * (points.length - 1)) / (most - 1))]).filter((p) => p !== undefined);
}

export interface ConfusionCell {
  count: number;
  /** Of the rows that are truly of the class. */
  share: number;
}

/** Truth row by row, predictions column by column, and how well each class is found. */
export function confusionRows(confusion: NonNullable<AutomlReport['confusion']>): { name: string; rows: number; cells: ConfusionCell[] }[] {
  return confusion.classes.map((name, truth) => {
    const counts = confusion.counts[truth] ?? [];
    const rows = counts.reduce((a, b) => a + b, 0);
    return { name, rows, cells: confusion.classes.map((_, said) => ({ count: counts[said] ?? 0, share: rows > 0 ? (counts[said] ?? 0) / rows : 0 })) };
  });
}

/** Both ends of what is drawn on the two axes of predicted against true values. */
export function commonRange(points: readonly { truth: number; predicted: number }[]): [number, number] {
  const all = points.flatMap((p) => [p.truth, p.predicted]);
  return all.length === 0 ? [0, 1] : [Math.min(...all), Math.max(...all)];
}

/** The shares of residuals that lie below the server's seven quantiles. */
export const residualShares = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1] as const;
