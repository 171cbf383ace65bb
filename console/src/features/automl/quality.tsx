import { useMemo, useState } from 'react';
import type { AutomlReport, AutomlResults } from '~/api';
import { Card } from '~/ui/card';
import { cx } from '~/ui/cx';
import { Checkbox } from '~/ui/field';
import { formatCount, formatNumber } from '~/ui/format';
import { Empty } from '~/ui/states';
import { Table, Td, Th, Tr } from '~/ui/table';
import { useChartColours } from '../charts/colours';
import type { AxisSpec } from '../charts/frame';
import { Legend } from '../charts/legend';
import XyChart, { type XySeries } from '../charts/xy-chart';
import { percent } from './names';
import { area, commonRange, confusionRows, curvePoints, fewPoints, residualShares, type CurveKind } from './report';
import { score } from './score';

/** Classes whose table of errors needs but half the width. */
const besideMax = 5;

/** How the finished model does on rows it has never seen. */
export default function Quality({ results }: { results: AutomlResults }) {
  const report = results.hold_out;
  if (!report) return <Empty title="No rows were set apart">Curves and tables of errors need rows the search has never seen. Set some apart in the next search.</Empty>;
  return (
    <div className="grid gap-4">
      <div className={cx('grid items-start gap-4', report.confusion && report.confusion.classes.length <= besideMax && 'lg:grid-cols-2')}>
        {report.confusion ? <Confusion confusion={report.confusion} /> : null}
        <Coverage report={report} regression={results.task === 'regression'} />
      </div>
      {report.curves.length > 0 ? <Curves report={report} /> : null}
      {report.residuals ? <Residuals residuals={report.residuals} /> : null}
    </div>
  );
}

function Coverage({ report, regression }: { report: AutomlReport; regression: boolean }) {
  const x = (share: number) => share * 100;
  return (
    <Card title={regression ? 'Do intervals hold what they promise?' : 'Do sets of classes hold what they promise?'}>
      <p className="text-muted">
        {regression ? 'An interval' : 'A set of classes'} was asked to contain the truth in {percent(report.coverage_asked, 0)} of the rows, and contains it in <b className="font-medium text-ink">{percent(report.coverage_seen)}</b> of {formatCount(report.rows, 'row')} set apart.
      </p>
      <svg aria-hidden viewBox="0 0 100 6" preserveAspectRatio="none" className="mt-3 block h-4 w-full max-w-xl">
        <rect x={0} y={1} width={100} height={4} className="fill-hover" />
        <rect x={0} y={1} width={x(report.coverage_seen)} height={4} className="fill-accent" />
        <rect x={x(report.coverage_asked) - 0.15} y={0} width={0.3} height={6} className="fill-ink" />
      </svg>
    </Card>
  );
}

const kinds: { kind: CurveKind; title: string; x: string; y: string; note: string }[] = [
  { kind: 'roc', title: 'ROC', x: 'False positive rate', y: 'True positive rate', note: 'The dashed line is guessing.' },
  { kind: 'precision_recall', title: 'Precision and recall', x: 'Recall', y: 'Precision', note: 'Of those called so, how many are; of those who are, how many are found.' },
  { kind: 'captured', title: 'Captured by the likeliest', x: 'Share of rows, likeliest first', y: 'Share of the class found', note: 'How far above the dashed line is the lift.' },
  { kind: 'calibration', title: 'Calibration', x: 'Probability said', y: 'Share seen', note: 'On the dashed line, what is said is what happens.' },
];
const unit = { min: 0, max: 1, share: true };

function Curves({ report }: { report: AutomlReport }) {
  const colours = useChartColours();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [tables, setTables] = useState(false);
  const items = useMemo(() => report.curves.map((c, i) => ({ id: c.class, name: c.class, colour: report.curves.length === 1 ? colours.accent : colours.of(i) })), [report.curves, colours]);
  const toggle = (id: string) => {
    const next = new Set(hidden);
    if (!next.delete(id)) next.add(id);
    setHidden(next);
  };
  const shown = report.curves.filter((c) => !hidden.has(c.class));
  return (
    <section aria-label="Curves" className="grid gap-3">
      <div className="flex flex-wrap items-center gap-3">
        {items.length > 1 ? <Legend label="Classes shown" items={items} hidden={hidden} onToggle={toggle} /> : <span className="text-muted">Curves of the class {items[0]?.name}</span>}
        <Checkbox label="As tables" showLabel checked={tables} onChange={(e) => setTables(e.target.checked)} />
      </div>
      <div className="grid gap-4 lg:grid-cols-2">
        {kinds.map(({ kind, title, x, y, note }) => (
          <Card key={kind} title={title}>
            {tables ? (
              <PointTable title={title} x={x} y={y} curves={shown.map((c) => ({ name: c.class, points: fewPoints(curvePoints(c, kind), 11) }))} />
            ) : (
              <CurveChart kind={kind} title={title} x={{ name: x, ...unit }} y={{ name: y, ...unit }} lines={shown.map((c) => ({ name: c.class, colour: items.find((i) => i.id === c.class)?.colour ?? colours.accent, points: curvePoints(c, kind) }))} />
            )}
            <p className="mt-1 text-xs text-faint">
              {note} {kind === 'calibration' ? shown.map((c) => `${items.length > 1 ? `${c.class}: ` : ''}off by ${percent(c.calibration_error)} on average`).join('; ') : ''}
            </p>
          </Card>
        ))}
      </div>
    </section>
  );
}

interface CurveChartProps {
  kind: CurveKind;
  title: string;
  x: AxisSpec;
  y: AxisSpec;
  lines: { name: string; colour: string; points: (readonly [number, number])[] }[];
}

/** One sort of curve, of several classes or several models. */
export function CurveChart({ kind, title, x, y, lines }: CurveChartProps) {
  const colours = useChartColours();
  const series: XySeries[] = lines.map((l) => ({ ...l, markers: kind === 'calibration' || kind === 'captured' }));
  if (kind !== 'precision_recall') series.push({ name: 'Nothing learnt', colour: colours.axis, dashed: true, points: [[0, 0], [1, 1]] });
  const areas = kind === 'roc' ? `; area ${lines.map((l) => `${l.name} ${score(area(l.points))}`).join(', ')}` : '';
  return <XyChart label={`${title} of ${lines.map((l) => l.name).join(', ')}${areas}`} x={x} y={y} series={series} />;
}

function PointTable({ title, x, y, curves }: { title: string; x: string; y: string; curves: { name: string; points: (readonly [number, number])[] }[] }) {
  return (
    <Table label={`${title} as numbers`}>
      <thead>
        <tr>
          <Th>Class</Th>
          <Th className="text-right">{x}</Th>
          <Th className="text-right">{y}</Th>
        </tr>
      </thead>
      <tbody>
        {curves.flatMap((c) =>
          c.points.map((p, at) => (
            <Tr key={`${c.name} ${at}`}>
              <Td>{c.name}</Td>
              <Td className="text-right">{percent(p[0])}</Td>
              <Td className="text-right">{percent(p[1])}</Td>
            </Tr>
          )),
        )}
      </tbody>
    </Table>
  );
}

function Confusion({ confusion }: { confusion: NonNullable<AutomlReport['confusion']> }) {
  const rows = confusionRows(confusion);
  return (
    <Card flush title="What was taken for what">
      <Table label="Confusion: truth by row, prediction by column" className="w-auto!">
        <thead>
          <tr>
            <Th>
              <span className="font-normal">Truth ↓ said →</span>
            </Th>
            {rows.map((r) => (
              <Th key={r.name} className="text-right">
                {r.name}
              </Th>
            ))}
            <Th className="text-right">Found</Th>
          </tr>
        </thead>
        <tbody>
          {rows.map((r, truth) => (
            <tr key={r.name}>
              <th scope="row" className="max-w-48 border-b px-3 py-1.5 pl-4 text-left font-medium wrap-anywhere">
                {r.name}
              </th>
              {r.cells.map((c, said) => (
                <td
                  key={rows[said]?.name}
                  className="min-w-16 border-b px-3 py-1.5 text-right"
                  style={{ backgroundColor: `color-mix(in srgb, var(${said === truth ? '--accent' : '--danger'}) ${Math.round(c.share * 45)}%, var(--surface))` }}
                  title={`${formatCount(c.count, 'row')} of ${r.name} taken for ${rows[said]?.name}: ${percent(c.share)}`}
                >
                  {c.count > 0 ? c.count.toLocaleString('en-US') : <span className="text-faint">0</span>}
                </td>
              ))}
              <td className="border-b px-3 py-1.5 pr-4 text-right font-medium">{percent(r.cells[truth]?.share ?? 0)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

function Residuals({ residuals }: { residuals: NonNullable<AutomlReport['residuals']> }) {
  const colours = useChartColours();
  const { points, quantiles } = residuals;
  const [low, high] = useMemo(() => commonRange(points), [points]);
  const truth = useMemo<XySeries[]>(
    () => [
      { name: 'Row', colour: colours.accent, dots: true, points: points.map((p) => [p.predicted, p.truth] as const) },
      { name: 'Exactly right', colour: colours.axis, dashed: true, points: [[low, low], [high, high]] },
    ],
    [points, low, high, colours],
  );
  const off = useMemo<XySeries[]>(
    () => [
      { name: 'Row', colour: colours.accent, dots: true, points: points.map((p) => [p.predicted, p.truth - p.predicted] as const) },
      { name: 'Exactly right', colour: colours.axis, dashed: true, points: [[low, 0], [high, 0]] },
    ],
    [points, low, high, colours],
  );
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Card title="Predicted and true">
        <XyChart label={`True against predicted value of ${formatCount(points.length, 'row')}`} x={{ name: 'Predicted' }} y={{ name: 'True' }} series={truth} />
      </Card>
      <Card title="By how much it is off">
        <XyChart label={`True less predicted value against the predicted value of ${formatCount(points.length, 'row')}`} x={{ name: 'Predicted' }} y={{ name: 'True less predicted' }} series={off} />
      </Card>
      <Card flush title="Quantiles of what it is off by" className="lg:col-span-2">
        <Table label="Quantiles of residuals">
          <thead>
            <tr>
              {residualShares.map((s) => (
                <Th key={s} className="text-right">
                  {s === 0 ? 'Least' : s === 1 ? 'Most' : s === 0.5 ? 'Median' : percent(s, 0)}
                </Th>
              ))}
            </tr>
          </thead>
          <tbody>
            <Tr>
              {residualShares.map((s, at) => (
                <Td key={s} className="text-right">
                  {formatNumber(Number(quantiles[at]?.toPrecision(5)))}
                </Td>
              ))}
            </Tr>
          </tbody>
        </Table>
      </Card>
    </div>
  );
}
