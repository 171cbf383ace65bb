import { getRouteApi, Link } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import type { AutomlJob } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Page, TabBar, tabClass } from '~/app/page';
import { useProject } from '~/app/project';
import { automlTabs, type AutomlTab } from '~/app/searches';
import { CopyButton } from '~/ui/copy';
import { Live } from '~/ui/live';
import { Loading } from '~/ui/states';
import { Ago } from '~/ui/time';
import { ExperimentCrumb } from '../experiments/crumb';
import { useJob, useLiveJob, useResults } from './data';
import { JobActions } from './job-actions';
import { SearchView } from './search-view';
import { JobState } from './state';

const Overview = lazy(() => import('./overview'));
const Quality = lazy(() => import('./quality'));
const ExplanationsTab = lazy(() => import('./explanations-tab'));
const TryTab = lazy(() => import('./try-tab'));
const UseTab = lazy(() => import('./use-tab'));
const route = getRouteApi('/session/p/$project/automl/$automlId');

const tabs: Record<AutomlTab, string> = { overview: 'Model', search: 'Search', quality: 'Quality', explanations: 'Explanations', try: 'What if', use: 'Use it' };

export function JobPage() {
  const { automlId } = route.useParams();
  const query = useJob(automlId);
  const job = query.data;
  const live = useLiveJob(automlId, job);
  const search = route.useSearch();
  if (query.isError && !job) return <QueryError error={query.error} onRetry={() => void query.refetch()} />;
  if (!job) return <Loading label="Loading search" />;
  const done = job.state === 'succeeded';
  const tab = done ? (search.tab ?? 'overview') : 'search';
  return (
    <Page
      title={job.name}
      crumbs={<Crumbs />}
      heading={
        <>
          <span>{job.name}</span>
          <JobState state={job.state} />
          <Live state={live} />
        </>
      }
      meta={<Meta job={job} />}
      actions={<JobActions job={job} />}
      tabs={done ? <Tabs job={job} /> : undefined}
    >
      {/* The page scrolls under its tabs, with the keyboard too. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="min-h-0 flex-1 overflow-y-auto" tabIndex={0} role="region" aria-label={tabs[tab]}>
        <div className="mx-auto w-full max-w-[1400px] p-4 md:p-6">{done && tab !== 'search' ? <Found job={job} tab={tab} /> : <SearchView job={job} />}</div>
      </div>
    </Page>
  );
}

function Crumbs() {
  const project = useProject();
  return (
    <Link to="/p/$project/automl" params={{ project }}>
      AutoML
    </Link>
  );
}

function Tabs({ job }: { job: AutomlJob }) {
  const project = useProject();
  return (
    <TabBar label="Parts of the search">
      {automlTabs.map((t) => (
        <Link
          key={t}
          to="/p/$project/automl/$automlId"
          params={{ project, automlId: job.automl_id }}
          search={(s) => ({ ...s, tab: t === 'overview' ? undefined : t })}
          activeOptions={{ exact: true, includeSearch: true, explicitUndefined: true }}
          className={tabClass}
        >
          {tabs[t]}
        </Link>
      ))}
    </TabBar>
  );
}

/** What there is only of a finished model. */
function Found({ job, tab }: { job: AutomlJob; tab: Exclude<AutomlTab, 'search'> }) {
  const results = useResults(job);
  if (results.isError && !results.data) return <QueryError error={results.error} onRetry={() => void results.refetch()} />;
  if (!results.data) return <Loading label="Loading results" />;
  const part = { job, results: results.data };
  const Part = { overview: Overview, quality: Quality, explanations: ExplanationsTab, try: TryTab, use: UseTab }[tab];
  return (
    <Suspense fallback={<Loading label={`Loading ${tabs[tab]}`} />}>
      <Part {...part} />
    </Suspense>
  );
}

function Meta({ job }: { job: AutomlJob }) {
  const project = useProject();
  const link = 'text-accent underline underline-offset-2 wrap-anywhere';
  return (
    <>
      <span>
        <span className="font-medium text-ink wrap-anywhere">{job.target}</span> of{' '}
        <Link to="/p/$project/datasets/$datasetId" params={{ project, datasetId: job.dataset_id }} search={{ version: job.version }} className={link}>
          {job.dataset_name} v{job.version}
        </Link>
      </span>
      <span className={link}>
        <ExperimentCrumb experimentId={job.experiment_id} />
      </span>
      <Link to="/p/$project/runs/$runId" params={{ project, runId: job.run_id }} className={link}>
        its run
      </Link>
      <span>
        started <Ago at={job.started_at ?? job.created_at} />
      </span>
      <span className="inline-flex items-center gap-1">
        <code className="font-mono">{job.automl_id}</code>
        <CopyButton text={job.automl_id} label="Copy the search’s id" />
      </span>
    </>
  );
}
