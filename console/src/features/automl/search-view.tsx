import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, type ReactNode } from 'react';
import type { AutomlJob, AutomlPlan } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { useProject } from '~/app/project';
import { Card } from '~/ui/card';
import { formatCount, formatDuration, formatNumber } from '~/ui/format';
import { Progress } from '~/ui/progress';
import { ErrorNote, Skeleton } from '~/ui/states';
import { useNow } from '~/ui/time';
import { jobQuery, useTrials } from './data';
import { Leaderboard } from './leaderboard-table';
import { secondsLeft } from './leaderboard';
import { greaterIsBetter, isGoing, metricName, taskName } from './names';
import { score } from './score';

const SearchPicture = lazy(() => import('./search-picture'));

/** The search itself: how far it is, what has been tried, and what came of it. */
export function SearchView({ job }: { job: AutomlJob }) {
  const project = useProject();
  const navigate = useNavigate();
  const trials = useTrials(job.automl_id);
  const board = trials.data;
  const metric = job.plan?.metric ?? board?.metric ?? job.settings.metric ?? null;
  const greater = job.plan?.greater_is_better ?? board?.greater_is_better ?? greaterIsBetter(metric ?? '');
  const items = board?.trials ?? [];
  const openRun = (runId: string) => void navigate({ to: '/p/$project/runs/$runId', params: { project, runId } });
  return (
    <div className="grid gap-4">
      {job.state === 'failed' ? <ErrorNote title="The search failed" detail={job.error ?? undefined} /> : null}
      {job.state === 'cancelled' ? (
        <p className="text-muted">
          The search was cancelled. {job.trials > 0 ? 'It can be resumed, or a model made from the trials there are.' : 'It can be resumed.'}
        </p>
      ) : null}
      <Tiles job={job} metric={metric} />
      {job.plan ? <PlanWords plan={job.plan} /> : null}
      {trials.isError && !board ? <QueryError error={trials.error} onRetry={() => void trials.refetch()} /> : null}
      {items.length > 0 ? (
        <>
          <Card title="How the search went">
            <Suspense fallback={<Skeleton className="h-72" />}>
              <SearchPicture trials={items} metric={metric} greater={greater} onPick={(trial) => openRun(trial.run_id)} />
            </Suspense>
          </Card>
          <Leaderboard trials={items} metric={metric} />
        </>
      ) : trials.isPending ? (
        <Skeleton className="h-72" />
      ) : (
        <p role="status" className="py-8 text-center text-muted">
          {isGoing(job.state) ? 'The first trial shows here as soon as it has been scored.' : 'No trial ended.'}
        </p>
      )}
    </div>
  );
}

function Tiles({ job, metric }: { job: AutomlJob; metric: string | null }) {
  const going = isGoing(job.state);
  const best = job.best;
  return (
    <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      <Tile name={going ? 'Progress' : 'Search'}>
        {going ? (
          <div role="status" className="flex flex-col gap-2">
            <span className="text-sm wrap-anywhere">{job.state === 'queued' ? 'Waiting for its turn' : sentence(job.message) || 'Under way'}</span>
            <Progress label="How far the search is" share={job.progress} />
          </div>
        ) : (
          <span className="text-sm wrap-anywhere">{sentence(job.message) || (job.state === 'succeeded' ? 'Finished' : 'Not finished')}</span>
        )}
      </Tile>
      <Tile name={job.state === 'running' ? 'Time left' : 'Time used'}>{job.state === 'running' ? <TimeLeft job={job} /> : formatDuration(job.seconds_used * 1000) || '–'}</Tile>
      <Tile name="Trials">{job.trials.toLocaleString('en-US')}</Tile>
      <Tile name={metric ? `Best ${metricName(metric)}` : 'Best'}>
        {best ? (
          <>
            {score(best.score)} <span className="block text-xs font-normal text-faint">{best.name}</span>
          </>
        ) : (
          '–'
        )}
      </Tile>
    </div>
  );
}

/** Counts down between the server's words: those come only when something happens. */
function TimeLeft({ job }: { job: AutomlJob }) {
  const project = useProject();
  const queries = useQueryClient();
  const now = useNow(1000);
  const told = queries.getQueryState(jobQuery(project, job.automl_id).queryKey)?.dataUpdatedAt ?? now;
  const left = secondsLeft(job.settings.seconds, job.seconds_used, (now - told) / 1000);
  return <>{left === null ? 'Finishing' : left < 60 ? `${Math.ceil(left)} s` : formatDuration(Math.ceil(left) * 1000)}</>;
}

function Tile({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0 rounded-lg border bg-surface px-4 py-3">
      <div className="text-xs text-faint">{name}</div>
      <div className="mt-0.5 text-lg font-semibold">{children}</div>
    </div>
  );
}

/** How the search goes about the table, in words. */
export function PlanWords({ plan }: { plan: AutomlPlan }) {
  const classes = plan.classes.length > 0 ? ` (${plan.classes.slice(0, 8).join(', ')}${plan.classes.length > 8 ? ` and ${plan.classes.length - 8} more` : ''})` : '';
  return (
    <p className="max-w-4xl text-muted">
      {taskName(plan.task)}
      {classes} from {formatCount(plan.columns.length, 'column')} and {formatCount(plan.rows, 'row')}
      {plan.rows_without_target > 0 ? `, ${formatCount(plan.rows_without_target, 'row')} without a target left out` : ''}. Ranked by {metricName(plan.metric)} ({plan.greater_is_better ? 'more is better' : 'less is better'}) over{' '}
      {formatCount(plan.judging_rows, 'row')}
      {plan.folds > 1 ? ` in ${formatNumber(plan.folds)} folds` : ''}; {plan.hold_out_rows > 0 ? `${formatCount(plan.hold_out_rows, 'row')} set apart for the finished model` : 'no rows set apart'}.
    </p>
  );
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
