import { listDatasets, listExperimentSummaries, mlflowSearchRegisteredModels, searchRunRows } from '~/api';
import { likePattern } from '~/features/runs/grammar';

/** Experiments, runs, registered models and datasets whose name contains the text, a handful of each. */
export async function findThings(text: string) {
  const pattern = likePattern(text);
  const [experiments, runs, models, datasets] = await Promise.all([
    listExperimentSummaries({ query: { q: text, limit: 6 } }),
    searchRunRows({ body: { experiment_ids: [], filter: `attributes.run_name ILIKE ${pattern}`, limit: 6, columns: { metrics: [], params: [], tags: [] } } }),
    mlflowSearchRegisteredModels({ query: { filter: `name ILIKE ${pattern}`, max_results: 6 } }),
    listDatasets({ query: { q: text, limit: 6 } }),
  ]);
  return {
    experiments: experiments.data.items.map((e) => ({ id: e.experiment_id, name: e.name })),
    runs: runs.data.items.map((r) => ({ id: r.run_id, name: r.run_name })),
    datasets: datasets.data.items.map((d) => ({ id: d.id, name: d.name })),
    models: (models.data.registered_models ?? []).map((m) => ({ name: m.name })),
  };
}
