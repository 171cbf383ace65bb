import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { GitCompareArrows } from 'lucide-react';
import { lazy, Suspense, useMemo, useState } from 'react';
import { searchRunRows } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Page, TabBar, tabClass } from '~/app/page';
import { useProject } from '~/app/project';
import { compareTabs } from '~/app/searches';
import { buttonClass } from '~/ui/button';
import { Empty, Loading } from '~/ui/states';
import { useChartColours } from '../charts/colours';
import { CurvesTab } from './curves';
import { facts, startAxes } from './model';
import { Summary } from './summary';

const ParallelTab = lazy(() => import('./parallel'));
const ScatterTab = lazy(() => import('./scatter'));
const route = getRouteApi('/session/p/$project/compare');
const tabNames = { summary: 'Summary', curves: 'Curves', parallel: 'Parallel coordinates', scatter: 'Scatter' } as const;
export type CompareSearch = ReturnType<typeof route.useSearch>;

export function ComparePage() {
  const project = useProject();
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/compare' });
  const ids = useMemo(() => search.runs ?? [], [search.runs]);
  const query = useQuery({
    queryKey: ['runs', project, 'compare', ids],
    queryFn: async () => {
      const { data } = await searchRunRows({ body: { experiment_ids: [], run_ids: ids, view: 'all', limit: 200 } });
      // The address says in which order they stand.
      return ids.flatMap((id) => data.items.find((r) => r.run_id === id) ?? []);
    },
    enabled: ids.length > 0,
    refetchInterval: (q) => ((q.state.data ?? []).some((r) => r.status === 'RUNNING') ? 3_000 : false),
  });
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const colours = useChartColours();
  const runs = useMemo(() => query.data ?? [], [query.data]);
  const all = useMemo(() => facts(runs), [runs]);
  const patch = (change: Partial<CompareSearch>) => void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  const tab = search.tab ?? 'summary';
  const shared = { runs, all, search, patch, colours, axes: search.axes ?? startAxes(all) };

  return (
    <Page
      title={ids.length > 0 ? `Compare ${ids.length} runs` : 'Compare runs'}
      crumbs={
        <Link to="/p/$project/experiments" params={{ project }}>
          Experiments
        </Link>
      }
      tabs={
        <TabBar label="Comparison">
          {compareTabs.map((t) => (
            <Link
              key={t}
              to="/p/$project/compare"
              params={{ project }}
              search={(s) => ({ ...s, tab: t === 'summary' ? undefined : t })}
              activeOptions={{ exact: true, includeSearch: true, explicitUndefined: true }}
              aria-current={t === tab ? 'page' : undefined}
              className={tabClass}
            >
              {tabNames[t]}
            </Link>
          ))}
        </TabBar>
      }
    >
      {ids.length === 0 ? (
        <Empty
          icon={<GitCompareArrows />}
          title="Nothing to compare yet"
          actions={
            <Link to="/p/$project/experiments" params={{ project }} className={buttonClass()}>
              Choose an experiment
            </Link>
          }
        >
          Tick two or more runs in an experiment and press Compare.
        </Empty>
      ) : null}
      {ids.length > 0 && query.isPending ? <Loading label="Loading runs" /> : null}
      {query.isError ? <QueryError error={query.error} onRetry={() => void query.refetch()} /> : null}
      {query.data && runs.length === 0 ? <Empty icon={<GitCompareArrows />} title="These runs do not exist any more" /> : null}
      {runs.length > 0 ? (
        <Suspense fallback={<Loading label="Loading charts" />}>
          {tab === 'summary' ? <Summary {...shared} /> : null}
          {tab === 'curves' ? <CurvesTab {...shared} hidden={hidden} onHidden={setHidden} /> : null}
          {tab === 'parallel' ? <ParallelTab {...shared} /> : null}
          {tab === 'scatter' ? <ScatterTab {...shared} /> : null}
        </Suspense>
      ) : null}
    </Page>
  );
}
