import { useQueries } from '@tanstack/react-query';
import { useCallback, useMemo, useState, type ReactNode } from 'react';
import { searchRunRows, type RunRow } from '~/api';
import { useProject } from '~/app/project';
import { runsRequest, type Wanted } from './data';
import type { Line } from './runs-table';

interface NestedRunsProps {
  wanted: Wanted;
  rows: readonly RunRow[];
  children: (lines: readonly Line[], toggle: (runId: string) => void) => ReactNode;
}

/** Lays child runs out under the parents that are open; each parent's children are loaded when it is opened. */
export function NestedRuns({ wanted, rows, children }: NestedRunsProps) {
  const project = useProject();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const ids = wanted.nested ? [...open] : [];
  const request = runsRequest({ ...wanted, nested: false });
  const loaded = useQueries({
    queries: ids.map((parent) => ({
      queryKey: ['runs', project, wanted.experimentId, { ...request, parent_run_id: parent }],
      queryFn: async ({ signal }: { signal: AbortSignal }) => (await searchRunRows({ body: { ...request, parent_run_id: parent, limit: 1000 }, signal })).data.items,
      refetchInterval: 4_000,
    })),
    combine: (results) => results.map((r) => r.data),
  });
  const toggle = useCallback((runId: string) => {
    setOpen((before) => {
      const next = new Set(before);
      if (!next.delete(runId)) next.add(runId);
      return next;
    });
  }, []);
  const key = ids.join();
  const lines = useMemo(() => {
    const children = new Map(key.split(',').map((id, index) => [id, loaded[index]]));
    const out: Line[] = [];
    const add = (row: RunRow, depth: number) => {
      const isOpen = children.has(row.run_id);
      const hasChildren = wanted.nested && row.child_count > 0;
      out.push({ row, depth, branch: hasChildren ? (isOpen ? 'open' : 'closed') : 'leaf' });
      // A run can only be drawn once; the depth guards against parents that name each other.
      if (isOpen && hasChildren && depth < 8) for (const child of children.get(row.run_id) ?? []) add(child, depth + 1);
    };
    for (const row of rows) add(row, 0);
    return out;
  }, [key, loaded, rows, wanted.nested]);
  return children(lines, toggle);
}
