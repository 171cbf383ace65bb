import type { Attributions } from '~/api';
import { Card } from '~/ui/card';
import { formatCount, formatNumber } from '~/ui/format';
import { percent } from '../automl/names';
import { BarRows } from '../charts/bar-rows';
import { useChartColours } from '../charts/colours';
import { Note, OutputChoice, RowChoice } from './controls';
import type { PartsProps } from './explanation-view';
import { cellText, firstOutput, rowParts, weightiest } from './shape';

const columnsMax = 15;

/** LIME: a linear model around each row. Its coefficients do not add up to the prediction, so no waterfall is drawn. */
export default function LimeView({ result, parts, onParts }: PartsProps & { result: Attributions }) {
  const colours = useChartColours();
  const output = firstOutput(result.outputs, parts.output);
  const rows = result.values.length;
  const row = Math.min(parts.row ?? 0, rows - 1);
  if (rows === 0) return <p className="text-muted">No row was explained.</p>;
  const mine = rowParts(result, row, output).sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const r2 = result.r2?.[row]?.[output];
  const said = result.predictions[row]?.[output];
  return (
    <div className="grid items-start gap-4 xl:grid-cols-2">
      <Card
        title={`Around row ${row + 1}`}
        actions={
          <>
            <OutputChoice outputs={result.outputs} output={output} onChange={(o) => onParts({ output: o })} />
            <RowChoice row={row} rows={rows} onChange={(next) => onParts({ row: next })} />
          </>
        }
      >
        <BarRows
          label="Coefficients of the linear model around the row"
          unit="Coefficient"
          rows={mine.slice(0, columnsMax).map((p) => ({ name: `${p.name} = ${cellText(p.cell, formatNumber)}`, parts: [{ value: p.value, colour: p.value < 0 ? colours.of(1) : colours.accent }], text: formatNumber(Number(p.value.toPrecision(4))) }))}
        />
        <Note>
          {said === undefined ? '' : `The model says ${formatNumber(Number(said.toPrecision(5)))}. `}
          {r2 === undefined ? '' : `The linear model explains ${percent(r2)} of how the prediction varies around the row${r2 < 0.5 ? ': too little to rely on' : ''}.`}
        </Note>
      </Card>
      <Card title="What counts most">
        <BarRows
          label="Mean size of coefficients"
          unit="Mean size"
          rows={weightiest(result, output)
            .slice(0, columnsMax)
            .map((c) => ({ name: c.name, parts: [{ value: c.mean, colour: colours.accent }], text: formatNumber(Number(c.mean.toPrecision(4))) }))}
        />
        <Note>The mean size of a column’s coefficient over {formatCount(rows, 'row')}.</Note>
      </Card>
    </div>
  );
}
