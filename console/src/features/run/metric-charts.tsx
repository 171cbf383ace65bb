import { ChevronRight } from 'lucide-react';
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { describeError } from '~/app/errors';
import type { ChartSearch, XAxis } from '~/app/searches';
import { Button } from '~/ui/button';
import { cx } from '~/ui/cx';
import { formatCount, formatNumber } from '~/ui/format';
import { Empty, ErrorNote, Skeleton } from '~/ui/states';
import { ChartControls } from '../charts/controls';
import { describeCurve, groupKeys, type Curve } from '../charts/curve';
import { LineChart, type ChartCurve } from '../charts/line-chart';
import { useSeries } from '../charts/series';

interface MetricChartsProps {
  runId: string;
  keys: readonly string[];
  search: ChartSearch;
  onChange: (change: Partial<ChartSearch>) => void;
  /** A prefix every key has, left out of the titles. */
  strip?: string;
  children: ReactNode;
}

const perGroup = 24;
/** Up to this many charts stand in one grid, whatever their prefixes. */
const flatMax = 12;

export function MetricCharts({ runId, keys, search, onChange, strip = '', children }: MetricChartsProps) {
  const list = keys.join('\n');
  const groups = useMemo(() => {
    const q = search.q?.toLowerCase() ?? '';
    const found = groupKeys(list.split('\n').filter((k) => k !== '' && k.toLowerCase().includes(q)));
    // A handful needs no headings: their names say where they belong.
    const count = found.reduce((sum, g) => sum + g.keys.length, 0);
    return count > 0 && count <= flatMax ? [{ name: '', keys: found.flatMap((g) => g.keys) }] : found;
  }, [list, search.q]);
  if (keys.length === 0) return <>{children}</>;
  return (
    <>
      <div className="border-b px-4 py-2 md:px-6">
        <ChartControls search={search} onChange={onChange} />
      </div>
      {/* Charts scroll under their controls, with the keyboard too. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="min-h-0 flex-1 overflow-y-auto px-4 py-4 md:px-6" tabIndex={0} role="region" aria-label="Charts">
        {groups.length === 0 ? <Empty title="No metric has this in its name" /> : null}
        {groups.map((g) => (
          <Group key={g.name} runId={runId} name={g.name} keys={g.keys} search={search} strip={strip} alone={groups.length === 1} />
        ))}
      </div>
    </>
  );
}

interface GroupProps {
  runId: string;
  name: string;
  keys: readonly string[];
  search: ChartSearch;
  strip: string;
  alone: boolean;
}

function Group({ runId, name, keys, search, strip, alone }: GroupProps) {
  const [open, setOpen] = useState(true);
  const [limit, setLimit] = useState(perGroup);
  const [near, setNear] = useState(alone);
  const marker = useRef<HTMLElement>(null);
  useEffect(() => {
    const element = marker.current;
    if (!element || near) return;
    // Groups far down the page ask for their curves when they come near.
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && setNear(true), { rootMargin: '400px' });
    observer.observe(element);
    return () => observer.disconnect();
  }, [near]);
  const shown = open && near ? keys.slice(0, limit) : [];
  const axis = search.x ?? 'step';
  const series = useSeries([runId], shown, axis);
  const curves = series.data?.[runId];
  const title = name.startsWith(strip) ? name.slice(strip.length) : name === strip.replace(/\/$/, '') ? '' : name;
  return (
    <section ref={marker} aria-label={title || 'Metrics'} className="mb-5">
      {alone && !title ? null : (
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="mb-2 flex h-7 items-center gap-1 rounded pr-2 font-medium hover:bg-hover">
          <ChevronRight className={cx('size-4 text-faint transition-transform', open && 'rotate-90')} />
          {title || 'Metrics'} <span className="text-xs font-normal text-faint">{keys.length}</span>
        </button>
      )}
      {series.isError ? <ErrorNote className="mb-3 max-w-xl" {...describeError(series.error)} onRetry={() => void series.refetch()} /> : null}
      {open ? (
        <div className="grid gap-3 sm:grid-cols-[repeat(auto-fill,minmax(20rem,1fr))]">
          {keys.slice(0, limit).map((key) => (
            <ChartCard key={key} name={name ? key.slice(key.lastIndexOf('/') + 1) : key.slice(key.startsWith(strip) ? strip.length : 0)} metric={key} curve={curves?.[key]} waiting={!curves && !series.isError} axis={axis} log={search.log ?? false} weight={search.smooth ?? 0} />
          ))}
        </div>
      ) : null}
      {open && keys.length > limit ? (
        <Button className="mt-3" onClick={() => setLimit(limit + perGroup)}>
          Show {formatCount(Math.min(perGroup, keys.length - limit), 'more chart')}
        </Button>
      ) : null}
    </section>
  );
}

interface ChartCardProps {
  name: string;
  metric: string;
  curve: Curve | undefined;
  waiting: boolean;
  axis: XAxis;
  log: boolean;
  weight: number;
}

function ChartCard({ name, metric, curve, waiting, axis, log, weight }: ChartCardProps) {
  const facts = useMemo(() => (curve ? describeCurve(curve.y) : null), [curve]);
  const curves = useMemo((): ChartCurve[] => (curve ? [{ id: metric, label: name, ...curve }] : []), [curve, metric, name]);
  return (
    <figure className="min-w-0 rounded-lg border bg-surface pb-1" data-metric={metric}>
      <figcaption className="flex items-baseline justify-between gap-3 px-3 pt-2 pb-1">
        <span className="truncate font-medium" title={metric}>
          {name}
        </span>
        {facts ? (
          <span className="shrink-0 text-xs text-muted">
            {formatNumber(facts.last)}
            {facts.notFinite > 0 ? <span className="ml-1.5 text-warn">{facts.notFinite} not finite</span> : null}
          </span>
        ) : null}
      </figcaption>
      {curve && curve.x.length === 1 && facts ? (
        // One point is a number, not a curve.
        <div className="flex h-[180px] items-center justify-center text-3xl font-light">{formatNumber(facts.last)}</div>
      ) : curve && facts ? (
        <div className="px-1">
          <LineChart
            label={`${metric}: ${formatCount(curve.x.length, 'point')}, last ${formatNumber(facts.last)}, lowest ${formatNumber(facts.min)}, highest ${formatNumber(facts.max)}`}
            curves={curves}
            axis={axis}
            log={log}
            weight={weight}
            height={180}
          />
        </div>
      ) : waiting ? (
        <Skeleton className="mx-3 my-2 h-[164px]" />
      ) : (
        <p className="flex h-[180px] items-center justify-center px-4 text-center text-faint">{curve ? 'No value here is a finite number.' : 'No points.'}</p>
      )}
    </figure>
  );
}
