import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { Box, Plus, Search } from 'lucide-react';
import { useDeferredValue, useEffect, useState } from 'react';
import { mlflowCreateRegisteredModel, type MlflowRegisteredModel } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Needs } from '~/app/needs';
import { Page } from '~/app/page';
import { useProject } from '~/app/project';
import { DeniedHint } from '~/app/why';
import { Button } from '~/ui/button';
import { CodeBlock } from '~/ui/copy';
import { FormDialog } from '~/ui/dialog';
import { Field, Input, Textarea } from '~/ui/field';
import { Empty, Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { ownTags } from '~/ui/tags';
import { Ago } from '~/ui/time';
import { useModels, useRefreshRegistry } from './data';
import { descriptionMax, modelNameError, modelNameMax } from './rules';

const route = getRouteApi('/session/p/$project/models');

export function ModelsPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/models' });
  const [q, setQ] = useState(search.q ?? '');
  const wanted = useDeferredValue(q.trim());
  useEffect(() => {
    void navigate({ search: { ...(wanted ? { q: wanted } : {}) }, replace: true });
  }, [navigate, wanted]);
  const models = useModels(wanted);
  const items = models.data?.pages.flatMap((p) => p.registered_models ?? []) ?? [];
  const [creating, setCreating] = useState(false);
  return (
    <Page
      title="Models"
      actions={
        <Needs permission="models:write" instead={<DeniedHint permission="models:write" label="Why can I not add any?" />}>
          <Button variant="primary" onClick={() => setCreating(true)}>
            <Plus className="size-3.5" /> New model
          </Button>
        </Needs>
      }
    >
      <div className="border-b px-4 py-2 md:px-6">
        <div className="relative sm:max-w-sm">
          <Search aria-hidden className="absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-faint" />
          <Input type="search" aria-label="Find a model by name" placeholder="Find by name" className="pl-8" value={q} onChange={(e) => setQ(e.target.value)} />
        </div>
      </div>
      <div className="min-h-0 flex-1 overflow-y-auto">
        {models.isPending ? <Loading label="Loading models" /> : null}
        {models.isError && items.length === 0 ? <QueryError error={models.error} onRetry={() => void models.refetch()} /> : null}
        {models.isSuccess && items.length === 0 ? wanted ? <Empty icon={<Search />} title="No model matches" /> : <NoModels /> : null}
        {items.length > 0 ? <ModelsTable items={items} /> : null}
        {models.hasNextPage ? (
          <div className="p-4 text-center">
            <Button busy={models.isFetchingNextPage} onClick={() => void models.fetchNextPage()}>
              Show more
            </Button>
          </div>
        ) : null}
      </div>
      {creating ? <CreateModel onClose={() => setCreating(false)} /> : null}
    </Page>
  );
}

function ModelsTable({ items }: { items: MlflowRegisteredModel[] }) {
  const project = useProject();
  return (
    <Table label="Registered models" className="md:[&_td:first-child]:pl-6 md:[&_th:first-child]:pl-6">
      <thead>
        <tr>
          <Th>Name</Th>
          <Th>Newest version</Th>
          <Th>Aliases</Th>
          <Th className="max-md:hidden">Changed</Th>
          <Th className="max-md:hidden">Tags</Th>
        </tr>
      </thead>
      <tbody>
        {items.map((m) => {
          const name = m.name;
          const newest = Math.max(0, ...(m.latest_versions ?? []).map((v) => Number(v.version)));
          return (
            <Tr key={name}>
              <Td className="max-w-md">
                <Link to="/p/$project/models/$name" params={{ project, name }} className="font-medium wrap-anywhere hover:underline">
                  {name}
                </Link>
                {m.description ? <div className="line-clamp-1 text-xs text-faint">{m.description}</div> : null}
              </Td>
              <Td>
                {newest > 0 ? (
                  <Link to="/p/$project/models/$name/versions/$version" params={{ project, name, version: String(newest) }} className="hover:underline">
                    v{newest}
                  </Link>
                ) : (
                  <span className="text-faint">none</span>
                )}
              </Td>
              <Td>
                <div className="flex flex-wrap gap-1">
                  {(m.aliases ?? []).map((a) => (
                    <Badge key={a.alias} tone="accent">
                      @{a.alias} → v{a.version}
                    </Badge>
                  ))}
                </div>
              </Td>
              <Td className="max-md:hidden">
                <Ago at={m.last_updated_timestamp} />
              </Td>
              <Td className="max-w-xs max-md:hidden">
                <div className="flex flex-wrap gap-1">
                  {ownTags(m.tags).map((t) => (
                    <Badge key={t.key}>
                      {t.key} {t.value}
                    </Badge>
                  ))}
                </div>
              </Td>
            </Tr>
          );
        })}
      </tbody>
    </Table>
  );
}

function NoModels() {
  return (
    <Empty icon={<Box />} title="No registered models yet">
      <p className="mb-4">A registered model is a name with numbered versions, each tied to the run and the data it came from. Register one from a run’s page, or while logging it:</p>
      <CodeBlock label="Python code" code={'mlflow.sklearn.log_model(model, name="model", registered_model_name="my-model")'} />
    </Empty>
  );
}

function CreateModel({ onClose }: { onClose: () => void }) {
  const project = useProject();
  const navigate = useNavigate();
  const refresh = useRefreshRegistry();
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const problem = modelNameError(name);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="New model"
      description="A name without versions yet; they come from runs."
      action="Create model"
      valid={!problem && description.length <= descriptionMax}
      onSubmit={async () => {
        await mlflowCreateRegisteredModel({ body: { name: name.trim(), ...(description ? { description } : {}) } });
        await refresh();
        await navigate({ to: '/p/$project/models/$name', params: { project, name: name.trim() } });
      }}
    >
      <Field label="Name" error={name === '' ? null : problem} count={{ length: name.length, max: modelNameMax }}>
        {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
      <Field label="Description" optional count={{ length: description.length, max: descriptionMax }}>
        {(ids) => <Textarea {...ids} value={description} onChange={(e) => setDescription(e.target.value)} />}
      </Field>
    </FormDialog>
  );
}
