import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { GitCompareArrows, Search, Sparkles } from 'lucide-react';
import { useState } from 'react';
import type { AutomlJob } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Needs } from '~/app/needs';
import { Page } from '~/app/page';
import { useProject } from '~/app/project';
import { automlStates } from '~/app/searches';
import { DeniedHint } from '~/app/why';
import { Button, buttonClass } from '~/ui/button';
import { CodeBlock } from '~/ui/copy';
import { Checkbox, Select } from '~/ui/field';
import { formatCount, formatNumber } from '~/ui/format';
import { Progress } from '~/ui/progress';
import { Empty, Loading } from '~/ui/states';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { useDatasets } from '../datasets/data';
import { AutomlTabs } from './automl-tabs';
import { useJobs } from './data';
import { isGoing, metricName, stateNames } from './names';
import { JobState } from './state';

const route = getRouteApi('/session/p/$project/automl');

/** The curves of more searches than this cannot be told apart any more. */
const compareMax = 10;

export function JobsPage() {
  const project = useProject();
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/automl' });
  const jobs = useJobs(search);
  const items = jobs.data?.pages.flatMap((p) => p.items) ?? [];
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const choose = (id: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(id);
    else next.delete(id);
    setChosen(next);
  };
  const filtered = search.dataset !== undefined || search.state !== undefined;
  const patch = (change: typeof search) => void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  return (
    <Page
      title="AutoML"
      tabs={<AutomlTabs />}
      actions={
        <Needs permission="experiments:write" instead={<DeniedHint permission="experiments:write" label="Why can I not start one?" />}>
          <Link to="/p/$project/automl/new" params={{ project }} search={search.dataset ? { dataset: search.dataset } : {}} className={buttonClass('primary')}>
            <Sparkles className="size-3.5" /> Find a model
          </Link>
        </Needs>
      }
    >
      {items.length > 0 || filtered ? (
        <div className="flex flex-wrap items-center gap-2 border-b px-4 py-2 md:px-6">
          <DatasetFilter value={search.dataset} names={items} onChange={(dataset) => patch({ dataset })} />
          <Select aria-label="In which state" value={search.state ?? ''} onChange={(e) => patch({ state: automlStates.find((s) => s === e.target.value) })}>
            <option value="">In any state</option>
            {automlStates.map((s) => (
              <option key={s} value={s}>
                {stateNames[s]}
              </option>
            ))}
          </Select>
        </div>
      ) : null}
      <div className="min-h-0 flex-1 overflow-y-auto">
        {jobs.isPending ? <Loading label="Loading searches" /> : null}
        {jobs.isError && items.length === 0 ? <QueryError error={jobs.error} onRetry={() => void jobs.refetch()} /> : null}
        {jobs.isSuccess && items.length === 0 ? filtered ? <Empty icon={<Search />} title="No search matches" /> : <NoJobs /> : null}
        {items.length > 0 ? <JobsTable items={items} chosen={chosen} onChoose={choose} /> : null}
        {jobs.hasNextPage ? (
          <div className="p-4 text-center">
            <Button busy={jobs.isFetchingNextPage} onClick={() => void jobs.fetchNextPage()}>
              Show more
            </Button>
          </div>
        ) : null}
      </div>
      {chosen.size > 0 ? <Chosen ids={[...chosen]} onClear={() => setChosen(new Set())} /> : null}
    </Page>
  );
}

/** Datasets of the project; one that is gone keeps its name from the searches on the page. */
function DatasetFilter({ value, names, onChange }: { value: string | undefined; names: readonly AutomlJob[]; onChange: (dataset: string | undefined) => void }) {
  const datasets = useDatasets('');
  const known = new Map(names.map((j) => [j.dataset_id, j.dataset_name]));
  for (const d of datasets.data?.pages.flatMap((p) => p.items) ?? []) known.set(d.id, d.name);
  if (value && !known.has(value)) known.set(value, value);
  return (
    <Select aria-label="Of which dataset" value={value ?? ''} onChange={(e) => onChange(e.target.value || undefined)}>
      <option value="">Of any dataset</option>
      {[...known].map(([id, name]) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
    </Select>
  );
}

function JobsTable({ items, chosen, onChoose }: { items: AutomlJob[]; chosen: ReadonlySet<string>; onChoose: (id: string, on: boolean) => void }) {
  const project = useProject();
  return (
    <Table label="Searches" className="md:[&_td:first-child]:pl-6 md:[&_th:first-child]:pl-6">
      <thead>
        <tr>
          <Th className="w-8">
            <span className="sr-only">Chosen</span>
          </Th>
          <Th>Search</Th>
          <Th>State</Th>
          <Th>Target</Th>
          <Th className="text-right">Best score</Th>
          <Th className="text-right max-md:hidden">Trials</Th>
          <Th className="max-md:hidden">Data</Th>
          <Th className="max-md:hidden">Started</Th>
        </tr>
      </thead>
      <tbody>
        {items.map((j) => (
          <Tr key={j.automl_id}>
            <Td>
              <Checkbox label={`Choose ${j.name}`} checked={chosen.has(j.automl_id)} onChange={(e) => onChoose(j.automl_id, e.target.checked)} />
            </Td>
            <Td className="max-w-md min-w-28">
              <Link to="/p/$project/automl/$automlId" params={{ project, automlId: j.automl_id }} className="font-medium wrap-anywhere hover:underline">
                {j.name}
              </Link>
            </Td>
            <Td className="md:min-w-28">
              <JobState state={j.state} />
              {isGoing(j.state) ? (
                <div className="mt-1 max-w-32">
                  <Progress label={`How far ${j.name} is`} share={j.progress} />
                </div>
              ) : null}
            </Td>
            <Td className="max-w-48 min-w-20 wrap-anywhere">{j.target}</Td>
            <Td className="text-right">
              <BestScore job={j} />
            </Td>
            <Td className="text-right max-md:hidden">{j.trials.toLocaleString('en-US')}</Td>
            <Td className="max-w-64 max-md:hidden">
              <Link to="/p/$project/datasets/$datasetId" params={{ project, datasetId: j.dataset_id }} search={{ version: j.version }} className="wrap-anywhere text-muted hover:underline">
                {j.dataset_name} <span className="text-faint">v{j.version}</span>
              </Link>
            </Td>
            <Td className="max-md:hidden">
              <Ago at={j.created_at} />
            </Td>
          </Tr>
        ))}
      </tbody>
    </Table>
  );
}

/** Of the finished model; while the search goes on, of the best trial so far. */
function BestScore({ job }: { job: AutomlJob }) {
  const score = job.score ?? job.best?.score;
  if (score === null || score === undefined) return <span className="text-faint">–</span>;
  return (
    <span className="whitespace-nowrap">
      <span className="font-medium">{formatNumber(Number(score.toPrecision(5)))}</span>
      {job.plan ? <span className="block text-xs text-faint">{metricName(job.plan.metric)}</span> : null}
    </span>
  );
}

function Chosen({ ids, onClear }: { ids: string[]; onClear: () => void }) {
  const project = useProject();
  return (
    <div role="region" aria-label="Chosen searches" className="flex flex-wrap items-center gap-2 border-t bg-surface px-4 py-2 md:px-6">
      <span className="mr-auto font-medium">{formatCount(ids.length, 'search', 'searches')} chosen</span>
      <Button variant="ghost" onClick={onClear}>
        Clear
      </Button>
      {ids.length < 2 || ids.length > compareMax ? (
        <Button variant="primary" disabled title={ids.length < 2 ? 'Choose at least two searches' : `At most ${compareMax} searches`}>
          <GitCompareArrows className="size-3.5" /> Compare
        </Button>
      ) : (
        <Link to="/p/$project/automl/compare" params={{ project }} search={{ jobs: ids }} className={buttonClass('primary')}>
          <GitCompareArrows className="size-3.5" /> Compare
        </Link>
      )}
    </div>
  );
}

function NoJobs() {
  const project = useProject();
  return (
    <Empty
      icon={<Sparkles />}
      title="No searches yet"
      actions={
        <Needs permission="experiments:write">
          <Link to="/p/$project/automl/new" params={{ project }} className={buttonClass('primary')}>
            Find a model for a dataset
          </Link>
        </Needs>
      }
    >
      <p className="mb-4">
        A search tries many models on a table, ranks them by rows they have not learnt from, and blends the best into one that can be explained, registered and asked. It needs no server either:
      </p>
      <CodeBlock label="Commands" code={'rhiza automl data.csv --target y\nrhiza predict data.rhiza new.csv\nrhiza explain data.rhiza new.csv'} />
    </Empty>
  );
}
