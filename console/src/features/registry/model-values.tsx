import type { MlflowLoggedModelMetric } from '~/api';
import { Card } from '~/ui/card';
import { formatNumber } from '~/ui/format';
import { newestOfEach } from './metrics';

export function MetricTable({ metrics }: { metrics: readonly MlflowLoggedModelMetric[] }) {
  if (metrics.length === 0) return null;
  const newest = newestOfEach(metrics);
  return (
    <Card title="Metrics" flush>
      <table className="w-full">
        <tbody>
          {newest.map((m) => (
            <tr key={`${m.key} ${m.dataset_name} ${m.dataset_digest}`}>
              <th scope="row" className="border-b px-4 py-1.5 text-left font-normal wrap-anywhere text-muted">
                {m.key}
                {m.dataset_name ? <span className="ml-1.5 text-xs text-faint">on {m.dataset_name}</span> : null}
                <span className="ml-1.5 text-xs text-faint">step {m.step.toLocaleString('en-US')}</span>
              </th>
              <td className="border-b px-4 py-1.5 text-right font-medium" title={String(m.value)}>
                {formatNumber(m.value)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

export function ParamTable({ params }: { params: readonly { key: string; value: string }[] }) {
  if (params.length === 0) return null;
  return (
    <Card title="Parameters" flush>
      <table className="w-full table-fixed">
        <tbody>
          {params.map((p) => (
            <tr key={p.key}>
              <th scope="row" className="border-b px-4 py-1.5 text-left font-normal wrap-anywhere text-muted">
                {p.key}
              </th>
              <td className="border-b px-4 py-1.5 font-mono text-xs wrap-anywhere">{p.value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
