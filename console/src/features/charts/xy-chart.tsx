import { useMemo } from 'react';
import { formatNumber } from '~/ui/format';
import { useChartColours } from './colours';
import { EChart } from './echarts';
import { frame, tooltip, type AxisSpec } from './frame';

export interface XySeries {
  name: string;
  points: readonly (readonly [number, number])[];
  colour: string;
  dashed?: boolean;
  /** Single points instead of a line. */
  dots?: boolean;
  /** Points on the line. */
  markers?: boolean;
  faint?: boolean;
  steps?: boolean;
}

interface XyChartProps {
  label: string;
  x: AxisSpec;
  y: AxisSpec;
  series: readonly XySeries[];
  height?: number;
}

function show(spec: AxisSpec, value: number): string {
  return spec.share ? `${formatNumber(Number((value * 100).toPrecision(4)))} %` : formatNumber(Number(value.toPrecision(5)));
}

/** Lines and points over two numbers. */
export default function XyChart({ label, x, y, series, height = 260 }: XyChartProps) {
  const colours = useChartColours();
  // Axes are written where the chart is used; what counts is what they say.
  const axes = JSON.stringify([x, y]);
  const option = useMemo(() => {
    const [ax, ay] = JSON.parse(axes) as [AxisSpec, AxisSpec];
    return {
      ...frame(ax, ay, colours),
      tooltip: tooltip(colours, (item: { seriesName: string; value: [number, number] }) => `${item.seriesName}\n${ax.name}  ${show(ax, item.value[0])}\n${ay.name}  ${show(ay, item.value[1])}`),
      series: series.map((s) =>
        s.dots
          ? { type: 'scatter', name: s.name, symbolSize: 6, itemStyle: { color: s.colour, opacity: 0.65 }, data: s.points }
          : {
              type: 'line',
              name: s.name,
              data: s.points,
              showSymbol: s.markers ?? false,
              symbolSize: 6,
              // Without this a line answers the pointer at its symbols only.
              triggerLineEvent: !s.dashed && !s.faint,
              silent: s.dashed ?? s.faint ?? false,
              ...(s.steps ? { step: 'end' } : {}),
              lineStyle: { color: s.colour, width: s.dashed ? 1 : s.faint ? 1 : 2, opacity: s.faint ? 0.35 : 1, ...(s.dashed ? { type: 'dashed' } : {}) },
              itemStyle: { color: s.colour },
            },
      ),
    };
  }, [series, axes, colours]);
  return <EChart option={option} height={height} label={label} />;
}
