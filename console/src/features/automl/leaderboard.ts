import type { AutomlTrial, AutomlTrials } from '~/api';

/** Best first; trials that failed last, and among equals the earlier one first. */
export function ranked(trials: readonly AutomlTrial[], greater: boolean): AutomlTrial[] {
  const worth = (t: AutomlTrial) => {
    const score = t.state === 'scored' ? t.score : null;
    if (score === null || score === undefined) return Number.NEGATIVE_INFINITY;
    return greater ? score : -score;
  };
  return [...trials].sort((a, b) => {
    const [x, y] = [worth(a), worth(b)];
    // Subtracting two infinities would be no order at all.
    return x === y ? a.number - b.number : y > x ? 1 : -1;
  });
}

/** The leaderboard with a trial that just ended, or that is told again after a lost connection. */
export function withTrial(board: AutomlTrials | undefined, trial: AutomlTrial, greater: boolean | undefined): AutomlTrials {
  const others = (board?.trials ?? []).filter((t) => t.number !== trial.number);
  return { ...board, trials: ranked([...others, trial], greater ?? board?.greater_is_better ?? true) };
}

export interface SearchPoint {
  trial: AutomlTrial;
  score: number;
  /** The best score up to this trial. */
  best: number;
}

/** The search as it went: each trial that was scored, in order of their numbers, and the best until then. */
export function searchPoints(trials: readonly AutomlTrial[], greater: boolean): SearchPoint[] {
  let best: number | null = null;
  return [...trials]
    .sort((a, b) => a.number - b.number)
    .flatMap((trial) => {
      const { score } = trial;
      if (trial.state !== 'scored' || score === null || score === undefined) return [];
      if (best === null || (greater ? score > best : score < best)) best = score;
      return [{ trial, score, best }];
    });
}

/** With fewer trials nothing can be said to lie far from the others. */
const fewestForRange = 8;

/**
 * The scores a picture should show: a single hopeless trial must not press all others onto one line. Null when none lies far
 * away. What is better than all others never does.
 */
export function viewRange(scores: readonly number[], greater: boolean): { low: number; high: number; outside: number } | null {
  if (scores.length < fewestForRange) return null;
  const sorted = [...scores].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  const room = 4 * (at(0.75) - at(0.25));
  const near = sorted.filter((s) => (greater ? s >= at(0.25) - room : s <= at(0.75) + room));
  const [low, high] = [near[0], near.at(-1)];
  if (low === undefined || high === undefined || near.length === sorted.length || low === high) return null;
  const margin = (high - low) * 0.08;
  return { low: low - margin, high: high + margin, outside: sorted.length - near.length };
}

/** Seconds that a search may still take; null when that is not known or over. */
export function secondsLeft(budget: number | null | undefined, used: number, sinceTold: number): number | null {
  if (budget === null || budget === undefined || budget <= 0) return null;
  const left = budget - used - Math.max(0, sinceTold);
  return left > 0 ? left : null;
}

/** A trial's choices as words. Whole objects are for programs. */
export function paramTexts(params: Record<string, unknown>, number: (n: number) => string): [name: string, value: string][] {
  return Object.entries(params).map(([name, value]) => [
    name.replaceAll('_', ' '),
    typeof value === 'number' ? number(value) : typeof value === 'boolean' ? (value ? 'yes' : 'no') : typeof value === 'string' ? value : JSON.stringify(value),
  ]);
}
