import { useNavigate } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useProject } from '~/app/project';
import { Select } from '~/ui/field';
import { formatNumber } from '~/ui/format';
import { Empty } from '~/ui/states';
import { EChart } from '../charts/echarts';
import { dimension, type Dimension, type Fact } from './model';
import type { CompareProps } from './shared';

/** A point per run, any parameter or metric against any other. */
export default function ScatterTab({ runs, all, axes, search, patch, colours }: CompareProps) {
  const project = useProject();
  const navigate = useNavigate();
  const find = (id: string | undefined) => all.find((f) => f.id === id);
  const firstMetric = find(axes.find((a) => a.startsWith('m:'))) ?? all.find((f) => f.kind === 'metric');
  const x = find(search.sx) ?? find(axes[0]) ?? all[0];
  const y = find(search.sy) ?? firstMetric ?? all[0];
  const option = useMemo(() => {
    if (!x || !y) return {};
    const dx = dimension(x);
    const dy = dimension(y);
    const points = runs.flatMap((r, i) => {
      const px = dx.values[i];
      const py = dy.values[i];
      return px == null || py == null ? [] : [{ name: r.run_name, value: [px, py], index: i, itemStyle: { color: colours.of(i) } }];
    });
    const text = { color: colours.axis, fontSize: 11 };
    const axis = (d: Dimension, vertical: boolean) => ({
      name: d.name,
      nameLocation: vertical ? 'end' : 'middle',
      nameGap: vertical ? 12 : 30,
      nameTextStyle: { color: colours.ink, fontSize: 12, align: vertical ? 'left' : 'center' },
      axisLabel: { ...text, formatter: (v: number | string) => (d.kind === 'category' ? String(v) : formatNumber(Number(v))) },
      axisLine: { lineStyle: { color: colours.axis } },
      splitLine: { lineStyle: { color: colours.grid } },
      ...(d.kind === 'category' ? { type: 'category', data: d.categories } : { type: 'value', scale: true }),
    });
    return {
      grid: { left: 16, right: 24, top: 40, bottom: 48, containLabel: true },
      // Drawn on the canvas: styles inside HTML would break the content security policy.
      tooltip: {
        renderMode: 'richText',
        backgroundColor: colours.surface,
        borderColor: colours.axis,
        textStyle: { color: colours.ink, fontSize: 12 },
        formatter: (p: { name: string; value: [number, number] }) => {
          const show = (d: Dimension, v: number) => `${d.name}  ${d.kind === 'category' ? d.categories[v] : formatNumber(v)}`;
          return `${p.name}\n${show(dx, p.value[0])}\n${show(dy, p.value[1])}`;
        },
      },
      xAxis: axis(dx, false),
      yAxis: axis(dy, true),
      series: [{ type: 'scatter', symbolSize: 12, data: points, emphasis: { scale: 1.5 } }],
      points,
    };
  }, [runs, x, y, colours]);
  if (!x || !y) return <Empty title="These runs logged nothing to plot" />;
  const { points = [], ...plot } = option as { points?: { index: number }[] };
  return (
    <>
      <div className="flex flex-wrap items-center gap-3 border-b px-4 py-2 md:px-6">
        <Choice label="X" all={all} value={x.id} onChange={(sx) => patch({ sx })} />
        <Choice label="Y" all={all} value={y.id} onChange={(sy) => patch({ sy })} />
        <span className="text-xs text-faint">
          {points.length < runs.length ? `${runs.length - points.length} of ${runs.length} runs have no finite value here. ` : ''}Press a point to open its run.
        </span>
      </div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, with the keyboard too */}
      <div className="min-h-0 flex-1 overflow-auto p-4" tabIndex={0} role="region" aria-label="Plot">
        <EChart
          option={plot}
          height={440}
          label={`${y.key} against ${x.key} for ${points.length} runs`}
          onPick={(i) => {
            const run = runs[points[i]?.index ?? -1];
            if (run) void navigate({ to: '/p/$project/runs/$runId', params: { project, runId: run.run_id } });
          }}
        />
      </div>
    </>
  );
}

function Choice({ label, all, value, onChange }: { label: string; all: readonly Fact[]; value: string; onChange: (id: string) => void }) {
  const options = (kind: Fact['kind']) =>
    all
      .filter((f) => f.kind === kind)
      .map((f) => (
        <option key={f.id} value={f.id}>
          {f.key}
        </option>
      ));
  return (
    <label className="flex items-center gap-2 text-xs text-muted">
      {label}
      <Select value={value} onChange={(e) => onChange(e.target.value)}>
        <optgroup label="Parameters">{options('param')}</optgroup>
        <optgroup label="Metrics">{options('metric')}</optgroup>
      </Select>
    </label>
  );
}
