import { formatNumber } from '~/ui/format';
import { cellText, type Step } from './shape';

function number(value: number): string {
  return formatNumber(Number(value.toPrecision(5)));
}

function signed(value: number): string {
  return value > 0 ? `+${number(value)}` : number(value);
}

/** A row's prediction, column by column: from what is said before anything is known to what is said of the row. */
export function Waterfall({ base, steps, of }: { base: number; steps: readonly Step[]; of: string }) {
  const end = steps.at(-1)?.to ?? base;
  const ends = [base, ...steps.map((s) => s.to)];
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const room = (high - low || 1) * 0.04;
  const x = (value: number) => ((value - low + room) / (high - low + 2 * room || 1)) * 100;
  return (
    <table className="w-full table-fixed text-xs" aria-label="From the base value to the prediction">
      <colgroup>
        <col className="w-2/5" />
        <col />
        <col className="w-20" />
      </colgroup>
      <thead className="sr-only">
        <tr>
          <th scope="col">Column and its value</th>
          <th scope="col">Picture</th>
          <th scope="col">Part</th>
        </tr>
      </thead>
      <tbody>
        <Line name="Before anything is known" text={number(base)} strong>
          <Mark at={x(base)} />
        </Line>
        {steps.map((s) => (
          <Line key={s.name} name={s.name} note={'cell' in s ? cellText(s.cell, formatNumber) : undefined} text={signed(s.value)} tone={s.value < 0 ? 'text-danger' : s.value > 0 ? 'text-accent' : 'text-faint'}>
            <rect x={Math.min(x(s.from), x(s.to))} y={2} width={Math.max(0.4, Math.abs(x(s.to) - x(s.from)))} height={6} className={s.value < 0 ? 'fill-danger' : 'fill-accent'} />
            <rect x={x(s.to) - 0.1} y={5} width={0.2} height={10} className="fill-line-strong" />
          </Line>
        ))}
        <Line name={`The ${of}`} text={number(end)} strong>
          <Mark at={x(end)} />
        </Line>
      </tbody>
    </table>
  );
}

function Mark({ at }: { at: number }) {
  return <rect x={at - 0.4} y={1} width={0.8} height={8} className="fill-ink" />;
}

interface LineProps {
  name: string;
  note?: string | undefined;
  text: string;
  tone?: string;
  strong?: boolean;
  children: React.ReactNode;
}

function Line({ name, note, text, tone, strong, children }: LineProps) {
  return (
    <tr className="h-7">
      <th scope="row" className="truncate pr-2 text-left font-normal" title={note === undefined ? name : `${name} = ${note}`}>
        <span className={strong ? 'font-medium' : 'text-muted'}>{name}</span>
        {note === undefined ? null : <span className="text-faint"> = {note}</span>}
      </th>
      <td>
        <svg aria-hidden viewBox="0 0 100 10" preserveAspectRatio="none" className="block h-4 w-full overflow-visible">
          {children}
        </svg>
      </td>
      <td className={`pl-2 text-right ${strong ? 'font-semibold' : `font-medium ${tone ?? ''}`}`}>{text}</td>
    </tr>
  );
}
