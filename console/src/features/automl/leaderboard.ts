import type { AutomlTrial, AutomlTrials } from './api-provisional';

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
