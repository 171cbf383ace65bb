import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { FileBox, LineChart as ChartIcon } from 'lucide-react';
import { QueryError } from '~/app/fallbacks';
import { Page, TabBar, tabClass } from '~/app/page';
import { useProject } from '~/app/project';
import { runTabs, type ChartSearch } from '~/app/searches';
import { CodeBlock, CopyButton } from '~/ui/copy';
import { Live } from '~/ui/live';
import { Empty, Loading } from '~/ui/states';
import { Badge, RunStatus } from '~/ui/status';
import { Ago, Elapsed } from '~/ui/time';
import { ArtifactBrowser } from '../artifacts/artifact-browser';
import { ExperimentCrumb } from '../experiments/crumb';
import { useLiveRun, useRun } from './data';
import { MetricCharts } from './metric-charts';
import { Overview } from './overview';
import { RunMenu } from './run-menu';

const route = getRouteApi('/session/p/$project/runs/$runId');
const tabNames = { overview: 'Overview', metrics: 'Metrics', system: 'System', artifacts: 'Artifacts' } as const;

export function RunPage() {
  const project = useProject();
  const { runId } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/runs/$runId' });
  const client = useQueryClient();
  const query = useRun(runId);
  const run = query.data;
  const live = useLiveRun(runId, run);
  const experimentId = run?.info.experiment_id;
  const tab = search.tab ?? 'overview';

  if (query.isError && !run) return <QueryError error={query.error} onRetry={() => void query.refetch()} />;
  if (!run) return <Loading label="Loading run" />;
  const { info } = run;
  const metrics = (run.data.metrics ?? []).map((m) => m.key);
  const system = metrics.filter((k) => k.startsWith('system/'));
  const own = metrics.filter((k) => !k.startsWith('system/'));
  const running = info.status === 'RUNNING';
  const counts: Record<string, number | undefined> = { metrics: own.length, system: system.length };
  const chart = (change: Partial<ChartSearch>) => void navigate({ search: (s) => ({ ...s, ...change }), replace: true });

  return (
    <Page
      title={info.run_name}
      crumbs={<Crumbs experimentId={experimentId} />}
      heading={
        <>
          <span>{info.run_name}</span>
          <span className="text-sm font-normal">
            <RunStatus status={info.status} />
          </span>
          <Live state={live} />
          {info.lifecycle_stage === 'deleted' ? <Badge tone="danger">Deleted</Badge> : null}
        </>
      }
      meta={
        <>
          <span className="inline-flex items-center gap-1">
            <code className="font-mono">{runId}</code>
            <CopyButton text={runId} label="Copy run id" />
          </span>
          <span>
            started <Ago at={info.start_time} />
          </span>
          <span>
            took <Elapsed from={info.start_time} to={info.end_time} running={running} />
          </span>
          {info.user_id ? <span>by {info.user_id}</span> : null}
        </>
      }
      actions={<RunMenu run={run} onChanged={() => client.invalidateQueries({ queryKey: ['run', project, runId] })} />}
      tabs={
        <TabBar label="Run">
          {runTabs.map((t) => (
            <Link
              key={t}
              to="/p/$project/runs/$runId"
              params={{ project, runId }}
              search={(s) => ({ ...s, tab: t === 'overview' ? undefined : t })}
              activeOptions={{ exact: true, includeSearch: true, explicitUndefined: true }}
              className={tabClass}
            >
              {tabNames[t]}
              {counts[t] ? <span className="text-2xs text-faint">{counts[t]}</span> : null}
            </Link>
          ))}
        </TabBar>
      }
    >
      {tab === 'overview' ? <Overview run={run} /> : null}
      {tab === 'metrics' ? (
        <MetricCharts runId={runId} keys={own} search={search} onChange={chart}>
          <Empty icon={<ChartIcon />} title="No metrics yet">
            <p className="mb-4">Numbers logged while the run goes on become curves here, as they arrive:</p>
            <CodeBlock label="Python code" code={'mlflow.log_metric("loss", loss, step=epoch)'} />
          </Empty>
        </MetricCharts>
      ) : null}
      {tab === 'system' ? (
        <MetricCharts runId={runId} keys={system} search={search} onChange={chart} strip="system/">
          <Empty icon={<ChartIcon />} title="No system metrics">
            <p className="mb-4">Processor, memory and GPU use are logged by the client when asked to, before the run starts:</p>
            <CodeBlock label="Python code" code={'mlflow.enable_system_metrics_logging()  # needs: pip install psutil'} />
          </Empty>
        </MetricCharts>
      ) : null}
      {tab === 'artifacts' ? (
        <ArtifactBrowser
          source={{ kind: 'run', id: runId }}
          path={search.path}
          onPath={(path) => void navigate({ search: (s) => ({ ...s, path }) })}
          live={running}
          empty={
            <Empty icon={<FileBox />} title="No files yet">
              <p className="mb-4">Plots, tables and other files of a run are kept beside its numbers:</p>
              <CodeBlock label="Python code" code={'mlflow.log_artifact("confusion_matrix.png")\nmlflow.log_dict({"classes": 2}, "config.json")'} />
            </Empty>
          }
        />
      ) : null}
    </Page>
  );
}

function Crumbs({ experimentId }: { experimentId: string | undefined }) {
  const project = useProject();
  return (
    <>
      <Link to="/p/$project/experiments" params={{ project }}>
        Experiments
      </Link>
      {experimentId === undefined ? null : (
        <>
          <span aria-hidden>/</span>
          <ExperimentCrumb experimentId={experimentId} />
        </>
      )}
    </>
  );
}
