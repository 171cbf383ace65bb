import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getExperimentColumns, searchRunRows, type RunRow, type RunSearch } from '~/api';
import { useProject } from '~/app/project';
import type { RunsSearch } from '~/app/searches';
import { csvLine, cellText, type Column } from './columns';

const pageSize = 100;

export function useColumnsOf(experimentId: string) {
  const project = useProject();
  return useQuery({
    queryKey: ['columns', project, experimentId],
    queryFn: async () => (await getExperimentColumns({ path: { experiment_id: experimentId } })).data,
    staleTime: 15_000,
  });
}

export interface Wanted {
  search: RunsSearch;
  experimentId: string;
  /** True puts child runs under their parents. */
  nested: boolean;
  columns: readonly Column[];
}

/** What the server is asked for: only the columns that are shown, filtered and sorted there. */
export function runsRequest({ search, experimentId, nested, columns }: Wanted): RunSearch {
  const keys = (kind: Column['kind']) => columns.filter((c) => c.kind === kind).map((c) => c.key);
  return {
    experiment_ids: [experimentId],
    ...(search.filter ? { filter: search.filter } : {}),
    ...(search.sort ? { order_by: [search.sort] } : {}),
    view: search.view ?? 'active',
    roots_only: nested,
    columns: { metrics: keys('metric'), params: keys('param'), tags: keys('tag') },
  };
}

export function useRuns(wanted: Wanted) {
  const project = useProject();
  const request = runsRequest(wanted);
  return useInfiniteQuery({
    queryKey: ['runs', project, wanted.experimentId, request],
    queryFn: async ({ pageParam, signal }) =>
      (await searchRunRows({ body: { ...request, limit: pageSize, ...(pageParam ? { cursor: pageParam } : {}) }, signal })).data,
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    // Live while it is cheap: every page that is loaded is asked for again.
    refetchInterval: (query) => {
      const pages = query.state.data?.pages ?? [];
      if (query.state.status === 'error' || pages.length > 3) return false;
      return pages.some((p) => p.items.some((r) => r.status === 'RUNNING')) ? 2_000 : 4_000;
    },
  });
}

/** Every matching run, page after page, as a table file. */
export async function exportRuns(wanted: Wanted, onProgress: (rows: number) => void, signal: AbortSignal): Promise<Blob> {
  const fixed = ['run_id', 'run_name', 'status', 'parent_run_id'];
  const columns = wanted.columns.filter((c) => c.id !== 'a:run_id');
  const parts = [csvLine([...fixed, ...columns.map((c) => (c.kind === 'attribute' ? c.key : `${c.kind}.${c.key}`))])];
  const request = runsRequest({ ...wanted, nested: false });
  let cursor: string | null | undefined;
  let rows = 0;
  do {
    const { data } = await searchRunRows({ body: { ...request, limit: 1000, ...(cursor ? { cursor } : {}) }, signal });
    parts.push(data.items.map((row) => csvLine([...fixedCells(row), ...columns.map((c) => cellText(row, c, true))])).join(''));
    rows += data.items.length;
    onProgress(rows);
    cursor = data.next_cursor;
  } while (cursor);
  return new Blob(parts, { type: 'text/csv;charset=utf-8' });
}

function fixedCells(row: RunRow): string[] {
  return [row.run_id, row.run_name, row.status, row.parent_run_id ?? ''];
}
