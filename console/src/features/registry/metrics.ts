import type { MlflowLoggedModelMetric } from '~/api';

/** Of each metric and dataset the value of the highest step, and of equal steps the latest. */
export function newestOfEach(metrics: readonly MlflowLoggedModelMetric[]): MlflowLoggedModelMetric[] {
  const newest = new Map<string, MlflowLoggedModelMetric>();
  for (const m of metrics) {
    const id = JSON.stringify([m.key, m.dataset_name, m.dataset_digest]);
    const held = newest.get(id);
    if (!held || m.step > held.step || (m.step === held.step && m.timestamp >= held.timestamp)) newest.set(id, m);
  }
  return [...newest.values()].sort((a, b) => a.key.localeCompare(b.key, 'en', { numeric: true }));
}
