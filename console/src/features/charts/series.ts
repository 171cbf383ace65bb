import { keepPreviousData, useQuery, type QueryClient } from '@tanstack/react-query';
import { querySeries, type MetricPoint } from '~/api';
import { useProject } from '~/app/project';
import type { XAxis } from '~/app/searches';
import { toNumber } from '~/ui/format';
import { append, fromWire, place, type Curve } from './curve';

/** Curves by run, then by metric. */
export type Curves = Record<string, Record<string, Curve>>;

const maxPoints = 1000;

export function useSeries(runIds: readonly string[], keys: readonly string[], x: XAxis, options: { refetchInterval?: number | false } = {}) {
  const project = useProject();
  return useQuery({
    queryKey: ['series', project, x, runIds, keys],
    queryFn: async ({ signal }): Promise<Curves> => {
      const { data } = await querySeries({ body: { run_ids: [...runIds], keys: [...keys], x, max_points: maxPoints }, signal });
      const curves: Curves = {};
      for (const s of data.items) (curves[s.run_id] ??= {})[s.key] = fromWire(s.x, s.y);
      return curves;
    },
    enabled: runIds.length > 0 && keys.length > 0,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
    ...options,
  });
}

/**
 * Puts points that just arrived into every cached curve of the run. Curves they do not fit at the end of, and those that
 * have grown far beyond what the server would send, are asked for again.
 */
export function appendPoints(client: QueryClient, runId: string, startMs: number | null, points: readonly MetricPoint[]) {
  const byKey = Map.groupBy(points, (p) => p.key);
  for (const query of client.getQueryCache().findAll({ queryKey: ['series'] })) {
    const [, , axis, runIds, keys] = query.queryKey as ['series', string, XAxis, string[], string[]];
    const curves = query.state.data as Curves | undefined;
    if (!curves || !runIds.includes(runId) || !keys.some((k) => byKey.has(k))) continue;
    const mine = { ...curves[runId] };
    let whole = true;
    for (const key of keys) {
      const fresh = byKey.get(key);
      if (!fresh) continue;
      const placed = fresh.flatMap((p) => {
        const x = place(p, axis, startMs);
        return x === null ? [] : [{ x, y: toNumber(p.value) }];
      });
      const next = append(mine[key] ?? { x: [], y: [] }, placed);
      if (next && next.x.length < maxPoints * 4) mine[key] = next;
      else whole = false;
    }
    client.setQueryData(query.queryKey, { ...curves, [runId]: mine }, { updatedAt: query.state.dataUpdatedAt });
    if (!whole && query.state.fetchStatus === 'idle' && Date.now() - query.state.dataUpdatedAt > 2000) void client.invalidateQueries({ queryKey: query.queryKey, exact: true });
  }
}
