import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { Trash2 } from 'lucide-react';
import { useState } from 'react';
import { mlflowDeleteModelVersion, mlflowDeleteModelVersionTag, mlflowSetModelVersionTag, mlflowTransitionModelVersionStage, mlflowUpdateModelVersion, type ModelVersion } from '~/api';
import { describeError } from '~/app/errors';
import { QueryError } from '~/app/fallbacks';
import { Page, PageBody } from '~/app/page';
import { useProject } from '~/app/project';
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
import { useRun } from '../run/data';
import { Aliases } from './aliases';
import { aliasesOf, useModel, useRefreshRegistry, useVersion } from './data';
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
  const refresh = useRefreshRegistry();
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
          {v.status && v.status !== 'READY' ? <Badge tone="warn">{v.status_message || v.status}</Badge> : null}
        </>
      }
      meta={model.data ? <Aliases model={model.data} version={version} /> : null}
      actions={
        <>
          <Stage version={v} />
          <Button onClick={() => setDeleting(true)}>
            <Trash2 className="size-3.5" /> Delete
          </Button>
        </>
      }
    >
      <PageBody>
        <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
          <div className="grid min-w-0 gap-4">
            <Lineage version={v} />
            <Description
              text={v.description ?? ''}
              max={descriptionMax}
              what="this version"
              onSave={async (description) => {
                await mlflowUpdateModelVersion({ body: { ...ref, description } });
                await refresh();
              }}
            />
            {v.model_id ? (
              <Card title="Files" flush>
                <div className="flex h-96 flex-col">
                  <ModelFiles modelId={v.model_id} path={search.path} onPath={(path) => void navigate({ search: path ? { path } : {} })} />
                </div>
              </Card>
            ) : null}
          </div>
          <div className="grid min-w-0 gap-4">
            <Card title="About">
              <Facts
                items={[
                  ['Created', formatTime(v.creation_timestamp)],
                  ['Changed', formatTime(v.last_updated_timestamp)],
                  ['By', v.user_id ?? '—'],
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
                onSet={async (tag) => {
                  await mlflowSetModelVersionTag({ body: { ...ref, ...tag } });
                  await refresh();
                }}
                onDelete={async (key) => {
                  await mlflowDeleteModelVersionTag({ body: { ...ref, key } });
                  await refresh();
                }}
              />
            </Card>
            <MetricTable metrics={v.model_metrics ?? []} />
            <ParamTable params={(v.model_params ?? []).map((p) => ({ key: p.name ?? '', value: p.value ?? '' }))} />
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

function Stage({ version: v }: { version: ModelVersion }) {
  const refresh = useRefreshRegistry();
  const [target, setTarget] = useState<string | null>(null);
  const [archive, setArchive] = useState(true);
  const current = v.current_stage ?? 'None';
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
          await mlflowTransitionModelVersionStage({ body: { name: v.name ?? '', version: v.version ?? '', stage: target ?? current, archive_existing_versions: holds && archive } });
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
function Lineage({ version: v }: { version: ModelVersion }) {
  const project = useProject();
  return (
    <Card title="Where it comes from">
      {v.run_id ? (
        <RunLineage runId={v.run_id} />
      ) : (
        <p className="text-muted">This version names no run.</p>
      )}
      {v.model_id ? (
        <div className="mt-3 flex flex-wrap items-baseline gap-x-3">
          <span className="w-24 shrink-0 text-faint">Logged model</span>
          <Link to="/p/$project/logged-models/$modelId" params={{ project, modelId: v.model_id }} className="font-mono text-xs wrap-anywhere text-accent hover:underline">
            {v.model_id}
          </Link>
        </div>
      ) : null}
    </Card>
  );
}

function RunLineage({ runId }: { runId: string }) {
  const project = useProject();
  const run = useRun(runId);
  if (run.isError) return <ErrorNote {...describeError(run.error)} />;
  const data = run.data?.inputs?.dataset_inputs ?? [];
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-baseline gap-x-3">
        <span className="w-24 shrink-0 text-faint">Data</span>
        {data.length === 0 ? <span className="text-faint">{run.isPending ? '…' : 'not logged'}</span> : null}
        {data.map(({ dataset }) => (
          <span key={`${dataset?.name}${dataset?.digest}`} className="wrap-anywhere">
            <span className="font-medium">{dataset?.name}</span> <code className="font-mono text-xs text-faint">{dataset?.digest}</code>
          </span>
        ))}
      </div>
      <div className="flex flex-wrap items-baseline gap-x-3">
        <span className="w-24 shrink-0 text-faint">Run</span>
        <Link to="/p/$project/runs/$runId" params={{ project, runId }} className="font-medium text-accent hover:underline">
          {run.data?.info?.run_name ?? runId}
        </Link>
      </div>
    </div>
  );
}
