import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { ApiError, describeError, fieldError } from '~/app/errors';
import { QueryError } from '~/app/fallbacks';
import { Page, TabBar, tabClass } from '~/app/page';
import { useProject } from '~/app/project';
import { lifecycles, type RunsSearch } from '~/app/searches';
import { Button } from '~/ui/button';
import { CopyButton } from '~/ui/copy';
import { Checkbox, Select } from '~/ui/field';
import { formatCount } from '~/ui/format';
import { Badge } from '~/ui/status';
import { ErrorNote, Loading } from '~/ui/states';
import { useExperiment } from '../experiments/crumb';
import { ExperimentMenu } from '../experiments/experiment-menu';
import { ColumnChooser } from './column-chooser';
import { column, defaultColumns, nextSort, type Column } from './columns';
import { useColumnsOf, useRuns, type Wanted } from './data';
import { FilterInput } from './filter-input';
import { NestedRuns } from './nested-runs';
import { NoRuns } from './no-runs';
import { RunsTable } from './runs-table';
import { SelectionBar } from './selection-bar';
import { ExportButton } from './export-button';

const route = getRouteApi('/session/p/$project/experiments/$experimentId');

export function RunsPage() {
  const project = useProject();
  const { experimentId } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/experiments/$experimentId' });
  const experiment = useExperiment(experimentId);
  const known = useColumnsOf(experimentId);
  const ids = search.cols ?? defaultColumns(known.data);
  const key = ids.join('\n');
  const columns = useMemo(() => key.split('\n').flatMap((id): Column[] | Column => column(id) ?? []), [key]);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());

  const nested = !search.flat && !search.filter;
  const wanted: Wanted = { search, experimentId, nested, columns };
  const patch = useCallback((change: Partial<RunsSearch>, replace = false) => void navigate({ search: (s) => ({ ...s, ...change }), replace }), [navigate]);
  const select = useCallback((runIds: readonly string[], on: boolean) => {
    setSelected((before) => {
      const next = new Set(before);
      for (const id of runIds) if (on) next.add(id);
        else next.delete(id);
      return next;
    });
  }, []);

  if (experiment.isError) return <QueryError error={experiment.error} onRetry={() => void experiment.refetch()} />;
  const name = experiment.data?.name ?? '';
  const deleted = experiment.data?.lifecycle_stage === 'deleted';
  return (
    <Page
      title={name || 'Experiment'}
      crumbs={
        <Link to="/p/$project/experiments" params={{ project }}>
          Experiments
        </Link>
      }
      heading={
        <>
          {name}
          <CopyButton text={name} label="Copy name" className="-ml-1.5" />
          {deleted ? <Badge tone="danger">Deleted</Badge> : null}
        </>
      }
      meta={<span>Experiment {experimentId}</span>}
      actions={experiment.data ? <ExperimentMenu experimentId={experimentId} name={name} deleted={deleted} tags={experiment.data.tags ?? []} /> : null}
      tabs={
        <TabBar label="Experiment">
          <Link to="/p/$project/experiments/$experimentId" params={{ project, experimentId }} activeOptions={{ exact: true, includeSearch: false }} className={tabClass}>
            Runs
          </Link>
          <Link to="/p/$project/experiments/$experimentId/models" params={{ project, experimentId }} className={tabClass}>
            Models
          </Link>
        </TabBar>
      }
    >
      <RunsView key={experimentId} wanted={wanted} name={name} known={known.data} patch={patch} selected={selected} select={select} clear={() => setSelected(new Set())} waiting={known.isPending && !search.cols} />
    </Page>
  );
}

interface RunsViewProps {
  wanted: Wanted;
  name: string;
  known: ReturnType<typeof useColumnsOf>['data'];
  patch: (change: Partial<RunsSearch>, replace?: boolean) => void;
  selected: ReadonlySet<string>;
  select: (ids: readonly string[], on: boolean) => void;
  clear: () => void;
  waiting: boolean;
}

const noKeys = { metrics: [], params: [], tags: [], attributes: [] };

function RunsView({ wanted, name, known, patch, selected, select, clear, waiting }: RunsViewProps) {
  const { search, columns, nested } = wanted;
  const runs = useRuns(wanted);
  const client = useQueryClient();
  const rows = useMemo(() => runs.data?.pages.flatMap((p) => p.items) ?? [], [runs.data]);
  const total = runs.data?.pages[0]?.total;
  const filterError = runs.error instanceof ApiError && search.filter ? (fieldError(runs.error, '/filter') ?? (runs.error.status < 500 && runs.error.status > 0 ? runs.error.message : null)) : null;
  const { fetchNextPage, isFetchingNextPage } = runs;
  const onEnd = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage]);
  const changed = () => {
    clear();
    void client.invalidateQueries({ queryKey: ['runs'] });
  };
  const untouched = !search.filter && (search.view ?? 'active') === 'active';

  return (
    <>
      <div className="flex flex-wrap items-start gap-2 border-b px-4 py-2 md:px-6">
        <FilterInput value={search.filter ?? ''} vocabulary={known ?? noKeys} error={filterError} onApply={(filter) => patch({ filter: filter || undefined })} />
        <div className="flex min-h-8 flex-wrap items-center gap-1.5">
          <Select aria-label="Which runs" value={search.view ?? 'active'} onChange={(e) => patch({ view: lifecycles.find((l) => l === e.target.value && l !== 'active') })}>
            <option value="active">Active</option>
            <option value="deleted">Deleted</option>
            <option value="all">Active and deleted</option>
          </Select>
          <ColumnChooser known={known} chosen={columns.map((c) => c.id)} onChange={(cols) => patch({ cols }, true)} />
          <ExportButton wanted={wanted} name={name} />
          {search.filter ? null : <Checkbox label="Nest" showLabel checked={!search.flat} onChange={(e) => patch({ flat: e.target.checked ? undefined : true })} />}
        </div>
      </div>
      {waiting || runs.isPending ? (
        runs.isError ? null : <Loading label="Loading runs" />
      ) : runs.isError && !filterError && rows.length === 0 ? (
        <ErrorNote className="m-6 max-w-xl" {...describeError(runs.error)} onRetry={() => void runs.refetch()} />
      ) : rows.length === 0 && filterError ? null : rows.length === 0 ? (
        <NoRuns experiment={name} untouched={untouched} onReset={() => patch({ filter: undefined, view: undefined })} />
      ) : (
        <NestedRuns wanted={wanted} rows={rows}>
          {(lines, toggle) => (
            <RunsTable
              lines={lines}
              columns={columns}
              sort={search.sort}
              onSort={(c) => (c.order ? patch({ sort: nextSort(search.sort, c.order, c.numeric) }) : undefined)}
              selected={selected}
              onSelect={select}
              onToggle={toggle}
              onEnd={onEnd}
              hasMore={runs.hasNextPage}
              loadingMore={isFetchingNextPage}
              stale={runs.isPlaceholderData || Boolean(filterError)}
            />
          )}
        </NestedRuns>
      )}
      {rows.length > 0 ? (
        <footer className="flex min-h-9 flex-wrap items-center justify-between gap-3 border-t bg-sunken px-4 text-xs text-muted md:px-6">
          <span role="status">
            {typeof total === 'number' ? formatCount(total, nested ? 'top-level run' : 'run') : `${rows.length}${runs.hasNextPage ? '+' : ''} runs`}
            {isFetchingNextPage ? ' · loading more' : ''}
          </span>
          {(runs.data?.pages.length ?? 0) > 3 ? (
            <Button variant="ghost" onClick={() => void runs.refetch()} busy={runs.isRefetching}>
              Refresh
            </Button>
          ) : null}
        </footer>
      ) : null}
      {selected.size > 0 ? <SelectionBar selected={[...selected]} view={search.view ?? 'active'} onClear={clear} onChanged={changed} /> : null}
    </>
  );
}
