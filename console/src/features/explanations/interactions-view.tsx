import type { InteractionStrengths } from '~/api';
import { Card } from '~/ui/card';
import { formatNumber } from '~/ui/format';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Note } from './controls';
import { strongestPairs } from './shape';

/** Columns of the picture, and rows of the list. */
const gridMax = 16;
const listed = 30;
/** Room for names, in cells. */
const names = 5;

/** Which columns count together for other than the sum of what they count alone. */
export default function InteractionsView({ result }: { result: InteractionStrengths }) {
  const pairs = strongestPairs(result.features, result.strength, listed);
  // The columns that take part in the strongest pairs, in that order.
  const shown = [...new Set(strongestPairs(result.features, result.strength, Number.POSITIVE_INFINITY).flatMap((p) => [p.a, p.b]))].slice(0, gridMax);
  const strength = (a: string, b: string) => result.strength[result.features.indexOf(a)]?.[result.features.indexOf(b)] ?? 0;
  const most = Math.max(0, ...pairs.map((p) => p.value));
  const size = shown.length + names;
  return (
    <div className="grid items-start gap-4 xl:grid-cols-2">
      <Card title="Columns that count together">
        <svg role="img" aria-label={`How strongly ${shown.length} columns interact, pair by pair`} viewBox={`0 0 ${size} ${size}`} className="w-full">
          {shown.map((name, at) => (
            <g key={name} className="fill-muted" fontSize={0.5}>
              <text x={names - 0.3} y={names + at + 0.7} textAnchor="end">
                {cut(name)}
                <title>{name}</title>
              </text>
              <text x={0} y={0} transform={`translate(${names + at + 0.7} ${names - 0.3}) rotate(-90)`}>
                {cut(name)}
                <title>{name}</title>
              </text>
            </g>
          ))}
          {shown.map((a, y) =>
            shown.map((b, x) => (
              <rect
                key={`${a} ${b}`}
                x={names + x + 0.04}
                y={names + y + 0.04}
                width={0.92}
                height={0.92}
                rx={0.1}
                fillOpacity={x === y ? 1 : Math.max(0.04, most > 0 ? strength(a, b) / most : 0)}
                className={x === y ? 'fill-hover' : 'fill-accent'}
              >
                <title>{x === y ? a : `${a} and ${b}: ${text(strength(a, b))}`}</title>
              </rect>
            )),
          )}
        </svg>
        <Note>The mean size of what a pair adds beyond its two columns.</Note>
      </Card>
      <Card flush title="Strongest first">
        <Table label="Interactions of pairs of columns">
          <thead>
            <tr>
              <Th>Columns</Th>
              <Th className="text-right">Mean size</Th>
            </tr>
          </thead>
          <tbody>
            {pairs.map((p) => (
              <Tr key={`${p.a} ${p.b}`}>
                <Td className="wrap-anywhere">
                  {p.a} <span className="text-faint">and</span> {p.b}
                </Td>
                <Td className="text-right">{text(p.value)}</Td>
              </Tr>
            ))}
          </tbody>
        </Table>
      </Card>
    </div>
  );
}

function text(value: number): string {
  return formatNumber(Number(value.toPrecision(4)));
}

function cut(name: string): string {
  return name.length > 14 ? `${name.slice(0, 13)}…` : name;
}
