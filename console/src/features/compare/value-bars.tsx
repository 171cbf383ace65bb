import { formatNumber } from '~/ui/format';
import type { ChartCurve } from '../charts/line-chart';

/** A metric that was logged once per run has no curve: a bar per run from zero, the highest value first. */
export function ValueBars({ metric, curves }: { metric: string; curves: readonly ChartCurve[] }) {
  const rows = curves.map((c) => ({ ...c, value: c.y[0] ?? Number.NaN })).sort((a, b) => rank(b.value) - rank(a.value));
  const most = Math.max(0, ...rows.map((r) => (Number.isFinite(r.value) ? Math.abs(r.value) : 0)));
  return (
    // Many runs scroll inside their card, with the keyboard too.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="h-[220px] overflow-y-auto px-2 pb-1" tabIndex={0} role="region" aria-label={`${metric} of each run`}>
      <table className="w-full table-fixed text-xs">
        <tbody>
          {rows.map((r) => (
            <tr key={r.id} className="h-6">
              <th scope="row" className="w-2/5 truncate pr-2 text-left font-normal text-muted" title={r.label}>
                {r.label}
              </th>
              <td>
                <div aria-hidden className="h-2.5 rounded-sm" style={{ width: `${Number.isFinite(r.value) && most > 0 ? (Math.abs(r.value) / most) * 100 : 0}%`, backgroundColor: r.colour }} />
              </td>
              <td className="w-20 pl-2 text-right font-medium">{formatNumber(r.value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What has no place among numbers comes last. */
function rank(value: number): number {
  return Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value;
}
