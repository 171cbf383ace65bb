import type { AutomlTask, WorkState } from '~/api';

const taskNames: Record<AutomlTask, string> = { binary: 'Two classes', multiclass: 'Several classes', regression: 'A number' };

export const tasks = Object.keys(taskNames) as AutomlTask[];

export function taskName(task: string): string {
  return taskNames[tasks.find((t) => t === task) ?? 'regression'];
}

/** In the order in which the server tries them first. The baseline is tried always. */
export const families = ['linear', 'boost', 'extra_trees', 'kernel', 'forest', 'network', 'neighbours'] as const;

const familyNames: Record<string, string> = {
  baseline: 'Baseline',
  linear: 'Linear',
  boost: 'Boosted trees',
  extra_trees: 'Extra trees',
  kernel: 'Kernel',
  forest: 'Random forest',
  network: 'Network',
  neighbours: 'Neighbours',
};

/** The family's own word, or the name that leaderboards of the command line give it. */
function familyKey(family: string): string {
  const key = family.toLowerCase().replaceAll(' ', '_');
  return { boosted_trees: 'boost', random_forest: 'forest' }[key] ?? key;
}

export function familyName(family: string): string {
  return familyNames[familyKey(family)] ?? family;
}

/** Which of the chart's colours a family has, the same on every picture. */
export function familyColour(family: string): number {
  const at = Object.keys(familyNames).indexOf(familyKey(family));
  return at < 0 ? Object.keys(familyNames).length : at;
}

export const classMetrics = ['roc_auc', 'pr_auc', 'log_loss', 'accuracy', 'balanced_accuracy', 'f1', 'f1_macro', 'f1_weighted', 'precision', 'precision_macro', 'precision_weighted', 'recall', 'recall_macro', 'recall_weighted', 'mcc', 'brier'] as const;
export const numberMetrics = ['rmse', 'mae', 'r2', 'mape', 'pinball@0.1', 'pinball@0.5', 'pinball@0.9'] as const;

/** What a search is ranked by when nobody says so. */
export const usualMetric: Record<AutomlTask, string> = { binary: 'roc_auc', multiclass: 'log_loss', regression: 'rmse' };

const metricNames: Record<string, string> = {
  roc_auc: 'ROC AUC',
  pr_auc: 'PR AUC',
  log_loss: 'Log loss',
  mcc: 'Matthews correlation',
  brier: 'Brier score',
  rmse: 'RMSE',
  mae: 'Mean absolute error',
  r2: 'R²',
  mape: 'Mean relative error',
};

export function metricName(metric: string): string {
  const known = metricNames[metric];
  if (known) return known;
  const quantile = /^pinball@(.+)$/.exec(metric)?.[1];
  if (quantile) return `Pinball loss at ${quantile}`;
  const [, base = metric, average] = /^(.*?)(?:_(macro|weighted))?$/.exec(metric) ?? [];
  const words = base.replaceAll('_', ' ');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${average ? ` (${average})` : ''}`;
}

/** Whether a larger score is a better one, where the server has not said so with the score. */
export function greaterIsBetter(metric: string): boolean {
  return !/^(log_loss|brier|rmse|mae|mape|pinball@.*)$/.test(metric);
}

export const stateNames: Record<WorkState, string> = { queued: 'Waiting', running: 'Running', succeeded: 'Done', failed: 'Failed', cancelled: 'Cancelled' };

export function isGoing(state: WorkState | undefined): boolean {
  return state === 'queued' || state === 'running';
}

export function percent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits).replace('-', '−')} %`;
}
