import { Columns3 } from 'lucide-react';
import { useState } from 'react';
import type { ExperimentColumns } from '~/api';
import { Button } from '~/ui/button';
import { Checkbox, Input } from '~/ui/field';
import { Popover } from '~/ui/popover';
import { attributeIds, column } from './columns';

interface ColumnChooserProps {
  known: ExperimentColumns | undefined;
  chosen: readonly string[];
  onChange: (ids: string[] | undefined) => void;
}

export function ColumnChooser({ known, chosen, onChange }: ColumnChooserProps) {
  const [q, setQ] = useState('');
  const groups: [string, string[]][] = [
    ['Attributes', attributeIds],
    ['Metrics', (known?.metrics ?? []).map((k) => `m:${k}`)],
    ['Parameters', (known?.params ?? []).map((k) => `p:${k}`)],
    ['Tags', (known?.tags ?? []).map((k) => `t:${k}`)],
  ];
  const matches = (id: string) => (column(id)?.title ?? id).toLowerCase().includes(q.toLowerCase());
  const set = (ids: readonly string[], on: boolean) => {
    const rest = chosen.filter((c) => !ids.includes(c));
    onChange(on ? [...rest, ...ids] : rest);
  };
  return (
    <Popover
      title="Columns"
      trigger={
        <Button aria-label="Choose columns">
          <Columns3 className="size-3.5" />
          Columns
        </Button>
      }
    >
      <div className="flex gap-2 border-b p-2">
        <Input aria-label="Find a column" placeholder="Find a column" value={q} onChange={(e) => setQ(e.target.value)} />
        <Button variant="ghost" className="h-8" onClick={() => onChange(undefined)}>
          Reset
        </Button>
      </div>
      <div className="overflow-y-auto p-2">
        {groups.map(([title, all]) => {
          // Thousands of keys are possible; searching narrows what is listed.
          const ids = all.filter(matches).slice(0, 200);
          if (ids.length === 0) return null;
          const every = ids.every((id) => chosen.includes(id));
          return (
            <fieldset key={title} className="mb-3">
              <legend className="flex w-full items-center justify-between pb-1 text-xs font-medium text-faint">
                {title}
                <button type="button" className="rounded px-1 font-normal hover:bg-hover hover:text-ink" onClick={() => set(ids, !every)}>
                  {every ? 'None' : 'All'}
                </button>
              </legend>
              {ids.map((id) => (
                <div key={id} className="flex min-h-6 items-center [&_label]:w-full [&_label]:text-ink">
                  <Checkbox label={column(id)?.title ?? id} showLabel checked={chosen.includes(id)} onChange={(e) => set([id], e.target.checked)} />
                </div>
              ))}
            </fieldset>
          );
        })}
      </div>
    </Popover>
  );
}
