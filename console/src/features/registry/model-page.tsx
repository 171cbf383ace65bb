import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { Box, Pencil, Trash2 } from 'lucide-react';
import { useState } from 'react';
import {
  mlflowDeleteRegisteredModel,
  mlflowDeleteRegisteredModelTag,
  mlflowRenameRegisteredModel,
  mlflowSetRegisteredModelTag,
  mlflowUpdateRegisteredModel,
  type MlflowModelVersion,
  type MlflowRegisteredModel,
} from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Page, PageBody } from '~/app/page';
import { useCan, useProject } from '~/app/project';
import { Card, Facts } from '~/ui/card';
import { CodeBlock, CopyButton } from '~/ui/copy';
import { Description } from '~/ui/description';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { formatTime } from '~/ui/format';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { Empty, Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { ownTags, Tags } from '~/ui/tags';
import { Ago } from '~/ui/time';
import { toast } from '~/ui/toast';
import { Aliases } from './aliases';
import { useModel, useRefreshRegistry, useVersions } from './data';
import { descriptionMax, modelNameError } from './rules';

const route = getRouteApi('/session/p/$project/models/$name');

export function ModelPage() {
  const project = useProject();
  const { name } = route.useParams();
  const query = useModel(name);
  const versions = useVersions(name);
  const refresh = useRefreshRegistry();
  const may = useCan('models:write');
  const model = query.data;
  if (query.isError && !model) return <QueryError error={query.error} onRetry={() => void query.refetch()} />;
  if (!model) return <Loading label="Loading model" />;
  const alias = model.aliases?.[0]?.alias;
  return (
    <Page
      title={name}
      crumbs={
        <Link to="/p/$project/models" params={{ project }}>
          Models
        </Link>
      }
      heading={
        <>
          {name}
          <CopyButton text={name} label="Copy name" className="-ml-1.5" />
        </>
      }
      actions={may ? <ModelMenu model={model} count={versions.data?.length} /> : null}
    >
      <PageBody>
        <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
          <div className="grid min-w-0 gap-4">
            <Card
              flush
              title={
                <>
                  Versions <span className="text-xs font-normal text-faint">{versions.data?.length}</span>
                </>
              }
            >
              {versions.isPending ? <Loading label="Loading versions" /> : null}
              {versions.isError ? <QueryError error={versions.error} onRetry={() => void versions.refetch()} /> : null}
              {versions.data?.length === 0 ? (
                <Empty icon={<Box />} title="No versions yet">
                  Open a run that logged a model and press Register, or log one with <code className="font-mono text-xs">registered_model_name=</code>.
                </Empty>
              ) : null}
              {versions.data && versions.data.length > 0 ? <Versions model={model} versions={versions.data} /> : null}
            </Card>
            <Description
              text={model.description ?? ''}
              max={descriptionMax}
              what="this model"
              {...(may
                ? {
                    onSave: async (description) => {
                      await mlflowUpdateRegisteredModel({ body: { name, description } });
                      await refresh();
                    },
                  }
                : {})}
            />
          </div>
          <div className="grid min-w-0 gap-4">
            <Card title="About">
              <Facts
                items={[
                  ['Created', formatTime(model.creation_timestamp)],
                  ['Changed', <Ago key="c" at={model.last_updated_timestamp} />],
                ]}
              />
            </Card>
            <Card title="Tags">
              <Tags
                tags={ownTags(model.tags)}
                maxValue={100_000}
                {...(may
                  ? {
                      onSet: async (tag) => {
                        await mlflowSetRegisteredModelTag({ body: { name, ...tag } });
                        await refresh();
                      },
                      onDelete: async (key) => {
                        await mlflowDeleteRegisteredModelTag({ body: { name, key } });
                        await refresh();
                      },
                    }
                  : {})}
              />
            </Card>
            {versions.data && versions.data.length > 0 ? (
              <Card title="Load it">
                <CodeBlock
                  label="Python code"
                  code={`import mlflow\nmodel = mlflow.pyfunc.load_model(\n    ${JSON.stringify(`models:/${name}${alias ? `@${alias}` : `/${versions.data[0]?.version}`}`)}\n)`}
                />
              </Card>
            ) : null}
          </div>
        </div>
      </PageBody>
    </Page>
  );
}

function Versions({ model, versions }: { model: MlflowRegisteredModel; versions: MlflowModelVersion[] }) {
  const project = useProject();
  const name = model.name;
  return (
    <Table label="Versions">
      <thead>
        <tr>
          <Th>Version</Th>
          <Th>Aliases</Th>
          <Th>Stage</Th>
          <Th>Run</Th>
          <Th>Created</Th>
        </tr>
      </thead>
      <tbody>
        {versions.map((v) => (
          <Tr key={v.version}>
            <Td>
              <Link to="/p/$project/models/$name/versions/$version" params={{ project, name, version: v.version }} className="font-medium hover:underline">
                v{v.version}
              </Link>
              {v.status && v.status !== 'READY' ? (
                <span className="ml-2">
                  <Badge tone="warn">{v.status === 'FAILED_REGISTRATION' ? 'Failed' : 'Pending'}</Badge>
                </span>
              ) : null}
            </Td>
            <Td>
              <Aliases model={model} version={v.version} />
            </Td>
            <Td>{v.current_stage && v.current_stage !== 'None' ? <Badge>{v.current_stage}</Badge> : <span className="text-faint">–</span>}</Td>
            <Td>
              {v.run_id ? (
                <Link to="/p/$project/runs/$runId" params={{ project, runId: v.run_id }} className="font-mono text-xs text-accent hover:underline">
                  {v.run_id.slice(0, 8)}
                </Link>
              ) : (
                <span className="text-faint">–</span>
              )}
            </Td>
            <Td>
              <Ago at={v.creation_timestamp} />
            </Td>
          </Tr>
        ))}
      </tbody>
    </Table>
  );
}

function ModelMenu({ model, count }: { model: MlflowRegisteredModel; count: number | undefined }) {
  const project = useProject();
  const navigate = useNavigate();
  const refresh = useRefreshRegistry();
  const name = model.name;
  const [asking, setAsking] = useState<'rename' | 'delete' | null>(null);
  const [newName, setNewName] = useState(name);
  const close = (open: boolean) => !open && setAsking(null);
  const problem = modelNameError(newName);
  return (
    <>
      <ActionsMenu name={name}>
        <MenuItem
          icon={<Pencil />}
          onSelect={() => {
            setNewName(name);
            setAsking('rename');
          }}
        >
          Rename
        </MenuItem>
        <MenuItem icon={<Trash2 />} danger onSelect={() => setAsking('delete')}>
          Delete
        </MenuItem>
      </ActionsMenu>
      <FormDialog
        open={asking === 'rename'}
        onOpenChange={close}
        title={`Rename ${name}`}
        description="Code that loads the model by its old name will not find it any more."
        action="Rename"
        valid={!problem && newName !== name}
        onSubmit={async () => {
          await mlflowRenameRegisteredModel({ body: { name, new_name: newName.trim() } });
          await navigate({ to: '/p/$project/models/$name', params: { project, name: newName.trim() }, replace: true });
          await refresh();
        }}
      >
        <Field label="Name" error={newName === name ? null : problem}>
          {(ids) => <Input {...ids} value={newName} onChange={(e) => setNewName(e.target.value)} />}
        </Field>
      </FormDialog>
      <FormDialog
        open={asking === 'delete'}
        onOpenChange={close}
        title={`Delete ${name}?`}
        description={`The name, ${count === undefined ? 'all its versions' : count === 1 ? 'its one version' : `its ${count} versions`} and its aliases are gone for good. The runs and logged models stay.`}
        action="Delete model"
        danger
        onSubmit={async () => {
          await mlflowDeleteRegisteredModel({ body: { name } });
          toast('done', `Deleted ${name}`);
          await navigate({ to: '/p/$project/models', params: { project } });
          await refresh();
        }}
      />
    </>
  );
}
