import { ChevronLeft, ChevronRight } from 'lucide-react';
import type { ReactNode } from 'react';
import { IconButton } from '~/ui/button';
import { Select } from '~/ui/field';

/** A choice that stands in a card's head. */
export function Choice({ label, value, options, onChange }: { label: string; value: string; options: readonly { value: string; name: string }[]; onChange: (value: string) => void }) {
  return (
    <label className="flex items-center gap-2 text-xs font-normal text-muted">
      <span className="max-sm:sr-only">{label}</span>
      <Select value={value} onChange={(e) => onChange(e.target.value)}>
        {options.map((o) => (
          <option key={o.value} value={o.value}>
            {o.name}
          </option>
        ))}
      </Select>
    </label>
  );
}

/** Of several outputs, the one that is looked at. */
export function OutputChoice({ outputs, output, onChange }: { outputs: readonly string[]; output: number; onChange: (output: string) => void }) {
  if (outputs.length < 2) return null;
  return <Choice label="Output" value={outputs[output] ?? ''} options={outputs.map((o) => ({ value: o, name: o }))} onChange={onChange} />;
}

/** One row after the other. Rows are counted from 1, as people count. */
export function RowChoice({ row, rows, onChange }: { row: number; rows: number; onChange: (row: number) => void }) {
  return (
    <span className="inline-flex items-center gap-1 text-xs font-normal text-muted">
      <IconButton label="The row before" disabled={row <= 0} onClick={() => onChange(row - 1)}>
        <ChevronLeft className="size-4" />
      </IconButton>
      <label className="inline-flex items-center gap-1.5">
        Row
        <input
          type="number"
          min={1}
          max={rows}
          value={row + 1}
          onChange={(e) => {
            const n = Number(e.target.value);
            if (Number.isInteger(n) && n >= 1 && n <= rows) onChange(n - 1);
          }}
          className="h-7 w-16 rounded-md border border-line-strong/70 bg-surface px-2 text-right text-ink pointer-coarse:h-9"
        />
        of {rows.toLocaleString('en-US')}
      </label>
      <IconButton label="The next row" disabled={row >= rows - 1} onClick={() => onChange(row + 1)}>
        <ChevronRight className="size-4" />
      </IconButton>
    </span>
  );
}

/** A line of explanation below a picture. */
export function Note({ children }: { children: ReactNode }) {
  return <p className="mt-2 text-xs text-faint">{children}</p>;
}
