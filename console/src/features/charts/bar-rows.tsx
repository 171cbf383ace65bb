import type { ReactNode } from 'react';

export interface BarRow {
  name: string;
  /** Parts of the bar, one after the other. */
  parts: readonly { value: number; colour: string; name?: string }[];
  /** Where the true value may lie. */
  low?: number;
  high?: number;
  text: ReactNode;
}

/** Bars from zero with their names and numbers: a picture that can also be read. Values below zero go to the left. */
export function BarRows({ label, rows, unit }: { label: string; rows: readonly BarRow[]; unit: string }) {
  const ends = rows.flatMap((r) => {
    const sum = r.parts.reduce((a, p) => a + p.value, 0);
    return [sum, r.low ?? sum, r.high ?? sum];
  });
  const least = Math.min(0, ...ends);
  const span = Math.max(0, ...ends) - least || 1;
  const x = (value: number) => ((value - least) / span) * 100;
  return (
    <table className="w-full table-fixed text-xs" aria-label={label}>
      <colgroup>
        <col className="w-2/5 sm:w-1/3" />
        <col />
        <col className="w-24" />
      </colgroup>
      <thead className="sr-only">
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Bar</th>
          <th scope="col">{unit}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((r) => (
          <tr key={r.name} className="h-6">
            <th scope="row" className="truncate pr-2 text-left font-normal text-muted" title={r.name}>
              {r.name}
            </th>
            <td>
              <Bar row={r} x={x} />
            </td>
            <td className="pl-2 text-right font-medium">{r.text}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Bar({ row, x }: { row: BarRow; x: (value: number) => number }) {
  const zero = x(0);
  const before = (at: number) => row.parts.slice(0, at).reduce((sum, p) => sum + p.value, 0);
  return (
    <svg aria-hidden viewBox="0 0 100 10" preserveAspectRatio="none" className="block h-4 w-full overflow-visible">
      <rect x={zero} y={0} width={0.25} height={10} className="fill-line-strong" />
      {row.parts.map((p, at) => {
        const [a, b] = [x(before(at)), x(before(at) + p.value)];
        return (
          <rect key={p.name ?? at} x={Math.min(a, b)} y={2} width={Math.abs(b - a)} height={6} fill={p.colour}>
            {p.name ? <title>{p.name}</title> : null}
          </rect>
        );
      })}
      {row.low !== undefined && row.high !== undefined ? <rect x={x(row.low)} y={4.4} width={Math.max(0.3, x(row.high) - x(row.low))} height={1.2} className="fill-ink" /> : null}
    </svg>
  );
}
