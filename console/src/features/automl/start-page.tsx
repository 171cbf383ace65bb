import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { ChevronRight } from 'lucide-react';
import { useState, type FormEvent, type ReactNode } from 'react';
import { startAutoml, type DatasetVersionDetails } from '~/api';
import { describeError } from '~/app/errors';
import { Page, PageBody } from '~/app/page';
import { useCan, useProject } from '~/app/project';
import { DeniedHint } from '~/app/why';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { Field, Input, Select } from '~/ui/field';
import { formatCount } from '~/ui/format';
import { ErrorNote, Loading } from '~/ui/states';
import { useDataset, useDatasets, useVersion, useVersions } from '../datasets/data';
import { useRefreshAutoml } from './data';
import { metricName, taskName, tasks, usualMetric } from './names';
import { emptyForm, likelyTask, metricsOf, nameMax, startBody, startErrors, type StartErrors, type StartForm } from './start';
import { StartMore } from './start-more';
import { TargetAdvice } from './target-advice';

const route = getRouteApi('/session/p/$project/automl/new');

/** Everything that is the same for one line of the form. */
export interface PartProps {
  form: StartForm;
  errors: StartErrors;
  change: (change: Partial<StartForm>) => void;
  version: DatasetVersionDetails | undefined;
}

export function StartPage() {
  const project = useProject();
  const search = route.useSearch();
  const may = useCan('experiments:write');
  return (
    <Page
      title="Find a model"
      crumbs={
        <Link to="/p/$project/automl" params={{ project }}>
          AutoML
        </Link>
      }
    >
      <PageBody narrow>
        {may ? (
          <Start start={emptyForm(search.dataset, search.version ?? null, search.target)} />
        ) : (
          <p className="text-muted">
            Starting a search needs the right to write experiments. <DeniedHint permission="experiments:write" label="Why can I not start one?" />
          </p>
        )}
      </PageBody>
    </Page>
  );
}

function Start({ start }: { start: StartForm }) {
  const project = useProject();
  const navigate = useNavigate();
  const refresh = useRefreshAutoml();
  const [form, setForm] = useState(start);
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const dataset = useDataset(form.dataset);
  const number = form.version ?? dataset.data?.latest.version;
  const version = useVersion(form.dataset, form.dataset === '' ? undefined : number);
  const shown = version.data?.version === number ? version.data : undefined;
  const all = startErrors(form, shown?.profile ?? undefined);
  // What nobody has touched yet is not called wrong before somebody wants to start.
  const untouched = (field: string) => !asked && ((field === 'dataset' && form.dataset === '') || (field === 'target' && form.target === ''));
  const errors: StartErrors = Object.fromEntries(Object.entries(all).filter(([field]) => !untouched(field)));
  const wrong = Object.keys(all).length > 0;
  const change = (part: Partial<StartForm>) => setForm({ ...form, ...part });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setAsked(true);
    if (busy || wrong) return;
    setBusy(true);
    setError(null);
    try {
      const { data } = await startAutoml({ body: startBody(form) });
      await refresh();
      await navigate({ to: '/p/$project/automl/$automlId', params: { project, automlId: data.automl_id } });
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  };
  const part: PartProps = { form, errors, change, version: shown };
  return (
    <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-4" noValidate>
      <Card title="What is known, and what is to be predicted">
        <div className="flex flex-col gap-3">
          <DataChoice {...part} />
          {form.dataset === '' ? null : shown ? <Target {...part} /> : version.isError ? <ErrorNote {...describeError(version.error)} onRetry={() => void version.refetch()} /> : <Loading label="Loading columns" />}
        </div>
      </Card>
      <Card title="How to judge, and for how long to search">
        <div className="flex flex-col gap-3">
          <div className="grid gap-3 sm:grid-cols-2">
            <TaskChoice {...part} />
            <MetricChoice {...part} />
            <Field label="Time, in seconds" error={errors.seconds} hint="The search may end earlier. The model is made of what there is then.">
              {(ids) => <Input {...ids} type="number" inputMode="numeric" min={1} value={form.seconds} onChange={(e) => change({ seconds: e.target.value })} />}
            </Field>
            <Field label="Name" optional error={errors.name} count={{ length: form.name.length, max: nameMax }}>
              {(ids) => <Input {...ids} value={form.name} onChange={(e) => change({ name: e.target.value })} />}
            </Field>
          </div>
          <More wrong={['trials', 'seed', 'folds', 'holdOut', 'time', 'group', 'ignore', 'families', 'experiment'].some((f) => f in errors)}>
            <StartMore {...part} />
          </More>
        </div>
      </Card>
      {error ? <ErrorNote {...describeError(error)} /> : null}
      <div className="flex flex-wrap items-center justify-end gap-3">
        {asked && wrong ? (
          <p role="status" className="text-xs text-danger">
            {formatCount(Object.keys(all).length, 'thing')} above {Object.keys(all).length === 1 ? 'needs' : 'need'} a look.
          </p>
        ) : null}
        <Button type="submit" variant="primary" size="md" busy={busy}>
          Start the search
        </Button>
      </div>
    </form>
  );
}

/** Settings that few people need. They open by themselves when one of them is at fault. */
function More({ wrong, children }: { wrong: boolean; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <div>
      <button type="button" aria-expanded={open || wrong} onClick={() => setOpen(!open)} className="inline-flex items-center gap-1 rounded py-1 font-medium text-muted hover:text-ink">
        <ChevronRight aria-hidden className={`size-4 transition-transform ${open || wrong ? 'rotate-90' : ''}`} /> Advanced
      </button>
      {open || wrong ? <div className="mt-2">{children}</div> : null}
    </div>
  );
}

function DataChoice({ form, errors, change }: PartProps) {
  const datasets = useDatasets('');
  const own = useDataset(form.dataset);
  const versions = useVersions(form.dataset);
  const items = datasets.data?.pages.flatMap((p) => p.items) ?? [];
  // One that is far down the list, or was removed, is still what was chosen.
  const missing = form.dataset !== '' && !items.some((d) => d.id === form.dataset);
  const project = useProject();
  if (datasets.isSuccess && items.length === 0 && form.dataset === '') {
    return (
      <p className="text-muted">
        There is no dataset yet.{' '}
        <Link to="/p/$project/datasets" params={{ project }} className="text-accent underline underline-offset-2">
          Bring a file
        </Link>{' '}
        first.
      </p>
    );
  }
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <Field label="Dataset" error={errors.dataset}>
        {(ids) => (
          <div className="flex gap-2">
            <Select {...ids} className="h-8 max-w-full min-w-0 flex-1 text-sm" value={form.dataset} onChange={(e) => change({ dataset: e.target.value, version: null, target: '', time: '', group: '', ignore: [] })}>
              <option value="">Choose…</option>
              {missing ? <option value={form.dataset}>{own.data?.name ?? form.dataset}</option> : null}
              {items.map((d) => (
                <option key={d.id} value={d.id}>
                  {d.name}
                </option>
              ))}
            </Select>
            {datasets.hasNextPage ? (
              <Button size="md" busy={datasets.isFetchingNextPage} onClick={() => void datasets.fetchNextPage()}>
                More
              </Button>
            ) : null}
          </div>
        )}
      </Field>
      {form.dataset === '' ? null : (
        <Field label="Version">
          {(ids) => (
            <Select {...ids} className="h-8 max-w-full text-sm" value={form.version ?? ''} onChange={(e) => change({ version: e.target.value === '' ? null : Number(e.target.value) })}>
              <option value="">Newest{own.data ? ` (v${own.data.latest.version})` : ''}</option>
              {versions.data?.pages
                .flatMap((p) => p.items)
                .filter((v) => v.state === 'ready')
                .map((v) => (
                  <option key={v.version} value={v.version}>
                    v{v.version}
                    {v.rows ? `, ${formatCount(v.rows, 'row')}` : ''}
                  </option>
                ))}
            </Select>
          )}
        </Field>
      )}
    </div>
  );
}

function Target(part: PartProps) {
  const { form, errors, change, version } = part;
  if (!version?.schema || !version.profile) {
    return <ErrorNote title={version?.state === 'failed' ? 'This version cannot be read' : 'This version is still being read'} detail={version?.error ?? undefined} />;
  }
  return (
    <>
      <Field label="To be predicted" error={errors.target}>
        {(ids) => (
          <Select {...ids} className="h-8 max-w-full text-sm" value={form.target} onChange={(e) => change({ target: e.target.value, ignore: form.ignore.filter((c) => c !== e.target.value) })}>
            <option value="">Choose a column…</option>
            {version.schema?.columns.map((c) => (
              <option key={c.name} value={c.name}>
                {c.name} ({c.type})
              </option>
            ))}
          </Select>
        )}
      </Field>
      <TargetAdvice key={`${form.dataset} ${version.version} ${form.target}`} form={form} version={version} profile={version.profile} onIgnore={(columns) => change({ ignore: [...new Set([...form.ignore, ...columns])] })} />
    </>
  );
}

/** What the server will take it for, where that can be told. */
function likely({ form, version }: PartProps) {
  const column = version?.profile?.columns.find((c) => c.name === form.target);
  return column ? likelyTask(column) : null;
}

function TaskChoice(part: PartProps) {
  const { form, change } = part;
  const found = likely(part);
  return (
    <Field label="What it is" hint={form.task === '' ? (found ? `Looks like: ${taskName(found).toLowerCase()}.` : 'Found out from the values.') : undefined}>
      {(ids) => (
        <Select {...ids} className="h-8 max-w-full text-sm" value={form.task} onChange={(e) => change({ task: tasks.find((t) => t === e.target.value) ?? '' })}>
          <option value="">Find out</option>
          {tasks.map((task) => (
            <option key={task} value={task}>
              {taskName(task)}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}

function MetricChoice(part: PartProps) {
  const { form, errors, change } = part;
  const task = form.task || likely(part);
  const offered = metricsOf(task);
  return (
    <Field label="Ranked by" error={errors.metric}>
      {(ids) => (
        <Select {...ids} className="h-8 max-w-full text-sm" value={form.metric} onChange={(e) => change({ metric: e.target.value })}>
          <option value="">{task ? `The usual: ${metricName(usualMetric[task])}` : 'The usual'}</option>
          {[...offered, ...(form.metric !== '' && !offered.includes(form.metric) ? [form.metric] : [])].map((m) => (
            <option key={m} value={m}>
              {metricName(m)}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
