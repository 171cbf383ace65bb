import { SlidersHorizontal } from 'lucide-react';
import { useState } from 'react';
import { Button } from '~/ui/button';
import { Checkbox, Input } from '~/ui/field';
import { Popover } from '~/ui/popover';
import type { Fact } from './model';

export function AxisChooser({ all, chosen, onChange }: { all: readonly Fact[]; chosen: readonly string[]; onChange: (ids: string[]) => void }) {
  const [q, setQ] = useState('');
  const needle = q.toLowerCase();
  const groups: [string, Fact[]][] = [
    ['Parameters', all.filter((f) => f.kind === 'param')],
    ['Metrics', all.filter((f) => f.kind === 'metric')],
  ];
  return (
    <Popover
      title="Axes"
      align="start"
      trigger={
        <Button>
          <SlidersHorizontal className="size-3.5" /> Axes <span className="text-faint">{chosen.length}</span>
        </Button>
      }
    >
      <div className="border-b p-2">
        <Input aria-label="Find an axis" placeholder="Find a parameter or metric" value={q} onChange={(e) => setQ(e.target.value)} />
      </div>
      <div className="overflow-y-auto p-2">
        {groups.map(([title, list]) => (
          <fieldset key={title} className="mb-3">
            <legend className="pb-1 text-xs font-medium text-faint">{title}</legend>
            {list
              .filter((f) => f.key.toLowerCase().includes(needle))
              .slice(0, 200)
              .map((f) => (
                <div key={f.id} className="flex min-h-6 items-center justify-between gap-2">
                  <Checkbox
                    label={f.key}
                    showLabel
                    checked={chosen.includes(f.id)}
                    onChange={(e) => onChange(e.target.checked ? [...chosen, f.id] : chosen.filter((c) => c !== f.id))}
                  />
                  {f.differs ? null : <span className="text-2xs text-faint">all the same</span>}
                </div>
              ))}
          </fieldset>
        ))}
      </div>
    </Popover>
  );
}
