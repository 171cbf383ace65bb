import { useMemo } from 'react';
import { formatCount, formatNumber } from '~/ui/format';
import { useChartColours } from '../charts/colours';
import { EChart } from '../charts/echarts';
import { frame, tooltip } from '../charts/frame';
import { cellText, dependence, type Parts } from './shape';

interface DependenceProps {
  of: Parts;
  output: number;
  column: number;
  onPick: (row: number) => void;
}

/** A column's own value against what it adds to the prediction. */
export function Dependence({ of, output, column, onPick }: DependenceProps) {
  const colours = useChartColours();
  const name = of.features[column] ?? '';
  const points = useMemo(() => dependence(of, column, output), [of, column, output]);
  const option = useMemo(() => {
    const words = points.some((p) => typeof p.cell !== 'number');
    const base = frame({ name }, { name: `Part of ${name}` }, colours);
    const categories = words ? [...new Set(points.map((p) => String(p.cell)))].sort() : [];
    return {
      ...base,
      ...(words ? { xAxis: { ...base.xAxis, type: 'category', data: categories } } : {}),
      tooltip: tooltip(colours, (item: { dataIndex: number }) => {
        const point = points[item.dataIndex];
        return point ? `Row ${point.row + 1}\n${name}  ${cellText(point.cell, formatNumber)}\npart  ${formatNumber(Number(point.value.toPrecision(4)))}` : '';
      }),
      series: [{ type: 'scatter', symbolSize: 7, itemStyle: { color: colours.accent, opacity: 0.7 }, data: points.map((p) => [words ? String(p.cell) : p.cell, p.value]) }],
    };
  }, [points, name, colours]);
  if (points.length === 0) return <p className="py-8 text-center text-muted">It is missing in every row.</p>;
  return (
    <EChart
      option={option}
      height={300}
      label={`Part of ${name} against its own value, ${formatCount(points.length, 'row')}`}
      onPick={(index) => {
        const point = points[index];
        if (point) onPick(point.row);
      }}
    />
  );
}
