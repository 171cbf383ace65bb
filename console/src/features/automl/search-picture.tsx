import { useMemo } from 'react';
import type { AutomlTrial } from '~/api';
import { formatCount } from '~/ui/format';
import { useChartColours } from '../charts/colours';
import { EChart } from '../charts/echarts';
import { frame, tooltip } from '../charts/frame';
import { Legend } from '../charts/legend';
import { searchPoints, viewRange } from './leaderboard';
import { familyColour, familyName, metricName } from './names';
import { score } from './score';

interface SearchPictureProps {
  trials: readonly AutomlTrial[];
  metric: string | null;
  greater: boolean;
  onPick: (trial: AutomlTrial) => void;
}

/** The score of each trial in the order they were made, and the best until then. */
export default function SearchPicture({ trials, metric, greater, onPick }: SearchPictureProps) {
  const colours = useChartColours();
  const points = useMemo(() => searchPoints(trials, greater), [trials, greater]);
  const name = metric ? metricName(metric) : 'Score';
  const found = [...new Set(points.map((p) => p.trial.family))].sort((a, b) => familyColour(a) - familyColour(b));
  const range = useMemo(() => viewRange(points.map((p) => p.score), greater), [points, greater]);
  const option = useMemo(() => {
    const last = points.at(-1)?.trial.number ?? 0;
    const bounds = range ? { min: Number(range.low.toPrecision(4)), max: Number(range.high.toPrecision(4)) } : {};
    return {
      ...frame({ name: 'Trial', whole: true, min: 0, ...(last > 0 ? { max: last } : {}) }, { name, ...bounds }, colours),
      tooltip: tooltip(colours, (item: { seriesType: string; dataIndex: number }) => {
        const point = points[item.dataIndex];
        if (!point || item.seriesType === 'line') return '';
        return `${point.trial.name}\n${name}  ${score(point.score)}\nbest until then  ${score(point.best)}`;
      }),
      series: [
        {
          type: 'scatter',
          symbolSize: 9,
          data: points.map((p) => ({ value: [p.trial.number, p.score], itemStyle: { color: colours.of(familyColour(p.trial.family)) } })),
        },
        { type: 'line', step: 'end', showSymbol: false, silent: true, lineStyle: { color: colours.ink, width: 1.5 }, data: points.map((p) => [p.trial.number, p.best]) },
      ],
    };
  }, [points, name, range, colours]);
  const best = points.at(-1)?.best;
  return (
    <>
      <EChart
        option={option}
        height={280}
        label={`${name} of ${formatCount(points.length, 'trial')} in the order they were made; the best is ${score(best)}`}
        onPick={(index, series) => {
          const point = series === 0 ? points[index] : undefined;
          if (point) onPick(point.trial);
        }}
      />
      <Legend
        label="Kinds of models"
        items={[...found.map((f) => ({ id: f, name: familyName(f), colour: colours.of(familyColour(f)) })), { id: 'best', name: 'Best until then', colour: colours.ink }]}
      />
      <p className="mt-1 text-xs text-faint">{range ? `${formatCount(range.outside, 'trial')} far worse than the others ${range.outside === 1 ? 'lies' : 'lie'} outside the picture. ` : ''}Press a point to open its run. The leaderboard below has the same numbers.</p>
    </>
  );
}
