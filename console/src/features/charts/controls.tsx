import { Search } from 'lucide-react';
import { xAxes, type ChartSearch } from '~/app/searches';
import { Checkbox, Input, Select } from '~/ui/field';

const axisNames = { step: 'Step', time: 'Time', relative: 'Time since start' } as const;

/** Axis, scale and smoothing of every chart on a page; kept in the address. */
export function ChartControls({ search, onChange }: { search: ChartSearch; onChange: (change: Partial<ChartSearch>) => void }) {
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <div className="relative min-w-36 flex-1 sm:max-w-64">
        <Search aria-hidden className="absolute top-1/2 left-2.5 size-3.5 -translate-y-1/2 text-faint" />
        <Input
          type="search"
          aria-label="Find a metric"
          placeholder="Find a metric"
          className="h-7 pl-8 text-xs"
          value={search.q ?? ''}
          onChange={(e) => onChange({ q: e.target.value || undefined })}
        />
      </div>
      <label className="flex items-center gap-2 text-xs whitespace-nowrap text-muted">
        X axis
        <Select value={search.x ?? 'step'} onChange={(e) => onChange({ x: xAxes.find((x) => x === e.target.value && x !== 'step') })}>
          {xAxes.map((x) => (
            <option key={x} value={x}>
              {axisNames[x]}
            </option>
          ))}
        </Select>
      </label>
      <label className="flex items-center gap-2 text-xs whitespace-nowrap text-muted">
        Smoothing
        <input
          type="range"
          min={0}
          max={0.99}
          step={0.01}
          className="w-24 accent-(--accent)"
          value={search.smooth ?? 0}
          onChange={(e) => onChange({ smooth: Number(e.target.value) || undefined })}
        />
        <output className="w-7">{(search.smooth ?? 0).toFixed(2)}</output>
      </label>
      <Checkbox label="Log scale" showLabel checked={search.log ?? false} onChange={(e) => onChange({ log: e.target.checked || undefined })} />
    </div>
  );
}
