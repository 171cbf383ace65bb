import { useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { mlflowGetRun, mlflowSearchLoggedModels, searchRunRows, streamRunEvents, type MlflowMetric, type MetricPoint, type MlflowRun } from '~/api';
import { useProject } from '~/app/project';
import { follow, type LiveState } from '~/app/stream';
import { appendPoints } from '../charts/series';
import { useRegistrations } from '../registry/data';
import { quoteText } from '../runs/grammar';

export function runQuery(project: string, runId: string) {
  return {
    queryKey: ['run', project, runId],
    queryFn: async (): Promise<MlflowRun> => (await mlflowGetRun({ query: { run_id: runId } })).data.run,
  };
}

export function useRun(runId: string) {
  return useQuery(runQuery(useProject(), runId));
}

/** The logged models a run made, and the registered versions that came out of it. */
export function useRunModels(run: MlflowRun | undefined) {
  const project = useProject();
  const runId = run?.info.run_id ?? '';
  const experimentId = run?.info.experiment_id ?? '';
  const models = useQuery({
    queryKey: ['logged-models', project, 'of-run', runId],
    queryFn: async () => {
      const body = { experiment_ids: [experimentId], filter: `source_run_id = ${quoteText(runId)}`, max_results: 50 };
      return (await mlflowSearchLoggedModels({ body })).data.models ?? [];
    },
    enabled: runId !== '',
  });
  const registrations = useRegistrations((models.data ?? []).map((m) => m.info.model_id));
  return { models: models.data ?? [], registrations: registrations.data ?? [] };
}

export function useChildRuns(run: MlflowRun | undefined) {
  const project = useProject();
  const runId = run?.info.run_id ?? '';
  const experimentId = run?.info.experiment_id ?? '';
  return useQuery({
    queryKey: ['runs', project, experimentId, 'children-of', runId],
    queryFn: async () =>
      (await searchRunRows({ body: { experiment_ids: [experimentId], parent_run_id: runId, columns: { metrics: [], params: [], tags: [] }, limit: 200 } })).data.items,
    enabled: runId !== '',
  });
}

/** While the run goes on: its events by server-sent events, put into the cached run and curves. Reconnects by itself. */
export function useLiveRun(runId: string, run: MlflowRun | undefined): LiveState {
  const client = useQueryClient();
  const project = useProject();
  const [state, setState] = useState<LiveState>('off');
  const running = run?.info.status === 'RUNNING' || run?.info.status === 'SCHEDULED';
  const startMs = run?.info.start_time ?? null;
  useEffect(() => {
    if (!running) return;
    const controller = new AbortController();
    void follow({
      open: (options) => streamRunEvents({ path: { run_id: runId }, ...options }),
      onEvent: (event) => {
        if (event.type === 'metrics') {
          appendPoints(client, runId, startMs, event.points);
          patchLatest(client, project, runId, event.points);
        } else if (event.type === 'run') void client.invalidateQueries({ queryKey: ['run', project, runId] });
        else void client.invalidateQueries({ queryKey: ['artifacts', project, 'run', runId] });
      },
      onState: setState,
      onBroken: () => {
        // What was missed meanwhile is not sent again: ask for it all.
        void client.invalidateQueries({ queryKey: ['series'] });
        void client.invalidateQueries({ queryKey: ['run', project, runId] });
      },
      signal: controller.signal,
    });
    return () => {
      controller.abort();
      setState('off');
      // The last points may have arrived together with the end of the run.
      void client.invalidateQueries({ queryKey: ['series'] });
    };
  }, [client, project, runId, running, startMs]);
  return state;
}

/** The newest value of each metric, as the server would choose it: highest step, then latest time. */
export function latest(metrics: readonly MlflowMetric[], points: readonly MetricPoint[]): MlflowMetric[] {
  const byKey = new Map(metrics.map((m) => [m.key, m]));
  for (const p of points) {
    const now = byKey.get(p.key);
    const newer = !now || p.step > now.step || (p.step === now.step && p.timestamp_ms >= now.timestamp);
    if (newer) byKey.set(p.key, { ...now, key: p.key, value: p.value, step: p.step, timestamp: p.timestamp_ms });
  }
  return [...byKey.values()];
}

function patchLatest(client: QueryClient, project: string, runId: string, points: readonly MetricPoint[]) {
  client.setQueryData(['run', project, runId], (run: MlflowRun | undefined) =>
    run ? { ...run, data: { ...run.data, metrics: latest(run.data.metrics ?? [], points) } } : run,
  );
}
