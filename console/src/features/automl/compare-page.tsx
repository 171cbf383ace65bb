import { useQueries } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { GitCompareArrows } from 'lucide-react';
import { lazy, Suspense, useMemo, type ReactNode } from 'react';
import type { AutomlJob } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Page } from '~/app/page';
import { useProject } from '~/app/project';
import { buttonClass } from '~/ui/button';
import { Card } from '~/ui/card';
import { cx } from '~/ui/cx';
import { Empty, Loading, Skeleton } from '~/ui/states';
import { useChartColours } from '../charts/colours';
import { commonClasses, coverageText, scoreLines, settingLines } from './compare';
import { jobQuery, resultsQuery, trialsQuery } from './data';
import { isGoing } from './names';
import { score } from './score';
import { JobState } from './state';

const Overlays = lazy(() => import('./compare-curves'));
const route = getRouteApi('/session/p/$project/automl/compare');

/** Searches side by side: what was asked, how good the models are, and their curves on top of each other. */
export function CompareJobsPage() {
  const project = useProject();
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/automl/compare' });
  const ids = useMemo(() => search.jobs ?? [], [search.jobs]);
  const found = useQueries({ queries: ids.map((id) => ({ ...jobQuery(project, id), refetchInterval: (q: { state: { data?: AutomlJob | undefined } }) => (isGoing(q.state.data?.state) ? 3_000 : (false as const)) })) });
  const jobs = found.flatMap((q) => q.data ?? []);
  const trials = useQueries({ queries: jobs.map((j) => trialsQuery(project, j.automl_id)) });
  const results = useQueries({ queries: jobs.map((j) => ({ ...resultsQuery(project, j.automl_id, j.finished_at), enabled: j.state === 'succeeded' })) });
  const failed = found.find((q) => q.isError && !q.data);
  const reports = results.map((r) => r.data);
  const classes = commonClasses(reports);
  return (
    <Page
      title={ids.length > 0 ? `Compare ${ids.length} searches` : 'Compare searches'}
      crumbs={
        <Link to="/p/$project/automl" params={{ project }}>
          AutoML
        </Link>
      }
    >
      {/* The page scrolls under its head, with the keyboard too. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="min-h-0 flex-1 overflow-y-auto" tabIndex={0} role="region" aria-label="Comparison">
        <div className="mx-auto grid w-full max-w-[1400px] gap-4 p-4 md:p-6">
          {ids.length === 0 ? (
            <Empty
              icon={<GitCompareArrows />}
              title="Nothing to compare yet"
              actions={
                <Link to="/p/$project/automl" params={{ project }} className={buttonClass()}>
                  Choose searches
                </Link>
              }
            >
              Tick two or more searches in the list and press Compare.
            </Empty>
          ) : null}
          {failed ? <QueryError error={failed.error} onRetry={() => void failed.refetch()} /> : null}
          {jobs.length === 0 && found.some((q) => q.isPending) ? <Loading label="Loading searches" /> : null}
          {jobs.length > 0 ? (
            <>
              <SideBySide jobs={jobs} reports={reports} />
              <Suspense fallback={<Skeleton className="h-72" />}>
                <Overlays
                  jobs={jobs}
                  trials={trials.map((t) => t.data)}
                  reports={reports}
                  classes={classes}
                  chosen={classes.find((c) => c === search.class) ?? classes.at(-1)}
                  onChoose={(name) => void navigate({ search: (s) => ({ ...s, class: name }), replace: true })}
                />
              </Suspense>
            </>
          ) : null}
        </div>
      </div>
    </Page>
  );
}

const cell = 'border-b px-3 py-1.5 max-w-64 wrap-anywhere';
const nameCell = 'sticky left-0 z-[5] border-b border-r bg-surface px-4 py-1.5 text-left font-normal wrap-anywhere text-muted';

function SideBySide({ jobs, reports }: { jobs: readonly AutomlJob[]; reports: Parameters<typeof scoreLines>[0] }) {
  const project = useProject();
  const colours = useChartColours();
  const scores = scoreLines(reports);
  const coverage = reports.map(coverageText);
  return (
    <Card flush title="Side by side">
      {/* The table scrolls by itself, with the keyboard too. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="Searches side by side">
        <table className="w-full border-separate border-spacing-0">
          <thead>
            <tr>
              <th scope="col" className="sticky left-0 z-10 min-w-36 border-r border-b bg-surface px-4 text-left text-xs font-medium text-faint">
                Search
              </th>
              {jobs.map((j, at) => (
                <th key={j.automl_id} scope="col" className="min-w-36 border-b px-3 py-2 text-left font-medium">
                  <span className="flex items-center gap-1.5">
                    <span aria-hidden className="size-2.5 shrink-0 rounded-full" style={{ backgroundColor: colours.of(at) }} />
                    <Link to="/p/$project/automl/$automlId" params={{ project, automlId: j.automl_id }} className="wrap-anywhere hover:underline">
                      {j.name}
                    </Link>
                    {j.state === 'succeeded' ? null : <JobState state={j.state} />}
                  </span>
                </th>
              ))}
            </tr>
          </thead>
          <Group title="Scores on rows set apart" columns={jobs.length}>
            {scores.length === 0 ? (
              <tr>
                <td colSpan={jobs.length + 1} className="border-b px-4 py-1.5 text-faint">
                  No search has any.
                </td>
              </tr>
            ) : null}
            {scores.map((line) => (
              <tr key={line.metric} className="hover:bg-hover/60">
                <th scope="row" className={nameCell}>
                  {line.name}
                </th>
                {line.values.map((value, at) => (
                  <td key={jobs[at]?.automl_id} className={cx(cell, value !== undefined && value === line.best && 'font-semibold text-accent')}>
                    {value === undefined ? <span className="text-faint">–</span> : score(value)}
                    {value !== undefined && value === line.best ? <span className="ml-1.5 text-2xs font-normal">best</span> : null}
                  </td>
                ))}
              </tr>
            ))}
            {coverage.some((c) => c !== undefined) ? <TextLine name="Truth inside the interval or set" values={coverage} differs={false} ids={jobs.map((j) => j.automl_id)} /> : null}
          </Group>
          <Group title="What was asked, and what was planned" columns={jobs.length}>
            {settingLines(jobs).map((line) => (
              <TextLine key={line.name} {...line} ids={jobs.map((j) => j.automl_id)} />
            ))}
          </Group>
        </table>
      </div>
    </Card>
  );
}

function Group({ title, columns, children }: { title: string; columns: number; children: ReactNode }) {
  return (
    <tbody>
      <tr>
        <th scope="colgroup" colSpan={columns + 1} className="border-b bg-sunken px-4 py-1.5 text-left text-xs font-medium text-muted">
          {title}
        </th>
      </tr>
      {children}
    </tbody>
  );
}

function TextLine({ name, values, differs, ids }: { name: string; values: (string | undefined)[]; differs: boolean; ids: string[] }) {
  return (
    <tr className="hover:bg-hover/60">
      <th scope="row" className={nameCell}>
        {name}
      </th>
      {values.map((value, at) => (
        <td key={ids[at]} className={cx(cell, differs && 'bg-warn-soft')}>
          {value ?? <span className="text-faint">–</span>}
        </td>
      ))}
    </tr>
  );
}
