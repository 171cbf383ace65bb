import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Activity } from 'lucide-react';
import { listExperimentSummaries, searchRunRows, type RunRow } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Page, PageBody } from '~/app/page';
import { useMe, useProject } from '~/app/project';
import { Card } from '~/ui/card';
import { formatNumber } from '~/ui/format';
import { Loading } from '~/ui/states';
import { RunStatus } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago, Elapsed } from '~/ui/time';
import { useModels } from '../registry/data';
import { ClientSnippet } from './client-snippet';
import { FirstStart } from './first-start';

export function HomePage() {
  const project = useProject();
  const me = useMe();
  const runs = useQuery({
    queryKey: ['runs', project, 'home'],
    queryFn: async () => (await searchRunRows({ body: { experiment_ids: [], limit: 12 } })).data,
    refetchInterval: 5_000,
  });
  const experiments = useQuery({
    queryKey: ['experiments', project, 'home'],
    queryFn: async () => (await listExperimentSummaries({ query: { limit: 100 } })).data,
    refetchInterval: 10_000,
  });
  const name = me?.projects.find((p) => p.slug === project)?.name ?? project;
  return (
    <Page title={name}>
      {runs.isPending ? <Loading label="Loading project" /> : null}
      {runs.isError && !runs.data ? <QueryError error={runs.error} onRetry={() => void runs.refetch()} /> : null}
      {runs.data && runs.data.items.length === 0 ? <FirstStart /> : null}
      {runs.data && runs.data.items.length > 0 ? (
        <PageBody>
          <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
            <Recent runs={runs.data.items} names={new Map(experiments.data?.items.map((e) => [e.experiment_id, e.name]))} />
            <div className="grid min-w-0 gap-4">
              <Experiments items={experiments.data?.items.slice(0, 8) ?? []} />
              <Models />
              <Card title="Log a run from Python">
                <ClientSnippet />
              </Card>
            </div>
          </div>
        </PageBody>
      ) : null}
    </Page>
  );
}

function Recent({ runs, names }: { runs: RunRow[]; names: Map<string, string> }) {
  const project = useProject();
  return (
    <Card
      flush
      title={
        <>
          <Activity aria-hidden className="size-4 text-faint" /> Latest runs
        </>
      }
    >
      <Table label="Latest runs">
        <thead>
          <tr>
            <Th>Run</Th>
            <Th className="max-sm:hidden">Experiment</Th>
            <Th className="max-md:hidden">Newest values</Th>
            <Th>Started</Th>
            <Th className="text-right max-sm:hidden">Duration</Th>
          </tr>
        </thead>
        <tbody>
          {runs.map((r) => (
            <Tr key={r.run_id}>
              <Td className="md:min-w-56">
                <span className="flex items-center gap-2">
                  <RunStatus status={r.status} iconOnly />
                  <Link to="/p/$project/runs/$runId" params={{ project, runId: r.run_id }} className="font-medium wrap-anywhere hover:underline">
                    {r.run_name}
                  </Link>
                </span>
              </Td>
              <Td className="max-w-36 truncate max-sm:hidden" title={names.get(r.experiment_id)}>
                <Link to="/p/$project/experiments/$experimentId" params={{ project, experimentId: r.experiment_id }} className="text-muted hover:underline">
                  {names.get(r.experiment_id) ?? r.experiment_id}
                </Link>
              </Td>
              <Td className="max-md:hidden">
                <span className="flex flex-col text-xs text-muted">
                  {Object.entries(r.metrics)
                    .filter(([k]) => !k.startsWith('system/'))
                    .slice(0, 2)
                    .map(([k, v]) => (
                      <span key={k} className="whitespace-nowrap">
                        {k} <span className="font-medium text-ink">{formatNumber(v)}</span>
                      </span>
                    ))}
                </span>
              </Td>
              <Td>
                <Ago at={r.started_at} />
              </Td>
              <Td className="text-right max-sm:hidden">
                <Elapsed from={r.started_at} to={r.ended_at} running={r.status === 'RUNNING'} />
              </Td>
            </Tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

function Experiments({ items }: { items: { experiment_id: string; name: string; run_count: number; running_count: number }[] }) {
  const project = useProject();
  return (
    <Card
      flush
      title="Experiments"
      actions={
        <Link to="/p/$project/experiments" params={{ project }} className="text-xs text-muted hover:text-ink hover:underline">
          All
        </Link>
      }
    >
      <ul className="py-1">
        {items.map((e) => (
          <li key={e.experiment_id}>
            <Link
              to="/p/$project/experiments/$experimentId"
              params={{ project, experimentId: e.experiment_id }}
              className="flex items-baseline justify-between gap-3 px-4 py-1.5 hover:bg-hover"
            >
              <span className="min-w-0 truncate">{e.name}</span>
              <span className="shrink-0 text-xs text-faint">
                {e.running_count > 0 ? <span className="text-accent">{e.running_count} running · </span> : null}
                {e.run_count.toLocaleString('en-US')} {e.run_count === 1 ? 'run' : 'runs'}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Models() {
  const project = useProject();
  const models = useModels('');
  const items = models.data?.pages[0]?.registered_models ?? [];
  if (items.length === 0) return null;
  return (
    <Card
      flush
      title="Models"
      actions={
        <Link to="/p/$project/models" params={{ project }} className="text-xs text-muted hover:text-ink hover:underline">
          All
        </Link>
      }
    >
      <ul className="py-1">
        {items.slice(0, 6).map((m) => (
          <li key={m.name}>
            <Link to="/p/$project/models/$name" params={{ project, name: m.name }} className="flex items-baseline justify-between gap-3 px-4 py-1.5 hover:bg-hover">
              <span className="min-w-0 truncate">{m.name}</span>
              <span className="shrink-0 text-xs text-faint">{(m.aliases ?? []).map((a) => `@${a.alias}`).join(' ')}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}
