import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Box, Database, Search } from 'lucide-react';
import { useState } from 'react';
import { mlflowDeleteTag, mlflowSetTag, type MlflowRun } from '~/api';
import { PageBody } from '~/app/page';
import { useCan, useProject } from '~/app/project';
import { Card, Facts } from '~/ui/card';
import { CopyButton } from '~/ui/copy';
import { Description } from '~/ui/description';
import { Input } from '~/ui/field';
import { formatNumber, formatTime } from '~/ui/format';
import { Badge, RunStatus } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { ownTags, Tags } from '~/ui/tags';
import { Elapsed } from '~/ui/time';
import { RegisterButton } from '../registry/register-button';
import { Registrations } from '../registry/registrations';
import { useChildRuns, useRunModels } from './data';

const note = 'mlflow.note.content';

export function Overview({ run }: { run: MlflowRun }) {
  const project = useProject();
  const client = useQueryClient();
  const runId = run.info.run_id;
  const tags = run.data.tags ?? [];
  const tag = (key: string) => tags.find((t) => t.key === key)?.value;
  const fresh = () => Promise.all([client.invalidateQueries({ queryKey: ['run', project, runId] }), client.invalidateQueries({ queryKey: ['runs', project] })]);
  const may = useCan('experiments:write');
  const setTag = async (key: string, value: string) => {
    await mlflowSetTag({ body: { run_id: runId, key, value } });
    await fresh();
  };
  const metrics = (run.data.metrics ?? []).filter((m) => !m.key.startsWith('system/'));
  return (
    <PageBody>
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="grid min-w-0 gap-4">
          <div className="grid items-start gap-4 md:grid-cols-2">
            <KeyValues title="Metrics" items={metrics.map((m) => ({ key: m.key, value: formatNumber(m.value), exact: String(m.value) }))} empty="No metrics were logged." />
            <KeyValues
              title="Parameters"
              items={(run.data.params ?? []).map((p) => ({ key: p.key, value: p.value, exact: p.value }))}
              empty="No parameters were logged."
              mono
            />
          </div>
          <Description text={tag(note) ?? ''} max={8000} what="this run" {...(may ? { onSave: (text) => setTag(note, text) } : {})} />
          <Children run={run} />
        </div>
        <div className="grid min-w-0 gap-4">
          <Card title="About">
            <Facts
              items={[
                ['Status', <RunStatus key="s" status={run.info.status} />],
                ['Started', formatTime(run.info.start_time)],
                ['Ended', formatTime(run.info.end_time) || '—'],
                ['Duration', <Elapsed key="d" from={run.info.start_time} to={run.info.end_time} running={run.info.status === 'RUNNING'} />],
                ['User', run.info.user_id || tag('mlflow.user') || '—'],
                ...source(tag),
                ...parent(project, tag('mlflow.parentRunId')),
              ]}
            />
          </Card>
          <Card title="Tags">
            <Tags
              tags={ownTags(tags)}
              {...(may
                ? {
                    onSet: (t) => setTag(t.key, t.value),
                    onDelete: async (key) => {
                      await mlflowDeleteTag({ body: { run_id: runId, key } });
                      await fresh();
                    },
                  }
                : {})}
            />
          </Card>
          <Lineage run={run} />
        </div>
      </div>
    </PageBody>
  );
}

function source(tag: (key: string) => string | undefined): [string, React.ReactNode][] {
  const rows: [string, React.ReactNode][] = [];
  const name = tag('mlflow.source.name');
  if (name) rows.push(['Source', <code key="n" className="font-mono text-xs">{name}</code>]);
  const commit = tag('mlflow.source.git.commit');
  if (commit) rows.push(['Commit', <code key="c" className="font-mono text-xs">{commit.slice(0, 12)}</code>]);
  return rows;
}

function parent(project: string, runId: string | undefined): [string, React.ReactNode][] {
  if (!runId) return [];
  return [
    [
      'Parent run',
      <Link key="p" to="/p/$project/runs/$runId" params={{ project, runId }} className="font-mono text-xs text-accent hover:underline">
        {runId.slice(0, 12)}
      </Link>,
    ],
  ];
}

interface KeyValuesProps {
  title: string;
  items: { key: string; value: string; exact: string }[];
  empty: string;
  mono?: boolean;
}

function KeyValues({ title, items, empty, mono }: KeyValuesProps) {
  const [q, setQ] = useState('');
  const needle = q.toLowerCase();
  const sorted = items.filter((i) => i.key.toLowerCase().includes(needle)).sort((a, b) => a.key.localeCompare(b.key, 'en', { numeric: true }));
  return (
    <Card
      flush
      title={
        <>
          {title} <span className="text-xs font-normal text-faint">{items.length}</span>
        </>
      }
      actions={
        items.length > 8 ? (
          <div className="relative">
            <Search aria-hidden className="absolute top-1/2 left-2 size-3.5 -translate-y-1/2 text-faint" />
            <Input type="search" aria-label={`Find in ${title.toLowerCase()}`} placeholder="Find" className="h-7 w-32 pl-7 text-xs" value={q} onChange={(e) => setQ(e.target.value)} />
          </div>
        ) : null
      }
    >
      {items.length === 0 ? (
        <p className="p-4 text-faint">{empty}</p>
      ) : (
        // A long list scrolls inside its card, with the keyboard too.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div className="max-h-96 overflow-y-auto" tabIndex={0} role="region" aria-label={title}>
          <table className="w-full table-fixed">
            <tbody>
              {sorted.map((item) => (
                <tr key={item.key} className="group hover:bg-hover/60">
                  <th scope="row" className="w-1/2 border-b px-4 py-1.5 text-left font-normal wrap-anywhere text-muted">
                    {item.key}
                  </th>
                  <td className={cx2(mono)} title={item.exact}>
                    {item.value}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function cx2(mono: boolean | undefined) {
  return `border-b px-4 py-1.5 wrap-anywhere ${mono ? 'font-mono text-xs' : 'text-right font-medium'}`;
}

function Children({ run }: { run: MlflowRun }) {
  const project = useProject();
  const children = useChildRuns(run);
  if (!children.data || children.data.length === 0) return null;
  return (
    <Card
      flush
      title={
        <>
          Child runs <span className="text-xs font-normal text-faint">{children.data.length}</span>
        </>
      }
    >
      <Table label="Child runs">
        <thead>
          <tr>
            <Th>Run</Th>
            <Th>Status</Th>
            <Th className="text-right">Duration</Th>
          </tr>
        </thead>
        <tbody>
          {children.data.map((c) => (
            <Tr key={c.run_id}>
              <Td>
                <Link to="/p/$project/runs/$runId" params={{ project, runId: c.run_id }} className="font-medium hover:underline">
                  {c.run_name}
                </Link>
              </Td>
              <Td>
                <RunStatus status={c.status} />
              </Td>
              <Td className="text-right">
                <Elapsed from={c.started_at} to={c.ended_at} running={c.status === 'RUNNING'} />
              </Td>
            </Tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

/** What went into the run and what came out of it. */
function Lineage({ run }: { run: MlflowRun }) {
  const project = useProject();
  const { models, registrations } = useRunModels(run);
  const inputs = run.inputs.dataset_inputs ?? [];
  const modelInputs = (run.inputs.model_inputs ?? []).map((m) => m.model_id);
  const runId = run.info.run_id;
  return (
    <>
      <Card title="Data in">
        {inputs.length === 0 && modelInputs.length === 0 ? <p className="text-faint">No dataset was logged as input.</p> : null}
        <ul className="flex flex-col gap-3">
          {inputs.map(({ dataset, tags }) => {
            const context = tags?.find((t) => t.key === 'mlflow.data.context')?.value;
            return (
              <li key={`${dataset.name} ${dataset.digest} ${context}`} className="flex gap-2">
                <Database aria-hidden className="mt-0.5 size-4 shrink-0 text-faint" />
                <div className="min-w-0">
                  <div className="flex flex-wrap items-center gap-1.5">
                    <span className="font-medium wrap-anywhere">{dataset.name}</span>
                    {context ? <Badge>{context}</Badge> : null}
                  </div>
                  <div className="flex items-center gap-1 text-xs text-faint">
                    <code className="font-mono">{dataset.digest}</code>
                    {dataset.digest ? <CopyButton text={dataset.digest} label="Copy digest" /> : null}
                    {dataset.source_type}
                  </div>
                  <DatasetSize profile={dataset.profile} />
                </div>
              </li>
            );
          })}
          {modelInputs.map((id) => (
            <li key={id} className="flex gap-2">
              <Box aria-hidden className="mt-0.5 size-4 shrink-0 text-faint" />
              <Link to="/p/$project/logged-models/$modelId" params={{ project, modelId: id }} className="font-mono text-xs wrap-anywhere text-accent hover:underline">
                {id}
              </Link>
            </li>
          ))}
        </ul>
      </Card>
      <Card title="Models out">
        {models.length === 0 ? <p className="text-faint">No model was logged.</p> : null}
        <ul className="flex flex-col gap-3">
          {models.map((m) => {
            const modelId = m.info.model_id;
            return (
              <li key={modelId} className="flex gap-2">
                <Box aria-hidden className="mt-0.5 size-4 shrink-0 text-faint" />
                <div className="min-w-0 flex-1">
                  <Link to="/p/$project/logged-models/$modelId" params={{ project, modelId }} className="font-medium wrap-anywhere hover:underline">
                    {m.info.name}
                  </Link>
                  <div className="mt-1 flex flex-wrap items-center gap-1.5">
                    <Registrations items={registrations.filter((r) => r.model_id === modelId)} />
                    <RegisterButton origin={{ runId, modelId }} />
                  </div>
                </div>
              </li>
            );
          })}
        </ul>
      </Card>
    </>
  );
}

/** The client writes a dataset's size into its profile, as JSON text. */
function DatasetSize({ profile }: { profile: string | null | undefined }) {
  if (!profile) return null;
  let rows: unknown;
  try {
    const parsed: unknown = JSON.parse(profile);
    rows = typeof parsed === 'object' && parsed !== null && 'num_rows' in parsed ? parsed.num_rows : undefined;
  } catch {
    return null;
  }
  return typeof rows === 'number' ? <div className="text-xs text-muted">{rows.toLocaleString('en-US')} rows</div> : null;
}
