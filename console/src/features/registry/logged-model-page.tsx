import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { QueryError } from '~/app/fallbacks';
import { Page, PageBody } from '~/app/page';
import { useProject } from '~/app/project';
import { Card, Facts } from '~/ui/card';
import { CodeBlock, CopyButton } from '~/ui/copy';
import { formatTime } from '~/ui/format';
import { Loading } from '~/ui/states';
import { ownTags, Tags } from '~/ui/tags';
import { useRun } from '../run/data';
import { ExperimentCrumb } from '../experiments/crumb';
import { useLoggedModel, useRegistrations } from './data';
import { LoggedModelStatus } from './logged-models-page';
import { ModelFiles } from './model-files';
import { MetricTable, ParamTable } from './model-values';
import { RegisterButton } from './register-button';
import { Registrations } from './registrations';

const route = getRouteApi('/session/p/$project/logged-models/$modelId');

export function LoggedModelPage() {
  const project = useProject();
  const { modelId } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/logged-models/$modelId' });
  const query = useLoggedModel(modelId);
  const registrations = useRegistrations([modelId]);
  const model = query.data;
  if (query.isError && !model) return <QueryError error={query.error} onRetry={() => void query.refetch()} />;
  if (!model) return <Loading label="Loading model" />;
  const { info } = model;
  return (
    <Page
      title={info.name}
      crumbs={
        <>
          <Link to="/p/$project/experiments" params={{ project }}>
            Experiments
          </Link>
          <span aria-hidden>/</span>
          {info.experiment_id ? <ExperimentCrumb experimentId={info.experiment_id} /> : null}
        </>
      }
      heading={
        <>
          {info.name} <LoggedModelStatus status={info.status} />
        </>
      }
      meta={
        <span className="inline-flex items-center gap-1">
          <code className="font-mono">{modelId}</code>
          <CopyButton text={modelId} label="Copy model id" />
        </span>
      }
      actions={<RegisterButton origin={{ modelId, runId: info.source_run_id }} />}
    >
      <PageBody>
        <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
          <div className="grid min-w-0 gap-4">
            <Card title="Files" flush>
              <div className="flex h-[28rem] flex-col">
                <ModelFiles source={{ kind: 'model', id: modelId }} path={search.path} onPath={(path) => void navigate({ search: path ? { path } : {} })} />
              </div>
            </Card>
          </div>
          <div className="grid min-w-0 gap-4">
            <Card title="About">
              <Facts
                items={[
                  ['Created', formatTime(info.creation_timestamp_ms)],
                  ['Type', info.model_type || '—'],
                  ['Run', info.source_run_id ? <RunLink key="r" runId={info.source_run_id} /> : '—'],
                  [
                    'Registered',
                    registrations.data?.length ? (
                      <span key="g" className="flex flex-wrap gap-1">
                        <Registrations items={registrations.data} />
                      </span>
                    ) : registrations.isSuccess ? (
                      'not yet'
                    ) : (
                      '…'
                    ),
                  ],
                ]}
              />
            </Card>
            <Card title="Load it">
              <CodeBlock label="Python code" code={`import mlflow\nmodel = mlflow.pyfunc.load_model(\n    "models:/${modelId}"\n)`} />
            </Card>
            <MetricTable metrics={model.data.metrics ?? []} />
            <ParamTable params={model.data.params ?? []} />
            <Card title="Tags">
              <Tags tags={ownTags(info.tags)} />
            </Card>
          </div>
        </div>
      </PageBody>
    </Page>
  );
}

function RunLink({ runId }: { runId: string }) {
  const project = useProject();
  const run = useRun(runId);
  return (
    <Link to="/p/$project/runs/$runId" params={{ project, runId }} className="text-accent hover:underline">
      {run.data?.info.run_name ?? runId}
    </Link>
  );
}
