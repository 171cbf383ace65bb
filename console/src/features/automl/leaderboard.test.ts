import { describe, expect, it } from 'vitest';
import type { AutomlTrial } from '~/api';
import { paramTexts, ranked, searchPoints, secondsLeft, viewRange, withTrial } from './leaderboard';

function trial(number: number, score: number | null, part: Partial<AutomlTrial> = {}): AutomlTrial {
  return { number, name: `boost ${number}`, family: 'boost', state: score === null ? 'failed' : 'scored', score, fold_scores: [], weight: 0, learning_rows: 10, seconds: 0.1, params: {}, run_id: `r${number}`, at: '2026-11-22T00:00:00Z', ...part };
}

describe('the leaderboard', () => {
  it('ranks by the direction of the score, failures last', () => {
    const trials = [trial(0, 0.5), trial(1, null), trial(2, 0.9), trial(3, 0.5), trial(4, null)];
    expect(ranked(trials, true).map((t) => t.number)).toEqual([2, 0, 3, 1, 4]);
    expect(ranked(trials, false).map((t) => t.number)).toEqual([0, 3, 2, 1, 4]);
  });

  it('takes each trial once, however often it is told', () => {
    const first = withTrial(undefined, trial(0, 0.5), true);
    const second = withTrial(first, trial(1, 0.7), true);
    const again = withTrial(second, trial(0, 0.5, { weight: 0.4 }), true);
    expect(again.trials.map((t) => t.number)).toEqual([1, 0]);
    expect(again.trials[1]?.weight).toBe(0.4);
  });

  it('keeps to what it was told about the direction when the plan is not known', () => {
    const board = withTrial({ greater_is_better: false, trials: [trial(0, 3)] }, trial(1, 2), undefined);
    expect(board.trials.map((t) => t.number)).toEqual([1, 0]);
  });
});

describe('the picture of the search', () => {
  it('goes in the order of the trials and knows the best until then', () => {
    const points = searchPoints([trial(2, 4), trial(0, 5), trial(1, null), trial(3, 6)], false);
    expect(points.map((p) => [p.trial.number, p.score, p.best])).toEqual([
      [0, 5, 5],
      [2, 4, 4],
      [3, 6, 4],
    ]);
  });

  it('leaves out what is hopeless, never what is good', () => {
    const near = [50, 51, 52, 53, 54, 55, 56];
    expect(viewRange(near, false)).toBeNull();
    expect(viewRange([...near, 900], false)).toMatchObject({ outside: 1 });
    expect(viewRange([...near, 900], false)?.high).toBeLessThan(60);
    expect(viewRange([...near, 900], true)).toBeNull();
    expect(viewRange([...near, 1], false)).toBeNull();
    expect(viewRange([1, 1, 1, 1, 1, 1, 1, 1], true)).toBeNull();
  });
});

it('time left runs out once', () => {
  expect(secondsLeft(60, 20, 5)).toBe(35);
  expect(secondsLeft(60, 20, -3)).toBe(40);
  expect(secondsLeft(60, 61, 0)).toBeNull();
  expect(secondsLeft(null, 1, 0)).toBeNull();
  expect(secondsLeft(0, 0, 0)).toBeNull();
});

it('choices of a trial read as words', () => {
  expect(paramTexts({ max_leaves: 31, by_distance: true, scale: 'normal', nested: { a: 1 } }, String)).toEqual([
    ['max leaves', '31'],
    ['by distance', 'yes'],
    ['scale', 'normal'],
    ['nested', '{"a":1}'],
  ]);
});
