import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { Download, Pencil, Plus, Sparkles, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { deleteDataset, setDatasetTypes, updateDataset, type DatasetVersionDetails, type StoredDataset } from '~/api';
import { describeError } from '~/app/errors';
import { QueryError } from '~/app/fallbacks';
import { Page, TabBar, tabClass } from '~/app/page';
import { useCan, useProject } from '~/app/project';
import { datasetTabs, type DatasetTab } from '~/app/searches';
import { Button, buttonClass } from '~/ui/button';
import { CopyButton } from '~/ui/copy';
import { Description } from '~/ui/description';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { formatBytes, formatCount } from '~/ui/format';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { Loading } from '~/ui/states';
import { toast } from '~/ui/toast';
import { AddDialog } from './add-dialog';
import { Columns } from './columns';
import { contentUrl, useDataset, useRefreshDatasets, useVersion } from './data';
import { Issues } from './issues';
import { Preview } from './preview';
import { Relations } from './relations';
import { descriptionMax, formatNames, nameError, sourceText } from './rules';
import { Quality, StateBadge, Unread } from './state';
import { Versions } from './versions';

const route = getRouteApi('/session/p/$project/datasets/$datasetId');

const tabs: Record<DatasetTab, string> = { columns: 'Columns', issues: 'Issues', relations: 'Relations', rows: 'Rows', versions: 'Versions', about: 'About' };

export function DatasetPage() {
  const project = useProject();
  const { datasetId } = route.useParams();
  const search = route.useSearch();
  const query = useDataset(datasetId);
  const dataset = query.data;
  const number = search.version ?? dataset?.latest.version;
  const version = useVersion(datasetId, number);
  const may = useCan('experiments:write');
  const [adding, setAdding] = useState(false);
  if (query.isError && !dataset) return <QueryError error={query.error} onRetry={() => void query.refetch()} />;
  if (!dataset) return <Loading label="Loading dataset" />;
  const shown = version.data;
  const tab = search.tab ?? 'columns';
  return (
    <Page
      title={dataset.name}
      crumbs={
        <Link to="/p/$project/datasets" params={{ project }}>
          Data
        </Link>
      }
      heading={
        <>
          {dataset.name}
          <span className="text-sm font-normal text-muted">v{number}</span>
          {shown ? <StateBadge version={shown} /> : null}
        </>
      }
      meta={shown ? <Meta version={shown} /> : null}
      actions={
        <>
          {shown?.digest ? (
            <a href={contentUrl(datasetId, shown.version)} download className={buttonClass()}>
              <Download className="size-3.5" /> Download
            </a>
          ) : null}
          {may ? (
            <>
              {shown?.profile ? (
                <Link
                  to="/p/$project/automl/new"
                  params={{ project }}
                  search={{ dataset: datasetId, version: search.version, target: search.target }}
                  className={buttonClass('primary')}
                >
                  <Sparkles className="size-3.5" /> Find a model
                </Link>
              ) : null}
              <Button onClick={() => setAdding(true)}>
                <Plus className="size-3.5" /> New version
              </Button>
              <DatasetMenu dataset={dataset} />
            </>
          ) : null}
        </>
      }
      tabs={
        <TabBar label="Parts of the dataset">
          {datasetTabs.map((t) => (
            <Link
              key={t}
              to="/p/$project/datasets/$datasetId"
              params={{ project, datasetId }}
              search={(s) => ({ ...s, tab: t === 'columns' ? undefined : t })}
              activeOptions={{ exact: true, includeSearch: true, explicitUndefined: true }}
              className={tabClass}
            >
              {tabs[t]}
              {t === 'issues' && shown?.profile ? <span className="text-xs text-faint">{shown.profile.quality.issues.length}</span> : null}
            </Link>
          ))}
        </TabBar>
      }
    >
      <div className="min-h-0 flex-1 overflow-y-auto">
        {tab === 'versions' ? <Versions id={datasetId} /> : null}
        {tab === 'about' ? <About dataset={dataset} /> : null}
        {tab !== 'versions' && tab !== 'about' ? (
          version.isError && !shown ? (
            <QueryError error={version.error} onRetry={() => void version.refetch()} />
          ) : shown ? (
            <Content key={shown.version} id={datasetId} version={shown} tab={tab} />
          ) : (
            <Loading label="Loading version" />
          )
        ) : null}
      </div>
      {adding ? <AddDialog into={dataset.name} onClose={() => setAdding(false)} /> : null}
    </Page>
  );
}

function Meta({ version }: { version: DatasetVersionDetails }) {
  return (
    <>
      {version.rows !== null && version.rows !== undefined ? (
        <span>
          {formatCount(version.rows, 'row')} × {formatCount(version.columns ?? 0, 'column')}
        </span>
      ) : null}
      <span>
        {formatBytes(version.size_bytes)} {version.format ? formatNames[version.format] : ''}
      </span>
      <span className="wrap-anywhere">{sourceText(version.source)}</span>
      {version.quality !== null && version.quality !== undefined ? (
        <span>
          Quality <Quality score={version.quality} />
        </span>
      ) : null}
      {version.digest ? (
        <span className="inline-flex items-center font-mono">
          {version.digest.slice(0, 12)}
          <CopyButton text={version.digest} label="Copy the hash of the bytes" />
        </span>
      ) : null}
    </>
  );
}

function Content({ id, version, tab }: { id: string; version: DatasetVersionDetails; tab: DatasetTab }) {
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/datasets/$datasetId' });
  const refresh = useRefreshDatasets();
  const may = useCan('experiments:write');
  const { schema, profile } = version;
  if (!schema || !profile) return <Unread version={version} />;
  const save = async (types: DatasetVersionDetails['types']) => {
    try {
      const { data } = await setDatasetTypes({ path: { dataset_id: id, version: String(version.version) }, body: { types } });
      await refresh();
      await navigate({ search: (s) => ({ ...s, version: data.latest.version }) });
    } catch (caught) {
      const { title, requestId } = describeError(caught);
      toast('failed', title, requestId ? `Request ${requestId}` : undefined);
      throw caught;
    }
  };
  switch (tab) {
    case 'issues':
      return (
        <Issues
          id={id}
          version={version.version}
          schema={schema}
          profile={profile}
          target={schema.columns.some((c) => c.name === search.target) ? search.target : undefined}
          onTarget={(target) => void navigate({ search: (s) => ({ ...s, target }), replace: true })}
        />
      );
    case 'relations':
      return <Relations profile={profile} />;
    case 'rows':
      return <Preview id={id} version={version.version} rows={version.rows} />;
    default:
      return <Columns schema={schema} profile={profile} types={version.types} {...(may ? { onSave: save } : {})} />;
  }
}

function About({ dataset }: { dataset: StoredDataset }) {
  const refresh = useRefreshDatasets();
  const may = useCan('experiments:write');
  return (
    <div className="max-w-3xl p-4 md:p-6">
      <Description
        text={dataset.description}
        max={descriptionMax}
        what="this dataset"
        {...(may
          ? {
              onSave: async (description) => {
                await updateDataset({ path: { dataset_id: dataset.id }, body: { description } });
                await refresh();
              },
            }
          : {})}
      />
    </div>
  );
}

function DatasetMenu({ dataset }: { dataset: StoredDataset }) {
  const project = useProject();
  const navigate = useNavigate();
  const refresh = useRefreshDatasets();
  const [asking, setAsking] = useState<'rename' | 'delete' | null>(null);
  const [name, setName] = useState(dataset.name);
  const close = (open: boolean) => !open && setAsking(null);
  const problem = nameError(name);
  return (
    <>
      <ActionsMenu name={dataset.name}>
        <MenuItem
          icon={<Pencil />}
          onSelect={() => {
            setName(dataset.name);
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
        title={`Rename ${dataset.name}`}
        description="Files that are sent to the old name become another dataset."
        action="Rename"
        valid={!problem && name.trim() !== dataset.name}
        onSubmit={async () => {
          await updateDataset({ path: { dataset_id: dataset.id }, body: { name: name.trim() } });
          await refresh();
        }}
      >
        <Field label="Name" error={name === dataset.name ? null : problem}>
          {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} />}
        </Field>
      </FormDialog>
      <FormDialog
        open={asking === 'delete'}
        onOpenChange={close}
        title={`Delete ${dataset.name}?`}
        description={`All its versions, up to v${dataset.latest.version}, and their files are gone for good. Runs keep what they noted of it.`}
        action="Delete dataset"
        danger
        onSubmit={async () => {
          await deleteDataset({ path: { dataset_id: dataset.id } });
          toast('done', `Deleted ${dataset.name}`);
          await navigate({ to: '/p/$project/datasets', params: { project } });
          await refresh();
        }}
      />
    </>
  );
}
