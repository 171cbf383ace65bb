import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { Bot, Download, KeyRound, ScrollText, User } from 'lucide-react';
import { useEffect, useState } from 'react';
import { listAuditEntries, type AuditEntry } from '~/api';
import { client } from '~/api/client.gen';
import { useCanInOrganization } from '~/app/project';
import { compact } from '~/app/search';
import type { AuditSearch } from '~/app/searches';
import { Button, buttonClass } from '~/ui/button';
import { Card, Facts } from '~/ui/card';
import { CopyButton } from '~/ui/copy';
import { Dialog } from '~/ui/dialog';
import { Input } from '~/ui/field';
import { formatTime } from '~/ui/format';
import { Empty } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { Checkpoints } from './checkpoints';
import { dayStart, differences } from './diff';
import { Listing, ReadOnly, usePages } from './shared';

const route = getRouteApi('/session/p/$project/admin/audit');
const kinds: Record<string, typeof User> = { user: User, key: KeyRound, system: Bot };
const days = ['since', 'until'] as const;
const texts = [
  { key: 'text', label: 'Search', placeholder: 'Any text', wide: true },
  { key: 'action', label: 'Action', placeholder: 'keys, or keys.create', wide: false },
  { key: 'actor', label: 'Who', placeholder: 'Address or id', wide: false },
  { key: 'subject', label: 'What', placeholder: 'Id or name', wide: false },
  { key: 'address', label: 'From', placeholder: 'IP address', wide: false },
] as const;

/** The filters as the server takes them. */
function asQuery({ action, actor, subject, address, text, since, until }: AuditSearch) {
  return compact({ action, actor, subject, address, text, since: dayStart(since), until: dayStart(until, 1) });
}

export function AuditPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/admin/audit' });
  const may = useCanInOrganization('audit:read');
  const query = asQuery(search);
  const list = usePages(['audit', query], async (page, signal) => (await listAuditEntries({ query: { ...query, ...page }, signal })).data);
  const open = list.items.find((e) => e.sequence === search.entry);
  const filtered = Object.keys(query).length > 0;
  const exportAs = (format: 'jsonl' | 'csv') => client.buildUrl({ url: '/api/v1/audit/export', query: { format, ...query } });
  return (
    <div className="grid gap-4">
      <Card
        flush
        title="Audit log"
        actions={
          may ? (
            <>
              <a className={buttonClass('ghost')} href={exportAs('csv')} download>
                <Download aria-hidden className="size-3.5" /> CSV
              </a>
              <a className={buttonClass('ghost')} href={exportAs('jsonl')} download>
                <Download aria-hidden className="size-3.5" /> JSON lines
              </a>
            </>
          ) : null
        }
      >
        {may ? null : <ReadOnly permission="audit:read" what="Reading the audit log" />}
        <Filters search={search} onChange={(change) => void navigate({ search: (s) => ({ ...s, ...change, entry: undefined }), replace: true })} />
        <Listing
          list={list}
          label="entries"
          empty={
            <Empty
              icon={<ScrollText />}
              title={filtered ? 'No entry fits these filters' : 'Nothing has been recorded yet'}
              actions={filtered ? <Button onClick={() => void navigate({ search: {} })}>Clear filters</Button> : null}
            >
              Every change, every sign-in and every denied attempt is kept here; each entry carries the hash of the one before.
            </Empty>
          }
        >
          {(items) => <Entries items={items} onOpen={(entry) => void navigate({ search: (s) => ({ ...s, entry: entry.sequence }) })} />}
        </Listing>
      </Card>
      <Dialog open={open !== undefined} onOpenChange={(o) => !o && void navigate({ search: (s) => ({ ...s, entry: undefined }) })} title={open?.action ?? ''} description={open ? formatTime(open.time) : ''} wide>
        {open ? <Entry entry={open} /> : null}
      </Dialog>
      {may ? <Checkpoints /> : null}
    </div>
  );
}

function Filters({ search, onChange }: { search: AuditSearch; onChange: (change: Partial<AuditSearch>) => void }) {
  return (
    <div className="grid grid-cols-2 gap-2 border-b px-4 py-2.5 sm:grid-cols-3 xl:grid-cols-7">
      {texts.map((f) => (
        <label key={f.key} className={f.wide ? 'max-sm:col-span-2' : ''}>
          <span className="text-xs text-muted">{f.label}</span>
          <Typed type={f.wide ? 'search' : 'text'} placeholder={f.placeholder} value={search[f.key] ?? ''} onCommit={(text) => onChange({ [f.key]: text || undefined })} />
        </label>
      ))}
      {days.map((key) => (
        <label key={key}>
          <span className="text-xs text-muted">{key === 'since' ? 'Since' : 'Until'}</span>
          <Input type="date" value={search[key] ?? ''} onChange={(e) => onChange({ [key]: e.target.value || undefined })} />
        </label>
      ))}
    </div>
  );
}

/** Text that counts as soon as one pauses, so that not each letter is looked for. */
function Typed({ value, onCommit, ...rest }: { value: string; onCommit: (text: string) => void; type: string; placeholder: string }) {
  const [text, setText] = useState(value);
  const [seen, setSeen] = useState(value);
  if (seen !== value) {
    setSeen(value);
    setText(value);
  }
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => onCommit(text.trim()), 350);
    return () => clearTimeout(timer);
  });
  return <Input {...rest} value={text} onChange={(e) => setText(e.target.value)} autoCapitalize="off" spellCheck={false} />;
}

function Entries({ items, onOpen }: { items: AuditEntry[]; onOpen: (entry: AuditEntry) => void }) {
  return (
    <Table label="Audit entries">
      <thead>
        <tr>
          <Th className="text-right max-md:hidden">No.</Th>
          <Th>When</Th>
          <Th>Action</Th>
          <Th className="max-sm:hidden">Who</Th>
          <Th className="max-lg:hidden">What</Th>
          <Th className="max-md:hidden">From</Th>
        </tr>
      </thead>
      <tbody>
        {items.map((entry) => {
          const Icon = kinds[entry.actor.kind] ?? User;
          return (
            <Tr key={entry.id}>
              <Td className="text-right text-faint max-md:hidden">{entry.sequence.toLocaleString('en-US')}</Td>
              <Td>
                <Ago at={entry.time} />
              </Td>
              <Td>
                <button type="button" onClick={() => onOpen(entry)} className="text-left font-mono text-xs text-accent hover:underline max-sm:wrap-anywhere sm:whitespace-nowrap">
                  {entry.action}
                </button>
                <div className="text-xs text-muted wrap-anywhere sm:hidden">{entry.actor.label || 'System'}</div>
              </Td>
              <Td className="max-sm:hidden">
                <span className="flex items-center gap-1.5">
                  <Icon aria-hidden className="size-3.5 shrink-0 text-faint" />
                  <span className="wrap-anywhere">{entry.actor.label || 'System'}</span>
                </span>
              </Td>
              <Td className="max-w-64 truncate max-lg:hidden" title={entry.subject}>
                {entry.subject}
              </Td>
              <Td className="max-md:hidden">{entry.address ?? '—'}</Td>
            </Tr>
          );
        })}
      </tbody>
    </Table>
  );
}

const tones = { added: 'accent', removed: 'danger', changed: 'warn', same: 'neutral' } as const;

function Entry({ entry }: { entry: AuditEntry }) {
  const [all, setAll] = useState(false);
  const found = differences(entry.before, entry.after);
  const shown = all ? found : found.filter((d) => d.change !== 'same');
  const same = found.length - found.filter((d) => d.change !== 'same').length;
  return (
    <div className="flex flex-col gap-4">
      <Facts
        items={[
          ['Who', `${entry.actor.label || 'System'}${entry.actor.id ? ` (${entry.actor.id})` : ''}`],
          ['What', entry.subject],
          ['From', entry.address ?? '—'],
          ['Request', entry.request_id ? <Code key="request" text={entry.request_id} label="request id" /> : '—'],
        ]}
      />
      {found.length > 0 ? (
        <section aria-label="What changed">
          <div className="overflow-x-auto rounded-lg border">
            <table className="w-full text-left">
              <thead>
                <tr>
                  <Th>Field</Th>
                  <Th>Before</Th>
                  <Th>After</Th>
                </tr>
              </thead>
              <tbody>
                {shown.map((d) => (
                  <tr key={d.path}>
                    <Td className="align-top">
                      <span className="flex flex-wrap items-center gap-1.5">
                        <code className="font-mono text-xs wrap-anywhere">{d.path}</code>
                        {d.change === 'same' ? null : <Badge tone={tones[d.change]}>{d.change}</Badge>}
                      </span>
                    </Td>
                    <Td className="max-w-56 align-top font-mono text-xs text-muted wrap-anywhere">{d.before ?? '—'}</Td>
                    <Td className="max-w-56 align-top font-mono text-xs wrap-anywhere">{d.after ?? '—'}</Td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {same > 0 ? (
            <Button variant="ghost" className="mt-1" onClick={() => setAll(!all)}>
              {all ? 'Only what changed' : `Also what stayed (${same})`}
            </Button>
          ) : null}
        </section>
      ) : null}
      <section aria-label="Place in the chain">
        <h3 className="mb-1.5 text-xs font-medium text-muted">Place in the chain</h3>
        <Facts
          items={[
            ['Number', entry.sequence.toLocaleString('en-US')],
            ['Hash', <Code key="hash" text={entry.hash} label="hash" />],
            ['Of the one before', <Code key="before" text={entry.previous_hash} label="hash of the entry before" />],
          ]}
        />
      </section>
    </div>
  );
}

function Code({ text, label }: { text: string; label: string }) {
  return (
    <span className="inline-flex max-w-full items-center gap-1">
      <code className="font-mono text-xs wrap-anywhere">{text}</code>
      <CopyButton text={text} label={`Copy ${label}`} />
    </span>
  );
}
