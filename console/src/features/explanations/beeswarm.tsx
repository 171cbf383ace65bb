import { useMemo } from 'react';
import { formatCount, formatNumber } from '~/ui/format';
import { useChartColours } from '../charts/colours';
import { EChart } from '../charts/echarts';
import { tooltip } from '../charts/frame';
import { beeswarm, cellText, fewRows, partsOf, standing, type Parts } from './shape';

/** Rows drawn: more points hide each other. */
const rowsMax = 600;
/** From low to high, apart in both themes and for the common kinds of colour blindness. */
export const lowToHigh = ['#3b82f6', '#a855f7', '#ef4444'];

interface BeeswarmProps {
  of: Parts;
  output: number;
  columns: readonly { column: number; name: string }[];
  onPick: (row: number) => void;
}

/** A line of points for each column: a row's part to the left or right, its own value by colour. */
export function Beeswarm({ of, output, columns, onPick }: BeeswarmProps) {
  const colours = useChartColours();
  const key = columns.map((c) => c.column).join(' ');
  const { option, rows } = useMemo(() => {
    const wanted = key === '' ? [] : key.split(' ').map(Number);
    const shown = fewRows(of.values.length, rowsMax);
    const all = wanted.flatMap((column) => partsOf(of, column, output));
    const [low, high] = [Math.min(0, ...all), Math.max(0, ...all)];
    const data = wanted.flatMap((column, line) => {
      const values = partsOf(of, column, output);
      const mine = shown.map((r) => values[r] ?? 0);
      const aside = beeswarm(mine, low, high);
      const stand = standing(of.cells.map((c) => c[column]));
      return shown.map((r, i) => ({ value: [mine[i] ?? 0, line + (aside[i] ?? 0), stand[r] ?? -1], row: r, column }));
    });
    const text = { color: colours.axis, fontSize: 11 };
    return {
      rows: data,
      option: {
        grid: { left: 16, right: 24, top: 8, bottom: 56, containLabel: false },
        xAxis: { type: 'value', axisLabel: { ...text, formatter: (v: number) => formatNumber(v), hideOverlap: true }, axisLine: { show: false, onZero: false }, axisTick: { show: false }, position: 'bottom', splitLine: { lineStyle: { color: colours.grid } } },
        yAxis: {
          type: 'value',
          inverse: true,
          min: -0.5,
          max: wanted.length - 0.5,
          axisLabel: { show: false },
          axisTick: { show: false },
          axisLine: { onZero: true, lineStyle: { color: colours.axis } },
          splitLine: { show: false },
        },
        visualMap: {
          type: 'continuous',
          dimension: 2,
          min: 0,
          max: 1,
          inRange: { color: lowToHigh },
          outOfRange: { color: colours.axis },
          orient: 'horizontal',
          left: 'center',
          bottom: 0,
          itemWidth: 10,
          itemHeight: 120,
          text: ['high', 'low'],
          textStyle: text,
          calculable: false,
          hoverLink: false,
        },
        tooltip: tooltip(colours, (item: { dataIndex: number }) => {
          const point = data[item.dataIndex];
          if (!point) return '';
          return `Row ${point.row + 1}\n${of.features[point.column] ?? ''}  ${cellText(of.cells[point.row]?.[point.column], formatNumber)}\npart  ${formatNumber(Number((point.value[0] ?? 0).toPrecision(4)))}`;
        }),
        series: [{ type: 'scatter', symbolSize: 5, data: data.map((d) => d.value) }],
      },
    };
  }, [of, output, key, colours]);
  const line = 30;
  const height = columns.length * line + 64;
  return (
    <div className="flex">
      {/* The names stand beside the picture as text: they can be read, found and cut. */}
      <ul className="w-2/5 shrink-0 pt-2 text-xs sm:w-1/3" aria-hidden>
        {columns.map((c) => (
          <li key={c.column} className="flex items-center justify-end pr-2 text-muted" style={{ height: (height - 64) / columns.length }}>
            <span className="truncate" title={c.name}>
              {c.name}
            </span>
          </li>
        ))}
      </ul>
      <div className="min-w-0 flex-1">
        <EChart
          option={option}
          height={height}
          label={`Parts of ${formatCount(Math.min(rowsMax, of.values.length), 'row')} in each of ${formatCount(columns.length, 'column')}, the weightiest first: ${columns.map((c) => c.name).join(', ')}`}
          onPick={(index) => {
            const point = rows[index];
            if (point) onPick(point.row);
          }}
        />
      </div>
    </div>
  );
}
