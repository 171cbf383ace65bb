import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { Trash2 } from 'lucide-react';
import { useState } from 'react';
import { mlflowDeleteModelVersion, mlflowDeleteModelVersionTag, mlflowSetModelVersionTag, mlflowTransitionModelVersionStage, mlflowUpdateModelVersion, type MlflowModelVersion } from '~/api';
import { describeError } from '~/app/errors';
import { QueryError } from '~/app/fallbacks';
import { Page, PageBody } from '~/app/page';
import { useCan, useProject } from '~/app/project';
import { Button } from '~/ui/button';
import { Card, Facts } from '~/ui/card';
import { CodeBlock } from '~/ui/copy';
import { Description } from '~/ui/description';
import { FormDialog } from '~/ui/dialog';
import { Select } from '~/ui/field';
import { formatTime } from '~/ui/format';
import { ErrorNote, Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { ownTags, Tags } from '~/ui/tags';
import { toast } from '~/ui/toast';
import { Aliases } from './aliases';
import { aliasesOf, useLineage, useLoggedModel, useModel, useRefreshRegistry, useVersion } from './data';
import { ModelFiles } from './model-files';
import { MetricTable, ParamTable } from './model-values';
import { descriptionMax, stages } from './rules';

const route = getRouteApi('/session/p/$project/models/$name/versions/$version');

export function VersionPage() {
  const project = useProject();
  const { name, version } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/models/$name/versions/$version' });
  const query = useVersion(name, version);
  const model = useModel(name);
  const lineage = useLineage(name, version);
  const logged = useLoggedModel(lineage.data?.model?.model_id ?? '');
  const refresh = useRefreshRegistry();
  const may = useCan('models:write');
  const [deleting, setDeleting] = useState(false);
  const v = query.data;
  if (query.isError && !v) return <QueryError error={query.error} onRetry={() => void query.refetch()} />;
  if (!v) return <Loading label="Loading version" />;
  const ref = { name, version };
  const alias = aliasesOf(model.data, version)[0];
  return (
    <Page
      title={`${name} v${version}`}
      crumbs={
        <>
          <Link to="/p/$project/models" params={{ project }}>
            Models
          </Link>
          <span aria-hidden>/</span>
          <Link to="/p/$project/models/$name" params={{ project, name }}>
            {name}
          </Link>
        </>
      }
      heading={
        <>
          Version {version}
          {v.status === 'READY' ? null : <Badge tone="warn">{v.status}</Badge>}
        </>
      }
      meta={model.data ? <Aliases model={model.data} version={version} /> : null}
      actions={
        may ? (
          <>
            <Stage version={v} />
            <Button onClick={() => setDeleting(true)}>
              <Trash2 className="size-3.5" /> Delete
            </Button>
          </>
        ) : v.current_stage && v.current_stage !== 'None' ? (
          <Badge>{v.current_stage}</Badge>
        ) : null
      }
    >
      <PageBody>
        <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
          <div className="grid min-w-0 gap-4">
            <Lineage lineage={lineage} />
            <Description
              text={v.description ?? ''}
              max={descriptionMax}
              what="this version"
              {...(may
                ? {
                    onSave: async (description) => {
                      await mlflowUpdateModelVersion({ body: { ...ref, description } });
                      await refresh();
                    },
                  }
                : {})}
            />
            <Card title="Files" flush>
              <div className="flex h-96 flex-col">
                <ModelFiles source={{ kind: 'version', name, version }} path={search.path} onPath={(path) => void navigate({ search: path ? { path } : {} })} />
              </div>
            </Card>
          </div>
          <div className="grid min-w-0 gap-4">
            <Card title="About">
              <Facts
                items={[
                  ['Created', formatTime(v.creation_timestamp)],
                  ['Changed', formatTime(v.last_updated_timestamp)],
                  ['Source', <code key="s" className="font-mono text-xs">{v.source}</code>],
                ]}
              />
            </Card>
            <Card title="Load it">
              <CodeBlock label="Python code" code={`import mlflow\nmodel = mlflow.pyfunc.load_model(\n    ${JSON.stringify(alias ? `models:/${name}@${alias}` : `models:/${name}/${version}`)}\n)`} />
            </Card>
            <Card title="Tags">
              <Tags
                tags={ownTags(v.tags)}
                maxValue={100_000}
                {...(may
                  ? {
                      onSet: async (tag) => {
                        await mlflowSetModelVersionTag({ body: { ...ref, ...tag } });
                        await refresh();
                      },
                      onDelete: async (key) => {
                        await mlflowDeleteModelVersionTag({ body: { ...ref, key } });
                        await refresh();
                      },
                    }
                  : {})}
              />
            </Card>
            <MetricTable metrics={logged.data?.data.metrics ?? []} />
            <ParamTable params={logged.data?.data.params ?? []} />
          </div>
        </div>
      </PageBody>
      <FormDialog
        open={deleting}
        onOpenChange={setDeleting}
        title={`Delete version ${version} of ${name}?`}
        description="The version and its aliases are gone for good. The run and the logged model stay."
        action="Delete version"
        danger
        onSubmit={async () => {
          await mlflowDeleteModelVersion({ body: ref });
          toast('done', `Deleted version ${version} of ${name}`);
          await navigate({ to: '/p/$project/models/$name', params: { project, name } });
          await refresh();
        }}
      />
    </Page>
  );
}

function Stage({ version: v }: { version: MlflowModelVersion }) {
  const refresh = useRefreshRegistry();
  const [target, setTarget] = useState<string | null>(null);
  const [archive, setArchive] = useState(true);
  const current = v.current_stage;
  const holds = target === 'Staging' || target === 'Production';
  return (
    <>
      <label className="flex items-center gap-2 text-xs text-muted">
        Stage
        <Select value={current} onChange={(e) => setTarget(e.target.value)}>
          {stages.map((s) => (
            <option key={s}>{s}</option>
          ))}
        </Select>
      </label>
      <FormDialog
        open={target !== null}
        onOpenChange={(open) => !open && setTarget(null)}
        title={`Move version ${v.version} to ${target ?? ''}?`}
        action={`Move to ${target ?? ''}`}
        onSubmit={async () => {
          await mlflowTransitionModelVersionStage({ body: { name: v.name, version: v.version, stage: target ?? current, archive_existing_versions: holds && archive } });
          toast('done', `Version ${v.version} is in ${target}`);
          await refresh();
        }}
      >
        {holds ? (
          <label className="flex items-center gap-2">
            <input type="checkbox" className="accent-(--accent)" checked={archive} onChange={(e) => setArchive(e.target.checked)} />
            Archive the versions that are in {target} now
          </label>
        ) : null}
      </FormDialog>
    </>
  );
}

/** Data → run → logged model → this version, each a link to where it can be seen. */
function Lineage({ lineage }: { lineage: ReturnType<typeof useLineage> }) {
  const project = useProject();
  if (lineage.isError) return <ErrorNote {...describeError(lineage.error)} onRetry={() => void lineage.refetch()} />;
  const { run, run_id: runId, datasets, model } = lineage.data ?? { datasets: [] };
  return (
    <Card title="Where it comes from">
      {lineage.isPending ? <p className="text-faint">…</p> : null}
      {lineage.isSuccess && !runId && !model ? <p className="text-muted">This version names no run.</p> : null}
      <div className="flex flex-col gap-3">
        {run ? (
          <Origin label="Data">
            {datasets.length === 0 ? <span className="text-faint">not logged</span> : null}
            {datasets.map((d) => (
              <span key={`${d.name} ${d.digest} ${d.context}`} className="inline-flex flex-wrap items-baseline gap-1.5 wrap-anywhere">
                <span className="font-medium">{d.name}</span> <code className="font-mono text-xs text-faint">{d.digest}</code>
                {d.context ? <Badge>{d.context}</Badge> : null}
              </span>
            ))}
          </Origin>
        ) : null}
        {runId ? (
          <Origin label="Run">
            {run ? (
              <>
                <Link to="/p/$project/runs/$runId" params={{ project, runId: run.run_id }} className="font-medium text-accent hover:underline">
                  {run.run_name}
                </Link>
                {run.lifecycle_stage === 'deleted' ? <Badge tone="danger">Deleted</Badge> : null}
                <span className="text-faint">in</span>
                <Link to="/p/$project/experiments/$experimentId" params={{ project, experimentId: run.experiment_id }} className="hover:underline">
                  {run.experiment_name}
                </Link>
              </>
            ) : (
              <>
                <code className="font-mono text-xs">{runId}</code> <span className="text-faint">is not here (any more)</span>
              </>
            )}
          </Origin>
        ) : null}
        {model ? (
          <Origin label="Logged model">
            <Link to="/p/$project/logged-models/$modelId" params={{ project, modelId: model.model_id }} className="font-medium text-accent hover:underline">
              {model.name}
            </Link>
            <code className="font-mono text-xs wrap-anywhere text-faint">{model.model_id}</code>
          </Origin>
        ) : null}
      </div>
    </Card>
  );
}

function Origin({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
      <span className="w-24 shrink-0 text-faint">{label}</span>
      {children}
    </div>
  );
}
