import type { Attributions } from '~/api';
import { Card } from '~/ui/card';
import { formatCount, formatNumber } from '~/ui/format';
import { BarRows } from '../charts/bar-rows';
import { useChartColours } from '../charts/colours';
import { Legend } from '../charts/legend';
import { Beeswarm } from './beeswarm';
import { Choice, Note, OutputChoice, RowChoice } from './controls';
import { Dependence } from './dependence';
import type { PartsProps } from './explanation-view';
import { firstOutput, rowParts, waterfall, weightiest } from './shape';
import { Waterfall } from './waterfall';

/** Columns shown in the pictures of all rows. */
const columnsMax = 15;
/** Columns a row's prediction is taken apart into, the last for all others. */
const stepsMax = 12;

/** SHAP values: of all rows at once, of a column, of a row. */
export default function ShapView({ result, parts, onParts }: PartsProps & { result: Attributions }) {
  const colours = useChartColours();
  const output = firstOutput(result.outputs, parts.output);
  const columns = weightiest(result, output);
  const rows = result.values.length;
  const row = Math.min(parts.row ?? 0, rows - 1);
  const column = columns.find((c) => c.name === parts.column) ?? columns[0];
  const several = result.outputs.length > 1;
  if (!column || rows === 0) return <p className="text-muted">No row was explained.</p>;
  const steps = waterfall(result.base_values[output] ?? 0, rowParts(result, row, output), stepsMax);
  const choose = (next: number) => onParts({ row: next });
  const total = (c: { name: string; mean: number }) => (several ? (result.global.find((g) => g.name === c.name)?.mean_magnitude ?? [c.mean]) : [c.mean]);
  const inAll = [...columns].sort((a, b) => sum(total(b)) - sum(total(a)));
  return (
    <div className="grid gap-4">
      <p className="text-muted">
        Parts of the {result.of}
        {several ? (
          <>
            {' '}
            for <b className="font-medium text-ink">{result.outputs[output]}</b>
          </>
        ) : null}{' '}
        of {formatCount(rows, 'row')}, found by the method “{result.method}”. With the base value they add up to it.
      </p>
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Card title="Every row, column by column" actions={<OutputChoice outputs={result.outputs} output={output} onChange={(o) => onParts({ output: o })} />}>
          <Beeswarm of={result} output={output} columns={columns.slice(0, columnsMax)} onPick={choose} />
          <Note>
            A point is a row: to the right the column raises the {result.of}, to the left it lowers it. The colour is the column’s own value; grey for words and missing ones. Press a point to take its row apart.
          </Note>
        </Card>
        <Card title={`Row ${row + 1} taken apart`} actions={<RowChoice row={row} rows={rows} onChange={choose} />}>
          <Waterfall base={result.base_values[output] ?? 0} steps={steps} of={result.of} />
          {result.standard_errors ? <Note>Parts were found by drawing: the largest standard error of this row is {formatNumber(Number(largest(result.standard_errors[row], output).toPrecision(2)))}.</Note> : null}
        </Card>
        <Card title="What counts most">
          <BarRows
            label={several ? 'Mean size of parts, by output' : 'Mean size of parts'}
            unit="Mean size"
            rows={inAll.slice(0, columnsMax).map((c) => ({
              name: c.name,
              parts: total(c).map((value, at) => ({ value, colour: several ? colours.of(at) : colours.accent, ...(several ? { name: `${result.outputs[at] ?? ''}: ${formatNumber(Number(value.toPrecision(4)))}` } : {}) })),
              text: formatNumber(Number(sum(total(c)).toPrecision(4))),
            }))}
          />
          {several ? <Legend label="Outputs" items={result.outputs.map((o, at) => ({ id: o, name: o, colour: colours.of(at) }))} /> : null}
          <Note>The mean size of a column’s part over all rows{several ? ', one output after the other' : ''}.</Note>
        </Card>
        <Card
          title="One column"
          actions={<Choice label="Column" value={column.name} options={columns.map((c) => ({ value: c.name, name: c.name }))} onChange={(name) => onParts({ column: name })} />}
        >
          <Dependence of={result} output={output} column={column.column} onPick={choose} />
          <Note>What the column adds to the {result.of}, against its own value. Points at the same value differ by what the other columns hold.</Note>
        </Card>
      </div>
    </div>
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function largest(errors: readonly (readonly number[])[] | undefined, output: number): number {
  return Math.max(0, ...(errors ?? []).map((e) => e[output] ?? 0));
}
