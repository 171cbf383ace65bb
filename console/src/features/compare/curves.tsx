import { LineChart as ChartIcon } from 'lucide-react';
import { useMemo } from 'react';
import { describeError } from '~/app/errors';
import { cx } from '~/ui/cx';
import { formatCount } from '~/ui/format';
import { Empty, ErrorNote, Skeleton } from '~/ui/states';
import { ChartControls } from '../charts/controls';
import { LineChart, type ChartCurve } from '../charts/line-chart';
import { useSeries } from '../charts/series';
import type { CompareProps } from './shared';
import { ValueBars } from './value-bars';

interface CurvesProps extends CompareProps {
  hidden: ReadonlySet<string>;
  onHidden: (hidden: ReadonlySet<string>) => void;
}

/** Charts asked for at once: more would be neither readable nor quick. */
const maxCharts = 24;

export function CurvesTab({ runs, all, search, patch, colours, hidden, onHidden }: CurvesProps) {
  const q = search.q?.toLowerCase() ?? '';
  const metrics = all.filter((f) => f.kind === 'metric' && f.key.toLowerCase().includes(q)).map((f) => f.key);
  // System metrics come last: they are rarely what is compared.
  const ordered = [...metrics.filter((k) => !k.startsWith('system/')), ...metrics.filter((k) => k.startsWith('system/'))];
  const keys = ordered.slice(0, maxCharts);
  const axis = search.x ?? 'step';
  const running = runs.some((r) => r.status === 'RUNNING');
  const series = useSeries(
    runs.map((r) => r.run_id),
    keys,
    axis,
    { refetchInterval: running ? 3_000 : false },
  );
  const toggle = (id: string) => {
    const next = new Set(hidden);
    if (!next.delete(id)) next.add(id);
    onHidden(next);
  };
  return (
    <>
      <div className="flex flex-col gap-2 border-b px-4 py-2 md:px-6">
        <ChartControls search={search} onChange={patch} />
        <div role="group" aria-label="Runs shown" className="flex max-h-24 flex-wrap gap-1 overflow-y-auto">
          {runs.map((r, i) => (
            <button
              key={r.run_id}
              type="button"
              aria-pressed={!hidden.has(r.run_id)}
              onClick={() => toggle(r.run_id)}
              className={cx('inline-flex h-6 items-center gap-1.5 rounded-md border px-1.5 text-xs hover:bg-hover pointer-coarse:h-9', hidden.has(r.run_id) && 'text-faint line-through')}
            >
              <span className="size-2.5 rounded-full" style={{ backgroundColor: hidden.has(r.run_id) ? 'transparent' : colours.of(i), border: `2px solid ${colours.of(i)}` }} />
              {r.run_name}
            </button>
          ))}
        </div>
      </div>
      {/* Charts scroll under their controls, with the keyboard too. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="min-h-0 flex-1 overflow-y-auto px-4 py-4 md:px-6" tabIndex={0} role="region" aria-label="Charts">
        {series.isError ? <ErrorNote {...describeError(series.error)} onRetry={() => void series.refetch()} /> : null}
        {keys.length === 0 ? <Empty icon={<ChartIcon />} title={q ? 'No metric has this in its name' : 'These runs logged no metrics'} /> : null}
        <div className="grid gap-3 sm:grid-cols-[repeat(auto-fill,minmax(24rem,1fr))]">
          {keys.map((key) => (
            <Overlay key={key} metric={key} runs={runs} hidden={hidden} colours={colours} curves={series.data} axis={axis} log={search.log ?? false} weight={search.smooth ?? 0} />
          ))}
        </div>
        {ordered.length > maxCharts ? <p className="mt-3 text-muted">{formatCount(ordered.length - maxCharts, 'more metric')}: find them by name above.</p> : null}
      </div>
    </>
  );
}

interface OverlayProps extends Pick<CompareProps, 'runs' | 'colours'> {
  metric: string;
  hidden: ReadonlySet<string>;
  curves: ReturnType<typeof useSeries>['data'];
  axis: 'step' | 'time' | 'relative';
  log: boolean;
  weight: number;
}

function Overlay({ metric, runs, hidden, colours, curves, axis, log, weight }: OverlayProps) {
  const shown = useMemo(
    () =>
      runs.flatMap((r, i): ChartCurve[] => {
        const curve = curves?.[r.run_id]?.[metric];
        return curve && curve.x.length > 0 && !hidden.has(r.run_id) ? [{ id: r.run_id, label: r.run_name, colour: colours.of(i), ...curve }] : [];
      }),
    // The colours change with the theme only, which changes their ink.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [runs, curves, hidden, metric, colours.ink],
  );
  return (
    <figure className="min-w-0 rounded-lg border bg-surface px-1 pb-1" data-metric={metric}>
      <figcaption className="truncate px-2 pt-2 pb-1 font-medium" title={metric}>
        {metric}
      </figcaption>
      {shown.length > 0 && shown.every((c) => c.x.length === 1) ? (
        <ValueBars metric={metric} curves={shown} />
      ) : shown.length > 0 ? (
        <LineChart label={`${metric} of ${formatCount(shown.length, 'run')}: ${shown.map((c) => c.label).join(', ')}`} curves={shown} axis={axis} log={log} weight={weight} height={220} />
      ) : curves ? (
        <p className="flex h-[220px] items-center justify-center text-faint">No run shown has this metric.</p>
      ) : (
        <Skeleton className="m-2 h-[200px]" />
      )}
    </figure>
  );
}
