import { useMemo } from 'react';
import type { ColumnEffect, ColumnEffects } from '~/api';
import { Card } from '~/ui/card';
import { formatCount, formatNumber } from '~/ui/format';
import { Table, Td, Th, Tr } from '~/ui/table';
import { BarRows } from '../charts/bar-rows';
import { useChartColours } from '../charts/colours';
import XyChart, { type XySeries } from '../charts/xy-chart';
import { Note, OutputChoice } from './controls';
import type { PartsProps } from './explanation-view';
import { effectLines, firstOutput } from './shape';

/** What happens to the prediction when a column is set to one value after the other. */
export default function EffectsView({ result, parts, onParts }: PartsProps & { result: ColumnEffects }) {
  // The output whose single rows are told is looked at first.
  const told = result.columns[0]?.ice_output;
  const output = parts.output === undefined && told !== undefined ? told : firstOutput(result.outputs, parts.output);
  return (
    <div className="grid gap-4">
      <div className="flex flex-wrap items-center justify-between gap-3 text-muted">
        <p>
          {formatCount(result.columns.length, 'column')}, each set to values it has in the table while all others stay as they are{result.outputs.length > 1 ? `: ${result.outputs[output]}` : ''}.
        </p>
        <OutputChoice outputs={result.outputs} output={output} onChange={(o) => onParts({ output: o })} />
      </div>
      {result.columns.map((c) => (
        <Effect key={c.name} column={c} output={output} />
      ))}
    </div>
  );
}

function Effect({ column, output }: { column: ColumnEffect; output: number }) {
  const colours = useChartColours();
  const lines = useMemo(() => effectLines(column, output, formatNumber), [column, output]);
  const dependence = useMemo<XySeries[]>(
    () => [
      ...lines.ice.map((points) => ({ name: 'One row', colour: colours.axis, faint: true, points })),
      { name: 'On average', colour: colours.accent, markers: lines.average.length < 40, points: lines.average },
    ],
    [lines, colours],
  );
  const accumulated = useMemo<XySeries[] | null>(() => (lines.ale ? [{ name: 'Accumulated', colour: colours.of(2), markers: true, points: lines.ale.points }] : null), [lines, colours]);
  if (lines.words) return <Words name={column.name} words={lines.words} average={lines.average} ale={lines.ale} />;
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Card title={column.name}>
        <XyChart
          label={`Mean prediction when ${column.name} is set, from ${formatNumber(lines.average[0]?.[0])} to ${formatNumber(lines.average.at(-1)?.[0])}${lines.ice.length > 0 ? `, and ${formatCount(lines.ice.length, 'single row')}` : ''}`}
          x={{ name: column.name }}
          y={{ name: 'Prediction' }}
          series={dependence}
          height={240}
        />
        <Note>Partial dependence{lines.ice.length > 0 ? `; the thin lines are ${formatCount(lines.ice.length, 'single row')}. Where they cross or fan out, other columns matter too` : ''}.</Note>
      </Card>
      {accumulated ? (
        <Card title={`${column.name}, accumulated`}>
          <XyChart label={`Accumulated local effect of ${column.name}`} x={{ name: column.name }} y={{ name: 'Change of the prediction' }} series={accumulated} height={240} />
          <Note>Accumulated local effects: only steps that occur in the table are taken, so columns that go together do not lead to rows that cannot be.</Note>
        </Card>
      ) : null}
    </div>
  );
}

/** Words have no order and no line: a bar for each, and its change where that was found. */
function Words({ name, words, average, ale }: { name: string; words: string[]; average: (readonly [number, number])[]; ale: ReturnType<typeof effectLines>['ale'] }) {
  const colours = useChartColours();
  const value = (points: (readonly [number, number])[], at: number) => points.find((p) => p[0] === at)?.[1];
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Card title={name}>
        <BarRows
          label={`Mean prediction when ${name} is set`}
          unit="Prediction"
          rows={words.map((word, at) => ({ name: word, parts: [{ value: value(average, at) ?? 0, colour: colours.accent }], text: formatNumber(Number((value(average, at) ?? 0).toPrecision(4))) }))}
        />
        <Note>Partial dependence: the mean prediction if every row had this value.</Note>
      </Card>
      {ale ? (
        <Card flush title={`${name}, accumulated`}>
          <Table label={`Accumulated local effect of ${name}`}>
            <thead>
              <tr>
                <Th>Value</Th>
                <Th className="text-right">Change of the prediction</Th>
              </tr>
            </thead>
            <tbody>
              {(ale.words ?? words).map((word, at) => (
                <Tr key={word}>
                  <Td className="wrap-anywhere">{word}</Td>
                  <Td className="text-right">{formatNumber(Number((value(ale.points, at) ?? 0).toPrecision(4)))}</Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        </Card>
      ) : null}
    </div>
  );
}
