import { useMemo } from 'react';
import { useNavigate } from '@tanstack/react-router';
import { useProject } from '~/app/project';
import { Select } from '~/ui/field';
import { formatNumber } from '~/ui/format';
import { Empty } from '~/ui/states';
import { EChart } from '../charts/echarts';
import { AxisChooser } from './axis-chooser';
import { dimension, pieces, type Dimension } from './model';
import type { CompareProps } from './shared';

/** A line per run through one axis per parameter and metric: which settings lead where. */
export default function ParallelTab({ runs, all, axes, search, patch, colours }: CompareProps) {
  const project = useProject();
  const navigate = useNavigate();
  const key = axes.join('\n');
  const dims = useMemo(() => key.split('\n').flatMap((id): Dimension[] => all.filter((f) => f.id === id).map(dimension)), [key, all]);
  const numeric = all.filter((f) => dimension(f).kind === 'number');
  const colourId = search.colour ?? (dims.find((d) => d.kind === 'number' && d.id.startsWith('m:')) ?? dims.find((d) => d.kind === 'number'))?.id;
  const option = useMemo(() => {
    const by = all.find((f) => f.id === colourId);
    const scale = by ? dimension(by).values : [];
    const finite = scale.filter((v): v is number => v !== null);
    const lines = runs.flatMap((_, i) => pieces(dims.map((d) => d.values[i] ?? null)).map((values) => ({ i, values })));
    const text = { color: colours.axis, fontSize: 11 };
    return {
      parallel: { left: 60, right: finite.length > 1 ? 170 : 90, top: 56, bottom: 24, parallelAxisDefault: { nameTextStyle: { color: colours.ink, fontSize: 11 }, nameTruncate: { maxWidth: 110 }, nameRotate: dims.length > 6 ? 20 : 0, axisLine: { lineStyle: { color: colours.axis } }, axisTick: { show: false }, axisLabel: text } },
      parallelAxis: dims.map((d, i) => ({
        dim: i,
        name: d.name,
        ...(d.kind === 'category' ? { type: 'category', data: d.categories } : { type: 'value', scale: true, axisLabel: { ...text, formatter: (v: number) => formatNumber(v) } }),
      })),
      ...(finite.length > 1
        ? {
            visualMap: {
              type: 'continuous',
              dimension: dims.length,
              min: Math.min(...finite),
              max: Math.max(...finite),
              inRange: { color: ['#3b82f6', colours.accent, '#f59e0b', '#ef4444'] },
              // Runs without a value to be coloured by.
              outOfRange: { color: colours.axis },
              right: 0,
              top: 'middle',
              itemHeight: 160,
              itemWidth: 10,
              textStyle: text,
              calculable: false,
              formatter: (v: number) => formatNumber(v),
              text: [formatNumber(Math.max(...finite)), formatNumber(Math.min(...finite))],
            },
          }
        : {}),
      series: [
        {
          type: 'parallel',
          lineStyle: { width: 2, opacity: 0.75, color: colours.accent },
          emphasis: { lineStyle: { width: 4, opacity: 1 } },
          inactiveOpacity: 0.06,
          activeOpacity: 1,
          data: lines.map(({ i, values }) => ({ name: runs[i]?.run_name, value: [...values, scale[i] ?? null] })),
        },
      ],
      lines,
    };
  }, [dims, runs, all, colourId, colours]);
  const { lines, ...plot } = option;
  return (
    <>
      <div className="flex flex-wrap items-center gap-3 border-b px-4 py-2 md:px-6">
        <AxisChooser all={all} chosen={axes} onChange={(next) => patch({ axes: next })} />
        <label className="flex items-center gap-2 text-xs text-muted">
          Colour
          <Select value={colourId ?? ''} onChange={(e) => patch({ colour: e.target.value || undefined })}>
            {numeric.map((f) => (
              <option key={f.id} value={f.id}>
                {f.key}
              </option>
            ))}
          </Select>
        </label>
        <span className="text-xs text-faint">Drag along an axis to keep only the runs that pass there; press a line to open its run. A line breaks where its run has no value.</span>
      </div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, with the keyboard too */}
      <div className="min-h-0 flex-1 overflow-auto p-4" tabIndex={0} role="region" aria-label="Plot">
        {dims.length < 2 ? (
          <Empty title="Choose at least two axes">Axes are parameters and metrics. The runs may not differ in enough of them yet.</Empty>
        ) : (
          <div style={{ minWidth: dims.length * 110 + 230 }}>
            <EChart
              option={plot}
              height={440}
              label={`Parallel coordinates of ${runs.length} runs over ${dims.map((d) => d.name).join(', ')}`}
              onPick={(i) => {
                const run = runs[lines[i]?.i ?? -1];
                if (run) void navigate({ to: '/p/$project/runs/$runId', params: { project, runId: run.run_id } });
              }}
            />
          </div>
        )}
      </div>
    </>
  );
}
