import { Search } from 'lucide-react';
import { useState } from 'react';
import type { ColumnProfile, ColumnType, DatasetColumn, DatasetIssue, DatasetProfile, DatasetSchema } from '~/api';
import { Button } from '~/ui/button';
import { Input, Select } from '~/ui/field';
import { formatCount, formatNumber } from '~/ui/format';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Tooltip } from '~/ui/tooltip';
import { Bars } from './bars';
import { barsOf, changedTypes, columnTypes, issuesOf, missingShare } from './rules';

/** How many columns are drawn at once; tables may have thousands. */
const pageSize = 100;

interface ColumnsProps {
  schema: DatasetSchema;
  profile: DatasetProfile;
  types: Record<string, ColumnType>;
  /** Absent for those who may only read. */
  onSave?: (types: Record<string, ColumnType>) => Promise<unknown>;
}

/** What each column holds, and as what it is read. */
export function Columns({ schema, profile, types, onSave }: ColumnsProps) {
  const [q, setQ] = useState('');
  const [shown, setShown] = useState(pageSize);
  const [chosen, setChosen] = useState<Record<string, ColumnType | null>>({});
  const words = q.trim().toLowerCase();
  const profiles = new Map(profile.columns.map((c) => [c.name, c]));
  const found = schema.columns.filter((c) => c.name.toLowerCase().includes(words));
  const changed = changedTypes(types, chosen);
  return (
    <div className="flex flex-col">
      <div className="flex flex-wrap items-center gap-2 border-b px-4 py-2 md:px-6">
        <div className="relative min-w-40 flex-1 sm:max-w-sm">
          <Search aria-hidden className="absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-faint" />
          <Input type="search" aria-label="Find a column by name" placeholder="Find a column" className="pl-8" value={q} onChange={(e) => setQ(e.target.value)} />
        </div>
        <span className="text-xs text-faint">{formatCount(found.length, 'column')}</span>
      </div>
      {changed && onSave ? <SaveTypes types={changed} onSave={onSave} onDiscard={() => setChosen({})} /> : null}
      <Table label="Columns" className="md:[&_td:first-child]:pl-6 md:[&_th:first-child]:pl-6">
        <thead>
          <tr>
            <Th>Column</Th>
            <Th>Type</Th>
            <Th className="text-right">Missing</Th>
            <Th className="text-right">Distinct</Th>
            <Th className="w-44">Shape</Th>
            <Th className="max-lg:hidden">Middle and spread</Th>
            <Th className="max-md:hidden">To look at</Th>
          </tr>
        </thead>
        <tbody>
          {found.slice(0, shown).map((column) => (
            <ColumnRow
              key={column.name}
              column={column}
              profile={profiles.get(column.name)}
              issues={issuesOf(profile.quality.issues, column.name)}
              {...(onSave ? { choice: chosen[column.name] ?? (column.name in chosen ? null : types[column.name]), onChoose: (type: ColumnType | null) => setChosen({ ...chosen, [column.name]: type }) } : {})}
            />
          ))}
        </tbody>
      </Table>
      {found.length > shown ? (
        <div className="p-4 text-center">
          <Button onClick={() => setShown(shown + pageSize)}>Show more</Button>
        </div>
      ) : null}
      {schema.notes.length > 0 ? (
        <ul className="list-disc px-10 py-4 text-xs text-muted">
          {schema.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}

function SaveTypes({ types, onSave, onDiscard }: { types: Record<string, ColumnType>; onSave: (types: Record<string, ColumnType>) => Promise<unknown>; onDiscard: () => void }) {
  const [busy, setBusy] = useState(false);
  const save = async () => {
    setBusy(true);
    try {
      await onSave(types);
      onDiscard();
    } finally {
      setBusy(false);
    }
  };
  return (
    <div role="status" className="flex flex-wrap items-center gap-2 border-b bg-accent-soft px-4 py-2 md:px-6">
      <span className="mr-auto">Types were changed. Reading the same bytes that way makes a new version.</span>
      <Button onClick={onDiscard}>Discard</Button>
      <Button variant="primary" busy={busy} onClick={() => void save()}>
        Make version
      </Button>
    </div>
  );
}

interface RowProps {
  column: DatasetColumn;
  profile: ColumnProfile | undefined;
  issues: DatasetIssue[];
  choice?: ColumnType | null | undefined;
  onChoose?: (type: ColumnType | null) => void;
}

function ColumnRow({ column, profile, issues, choice, onChoose }: RowProps) {
  const share = profile ? missingShare(profile) : 0;
  return (
    <Tr>
      <Td className="max-w-64 font-medium wrap-anywhere">{column.name}</Td>
      <Td>
        {onChoose ? (
          <Select aria-label={`Type of ${column.name}`} value={choice ?? ''} onChange={(e) => onChoose(columnTypes.find((t) => t === e.target.value) ?? null)}>
            <option value="">{column.chosen ? 'find out' : `${column.type} (found)`}</option>
            {columnTypes.map((type) => (
              <option key={type} value={type}>
                {type}
              </option>
            ))}
          </Select>
        ) : (
          column.type
        )}
      </Td>
      <Td className="text-right whitespace-nowrap">{share > 0 ? <span title={formatCount(profile?.missing ?? 0, 'row')}>{percent(share)}</span> : <span className="text-faint">0</span>}</Td>
      <Td className="text-right">{profile?.distinct.toLocaleString('en-US')}</Td>
      <Td>{profile ? <Bars label={column.name} bars={barsOf(profile, formatNumber)} /> : null}</Td>
      <Td className="text-xs whitespace-nowrap text-muted max-lg:hidden">{profile ? <Middle profile={profile} /> : null}</Td>
      <Td className="max-md:hidden">
        <div className="flex flex-wrap gap-1">
          {issues.map((issue) => (
            <Tooltip key={issue.kind} label={`${issue.message}. ${issue.advice}`}>
              <span>
                <Badge tone={issue.severity === 'critical' ? 'danger' : issue.severity === 'warning' ? 'warn' : 'neutral'}>{issue.kind.replaceAll('_', ' ')}</Badge>
              </span>
            </Tooltip>
          ))}
        </div>
      </Td>
    </Tr>
  );
}

function Middle({ profile }: { profile: ColumnProfile }) {
  if (profile.first) {
    return (
      <>
        {profile.first} to {profile.last}
      </>
    );
  }
  if (!profile.numbers || profile.type === 'text') return <span className="wrap-anywhere whitespace-normal">{profile.top[0] ? `mostly ${profile.top[0].value}` : ''}</span>;
  const { mean, deviation, minimum, maximum } = profile.numbers;
  return (
    <>
      {formatNumber(mean)} ± {formatNumber(deviation)} <span className="text-faint">in {formatNumber(minimum)} to {formatNumber(maximum)}</span>
    </>
  );
}

function percent(share: number): string {
  return share < 0.001 ? '< 0.1 %' : `${(share * 100).toFixed(1)} %`;
}
