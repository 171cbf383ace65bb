import type { ColumnImportances } from '~/api';
import { Card } from '~/ui/card';
import { formatCount } from '~/ui/format';
import { metricName } from '../automl/names';
import { score } from '../automl/score';
import { BarRows } from '../charts/bar-rows';
import { useChartColours } from '../charts/colours';
import { Note } from './controls';

const columnsMax = 40;

/** How much worse the model becomes without what a column tells. */
export default function ImportanceView({ result }: { result: ColumnImportances }) {
  const colours = useChartColours();
  const columns = [...result.columns].sort((a, b) => b.importance - a.importance);
  return (
    <Card title="What the model looks at">
      <BarRows
        label="Importance of columns"
        unit="Importance"
        rows={columns.slice(0, columnsMax).map((c) => ({ name: c.name, parts: [{ value: c.importance, colour: colours.accent }], low: c.low, high: c.high, text: score(c.importance) }))}
      />
      <Note>
        How much worse {metricName(result.metric)} ({score(result.base_score)} as it is) becomes when the column is shuffled; the dark line is where the true value may lie.
        {columns.length > columnsMax ? ` ${formatCount(columns.length - columnsMax, 'column')} that count less ${columns.length - columnsMax === 1 ? 'is' : 'are'} not shown.` : ''}
      </Note>
    </Card>
  );
}
