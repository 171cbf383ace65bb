import { useId } from 'react';
import type { AutomlColumn } from '~/api';
import { cx } from '~/ui/cx';
import { Input, Select } from '~/ui/field';
import { formatNumber } from '~/ui/format';
import { cellText } from '../explanations/shape';
import { cellInput, readCell, sliderStep } from './what-if';
import type { Cell } from './cells';

interface WhatIfFieldProps {
  column: AutomlColumn;
  /** The row's own value. */
  was: Cell;
  value: Cell;
  sample: readonly Record<string, unknown>[];
  onChange: (cell: Cell) => void;
}

/** One column of a row: a slider for numbers, a choice for words. */
export function WhatIfField({ column, was, value, sample, onChange }: WhatIfFieldProps) {
  const id = useId();
  const changed = was !== value;
  const put = (text: string) => {
    const cell = readCell(text, column.kind);
    if (cell !== undefined) onChange(cell);
  };
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="flex items-baseline justify-between gap-2 text-xs">
        <span className={cx('truncate font-medium', changed ? 'text-accent' : 'text-muted')} title={column.name}>
          {column.name}
        </span>
        {changed ? <span className="shrink-0 text-faint">was {cellText(was, formatNumber)}</span> : null}
      </label>
      <Control id={id} column={column} value={value} sample={sample} put={put} />
    </div>
  );
}

function Control({ id, column, value, sample, put }: { id: string; column: AutomlColumn; value: Cell; sample: readonly Record<string, unknown>[]; put: (text: string) => void }) {
  const { kind, levels, minimum, maximum } = column;
  if (kind === 'numeric') {
    const slides = minimum !== null && minimum !== undefined && maximum !== null && maximum !== undefined && maximum > minimum;
    const step = sliderStep(column, sample);
    return (
      <div className="flex items-center gap-2">
        {slides ? (
          <input
            type="range"
            aria-label={`${column.name}, slider`}
            min={minimum}
            max={maximum}
            step={step}
            value={typeof value === 'number' ? value : (column.median ?? minimum)}
            onChange={(e) => put(e.target.value)}
            className="min-w-0 flex-1 accent-(--accent)"
          />
        ) : null}
        <Input id={id} type="number" step="any" placeholder="missing" className="h-7 w-24! shrink-0 text-right" value={cellInput(value)} onChange={(e) => put(e.target.value)} />
      </div>
    );
  }
  const choices = kind === 'boolean' ? ['true', 'false'] : (levels ?? []);
  if (kind === 'boolean' || (kind === 'categorical' && choices.length > 0)) {
    const now = cellInput(value);
    return (
      <Select id={id} className="h-7 w-full max-w-full" value={now} onChange={(e) => put(e.target.value)}>
        <option value="">missing</option>
        {[...choices, ...(now !== '' && !choices.includes(now) ? [now] : [])].map((c) => (
          <option key={c} value={c}>
            {kind === 'boolean' ? (c === 'true' ? 'yes' : 'no') : c}
          </option>
        ))}
      </Select>
    );
  }
  return <Input id={id} className="h-7" placeholder="missing" value={cellInput(value)} onChange={(e) => put(e.target.value)} />;
}
