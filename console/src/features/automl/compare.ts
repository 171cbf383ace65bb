import type { AutomlJob, AutomlResults } from '~/api';
import { familyName, greaterIsBetter, metricName, percent, taskName } from './names';

export interface Line {
  name: string;
  /** By search, in the order of the searches; undefined where it does not apply. */
  values: (string | undefined)[];
  differs: boolean;
}

/** What was asked of each search, side by side. */
export function settingLines(jobs: readonly AutomlJob[]): Line[] {
  const line = (name: string, of: (job: AutomlJob) => string | undefined): Line => {
    const values = jobs.map(of);
    return { name, values, differs: new Set(values).size > 1 };
  };
  const lines = [
    line('Dataset', (j) => `${j.dataset_name} v${j.version}`),
    line('Target', (j) => j.target),
    line('Task', (j) => (j.plan ? taskName(j.plan.task) : undefined)),
    line('Ranked by', (j) => (j.plan ? metricName(j.plan.metric) : j.settings.metric ? metricName(j.settings.metric) : undefined)),
    line('Seconds asked', (j) => j.settings.seconds.toLocaleString('en-US', { maximumFractionDigits: 1 })),
    line('Trials at most', (j) => j.settings.trials.toLocaleString('en-US')),
    line('Trials made', (j) => j.trials.toLocaleString('en-US')),
    line('Seed', (j) => j.settings.seed.toString()),
    line('Folds', (j) => j.plan?.folds.toString()),
    line('Rows', (j) => j.plan?.rows.toLocaleString('en-US')),
    line('Rows set apart', (j) => j.plan?.hold_out_rows.toLocaleString('en-US')),
    line('Columns learnt from', (j) => j.plan?.columns.length.toLocaleString('en-US')),
    line('Not learnt from', (j) => j.settings.ignore.join(', ') || undefined),
    line('Ordered by', (j) => j.settings.time_column ?? undefined),
    line('Grouped by', (j) => j.settings.group_column ?? undefined),
    line('Kinds of models', (j) => (j.settings.families?.length ? j.settings.families.map(familyName).join(', ') : 'all')),
    line('Best single trial', (j) => j.best?.name),
  ];
  return lines.filter((l) => l.values.some((v) => v !== undefined));
}

export interface ScoreLine {
  metric: string;
  name: string;
  values: (number | undefined)[];
  /** The best of several different values. */
  best: number | null;
}

/** Scores on rows set apart, side by side, those of all searches first. */
export function scoreLines(results: readonly (AutomlResults | undefined)[]): ScoreLine[] {
  const metrics = [...new Set(results.flatMap((r) => Object.keys(r?.hold_out?.scores ?? {})))];
  const lines = metrics.map((metric) => {
    const values = results.map((r) => r?.hold_out?.scores[metric]);
    const there = values.filter((v) => v !== undefined);
    const best = new Set(there).size > 1 ? (greaterIsBetter(metric) ? Math.max(...there) : Math.min(...there)) : null;
    return { metric, name: metricName(metric), values, best };
  });
  const held = (l: ScoreLine) => l.values.filter((v) => v !== undefined).length;
  return lines.sort((a, b) => held(b) - held(a));
}

/** Classes that every search with curves has: only those can be laid over each other. */
export function commonClasses(results: readonly (AutomlResults | undefined)[]): string[] {
  const sets = results.flatMap((r) => (r?.hold_out && r.hold_out.curves.length > 0 ? [r.hold_out.curves.map((c) => c.class)] : []));
  const [first, ...others] = sets;
  return others.length === 0 ? [] : (first ?? []).filter((name) => others.every((set) => set.includes(name)));
}

/** Coverage as text: what was seen, and what was asked. */
export function coverageText(results: AutomlResults | undefined): string | undefined {
  const report = results?.hold_out;
  return report ? `${percent(report.coverage_seen)} of ${percent(report.coverage_asked, 0)}` : undefined;
}
