import { keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { FlaskConical, Plus, Search } from 'lucide-react';
import { useDeferredValue, useEffect, useState } from 'react';
import { listExperimentSummaries, mlflowCreateExperiment, type ExperimentSummary } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Needs } from '~/app/needs';
import { Page } from '~/app/page';
import { useProject } from '~/app/project';
import { lifecycles, type Lifecycle } from '~/app/searches';
import { DeniedHint } from '~/app/why';
import { Button } from '~/ui/button';
import { FormDialog } from '~/ui/dialog';
import { Field, Input, Select } from '~/ui/field';
import { Empty, Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { ownTags } from '~/ui/tags';
import { Ago } from '~/ui/time';
import { ClientSnippet } from '../home/client-snippet';
import { ExperimentMenu } from './experiment-menu';
import { nameError, nameMax } from './name';

const route = getRouteApi('/session/p/$project/experiments');

export function useExperiments(q: string, view: Lifecycle) {
  const project = useProject();
  return useInfiniteQuery({
    queryKey: ['experiments', project, q, view],
    queryFn: async ({ pageParam, signal }) =>
      (await listExperimentSummaries({ query: { view, limit: 100, ...(q ? { q } : {}), ...(pageParam ? { cursor: pageParam } : {}) }, signal })).data,
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) > 2 ? false : 10_000),
  });
}

export function ExperimentsPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/experiments' });
  const [q, setQ] = useState(search.q ?? '');
  const wanted = useDeferredValue(q.trim());
  const view = search.view ?? 'active';
  useEffect(() => {
    void navigate({ search: (s) => ({ ...s, q: wanted || undefined }), replace: true });
  }, [navigate, wanted]);
  const experiments = useExperiments(wanted, view);
  const items = experiments.data?.pages.flatMap((p) => p.items) ?? [];
  const [creating, setCreating] = useState(false);
  return (
    <Page
      title="Experiments"
      actions={
        <Needs permission="experiments:write" instead={<DeniedHint permission="experiments:write" label="Why can I not add any?" />}>
          <Button variant="primary" onClick={() => setCreating(true)}>
            <Plus className="size-3.5" /> New experiment
          </Button>
        </Needs>
      }
    >
      <div className="flex flex-wrap items-center gap-2 border-b px-4 py-2 md:px-6">
        <div className="relative min-w-40 flex-1 sm:max-w-sm">
          <Search aria-hidden className="absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-faint" />
          <Input type="search" aria-label="Find an experiment by name" placeholder="Find by name" className="pl-8" value={q} onChange={(e) => setQ(e.target.value)} />
        </div>
        <Select
          aria-label="Which experiments"
          value={view}
          onChange={(e) => void navigate({ search: (s) => ({ ...s, view: lifecycles.find((l) => l === e.target.value && l !== 'active') }) })}
        >
          <option value="active">Active</option>
          <option value="deleted">Deleted</option>
          <option value="all">Active and deleted</option>
        </Select>
      </div>
      <div className="min-h-0 flex-1 overflow-y-auto">
        {experiments.isPending ? <Loading label="Loading experiments" /> : null}
        {experiments.isError && items.length === 0 ? <QueryError error={experiments.error} onRetry={() => void experiments.refetch()} /> : null}
        {experiments.isSuccess && items.length === 0 ? <NoExperiments filtered={wanted !== '' || view !== 'active'} /> : null}
        {items.length > 0 ? <ExperimentsTable items={items} /> : null}
        {experiments.hasNextPage ? (
          <div className="p-4 text-center">
            <Button busy={experiments.isFetchingNextPage} onClick={() => void experiments.fetchNextPage()}>
              Show more
            </Button>
          </div>
        ) : null}
      </div>
      {creating ? <CreateExperiment onClose={() => setCreating(false)} /> : null}
    </Page>
  );
}

function ExperimentsTable({ items }: { items: ExperimentSummary[] }) {
  const project = useProject();
  return (
    <Table label="Experiments" className="md:[&_td:first-child]:pl-6 md:[&_th:first-child]:pl-6">
      <thead>
        <tr>
          <Th>Name</Th>
          <Th className="text-right">Runs</Th>
          <Th>Last run</Th>
          <Th className="max-md:hidden">Created</Th>
          <Th className="max-md:hidden">Tags</Th>
          <Th className="w-10">
            <span className="sr-only">Actions</span>
          </Th>
        </tr>
      </thead>
      <tbody>
        {items.map((e) => {
          const tags = Object.entries(e.tags).map(([key, value]) => ({ key, value }));
          return (
            <Tr key={e.experiment_id}>
              <Td className="max-w-md">
                <div className="flex items-center gap-2">
                  <Link to="/p/$project/experiments/$experimentId" params={{ project, experimentId: e.experiment_id }} className="font-medium wrap-anywhere hover:underline">
                    {e.name}
                  </Link>
                  {e.lifecycle_stage === 'deleted' ? <Badge tone="danger">Deleted</Badge> : null}
                </div>
              </Td>
              <Td className="text-right whitespace-nowrap">
                {e.running_count > 0 ? <span className="mr-2 text-accent">{e.running_count} running</span> : null}
                {e.run_count.toLocaleString('en-US')}
              </Td>
              <Td>
                <Ago at={e.last_run_at} />
              </Td>
              <Td className="max-md:hidden">
                <Ago at={e.created_at} />
              </Td>
              <Td className="max-w-xs max-md:hidden">
                <div className="flex flex-wrap gap-1">
                  {ownTags(tags).map((t) => (
                    <Badge key={t.key}>
                      {t.key} {t.value}
                    </Badge>
                  ))}
                </div>
              </Td>
              <Td className="text-right">
                <ExperimentMenu experimentId={e.experiment_id} name={e.name} deleted={e.lifecycle_stage === 'deleted'} tags={tags} />
              </Td>
            </Tr>
          );
        })}
      </tbody>
    </Table>
  );
}

function NoExperiments({ filtered }: { filtered: boolean }) {
  if (filtered) return <Empty icon={<Search />} title="No experiment matches" />;
  return (
    <Empty icon={<FlaskConical />} title="No experiments yet">
      <p className="mb-4">An experiment gathers the runs that try to answer one question. The first line of Python that names one makes it:</p>
      <ClientSnippet experiment="my-first-experiment" />
    </Empty>
  );
}

function CreateExperiment({ onClose }: { onClose: () => void }) {
  const project = useProject();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [touched, setTouched] = useState(false);
  const problem = nameError(name);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="New experiment"
      action="Create experiment"
      valid={!problem}
      onSubmit={async () => {
        const { data } = await mlflowCreateExperiment({ body: { name: name.trim() } });
        await client.invalidateQueries({ queryKey: ['experiments'] });
        if (data.experiment_id) await navigate({ to: '/p/$project/experiments/$experimentId', params: { project, experimentId: data.experiment_id } });
      }}
    >
      <Field label="Name" error={touched ? problem : null} count={{ length: name.length, max: nameMax }}>
        {(ids) => (
          <Input
            {...ids}
            value={name}
            onChange={(e) => {
              setName(e.target.value);
              setTouched(true);
            }}
          />
        )}
      </Field>
    </FormDialog>
  );
}
