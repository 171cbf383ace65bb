import { RotateCcw } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { XAxis } from '~/app/searches';
import { cx } from '~/ui/cx';
import { formatDuration, formatNumber, formatTime } from '~/ui/format';
import { useChartColours } from './colours';
import { align, drawable, smooth, type Curve } from './curve';

export interface ChartCurve extends Curve {
  id: string;
  label: string;
  colour?: string;
}

interface LineChartProps {
  /** What the picture shows, for those who do not see it. */
  label: string;
  curves: readonly ChartCurve[];
  axis: XAxis;
  log: boolean;
  weight: number;
  height?: number;
}

interface Readout {
  left: number;
  /** Of the plotting area. */
  width: number;
  x: number;
  rows: { id: string; label: string; colour: string; value: number }[];
}

export function formatX(axis: XAxis, x: number): string {
  if (axis === 'time') return formatTime(x);
  return axis === 'relative' ? formatDuration(x) : `step ${x.toLocaleString('en-US')}`;
}

/** Curves over steps or time. Dragging zooms in, a double click or the button goes back. */
export function LineChart({ label, curves, axis, log, weight, height = 200 }: LineChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const zoom = useRef(false);
  const [zoomed, setZoomed] = useState(false);
  const [readout, setReadout] = useState<Readout | null>(null);
  const colours = useChartColours();

  const lines = useMemo(
    () => curves.map((c, i) => ({ id: c.id, label: c.label, colour: c.colour ?? (curves.length === 1 ? colours.accent : colours.of(i)) })),
    // The colours change with the theme only, which changes their ink.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [curves, colours.ink],
  );
  const data = useMemo(() => chartData(curves, log, weight), [curves, log, weight]);
  const identity = JSON.stringify([lines, axis, log, weight > 0, height, colours.ink]);

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const onHover = (u: uPlot) => {
      const index = u.cursor.idx;
      const x = index === null || index === undefined ? undefined : u.data[0][index];
      if (index === null || index === undefined || x === undefined) return setReadout(null);
      const rows = lines.flatMap((line, i) => {
        const value = u.data[i + 1]?.[index];
        return typeof value === 'number' ? [{ ...line, value }] : [];
      });
      setReadout(rows.length > 0 ? { left: u.cursor.left ?? 0, width: u.over.clientWidth, x, rows } : null);
    };
    const onScale = (u: uPlot) => {
      const xs = u.data[0];
      const { min, max } = u.scales['x'] ?? {};
      const first = xs[0];
      const last = xs.at(-1);
      if (min == null || max == null || first === undefined || last === undefined) return;
      zoom.current = xs.length > 1 && (min > first || max < last);
      setZoomed(zoom.current);
    };
    const u = new uPlot(
      options({ element, height, axis, log, weight, lines, colours, onHover, onScale }),
      [[]],
      element,
    );
    plot.current = u;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) u.setSize({ width: element.clientWidth, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      u.destroy();
      plot.current = null;
      zoom.current = false;
    };
    // A new chart only when its make-up changes; new points go in below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [identity]);

  useEffect(() => {
    // Someone who zoomed in keeps their view while new points arrive.
    plot.current?.setData(data, !zoom.current);
    if (zoom.current) plot.current?.redraw();
  }, [data, identity]);

  const reset = () => {
    zoom.current = false;
    setZoomed(false);
    plot.current?.setData(data, true);
  };
  return (
    <div className="relative" role="img" aria-label={label}>
      <div ref={host} style={{ height }} />
      {zoomed ? (
        <button type="button" onClick={reset} className="absolute top-1 right-1 inline-flex items-center gap-1 rounded border bg-surface px-1.5 py-0.5 text-2xs text-muted hover:text-ink">
          <RotateCcw className="size-3" /> Reset zoom
        </button>
      ) : null}
      {readout ? <ReadoutBox readout={readout} axis={axis} single={lines.length === 1} /> : null}
    </div>
  );
}

function ReadoutBox({ readout, axis, single }: { readout: Readout; axis: XAxis; single: boolean }) {
  const rows = [...readout.rows].sort((a, b) => b.value - a.value);
  const right = readout.left > readout.width / 2;
  return (
    <div
      className={cx('pop pointer-events-none absolute top-2 z-10 max-w-64 px-2 py-1.5 text-2xs')}
      style={right ? { right: readout.width - readout.left + 24 } : { left: readout.left + 70 }}
    >
      <div className="text-faint">{formatX(axis, readout.x)}</div>
      {rows.slice(0, 12).map((row) => (
        <div key={row.id} className="flex items-center gap-1.5">
          <span className="size-2 shrink-0 rounded-full" style={{ backgroundColor: row.colour }} />
          {single ? null : <span className="min-w-0 flex-1 truncate">{row.label}</span>}
          <span className="font-medium">{formatNumber(row.value)}</span>
        </div>
      ))}
      {rows.length > 12 ? <div className="text-faint">and {rows.length - 12} more</div> : null}
    </div>
  );
}

/** Smoothed curves first, so that hovering reads them; behind them the raw ones when there is smoothing. */
function chartData(curves: readonly ChartCurve[], log: boolean, weight: number): uPlot.AlignedData {
  const shown = curves.map((c) => ({ x: c.x, y: smooth(c.y, weight) }));
  const [x, ...ys] = align(weight > 0 ? [...shown, ...curves] : shown);
  // `undefined` joins across (another curve's step), null is a gap (the value cannot be drawn).
  return [x, ...ys.map((y) => y.map((v) => (v === undefined ? undefined : (drawable([v], log)[0] ?? null))))] as uPlot.AlignedData;
}

/** From the first point to the last; a single place gets some room on both sides. */
function xRange(_u: uPlot, min: number | null, max: number | null): [number | null, number | null] {
  return min !== null && min === max ? [min - 1, min + 1] : [min, max];
}

interface OptionsInput {
  element: HTMLElement;
  height: number;
  axis: XAxis;
  log: boolean;
  weight: number;
  lines: readonly { label: string; colour: string }[];
  colours: ReturnType<typeof useChartColours>;
  onHover: (u: uPlot) => void;
  onScale: (u: uPlot) => void;
}

function options({ element, height, axis, log, weight, lines, colours, onHover, onScale }: OptionsInput): uPlot.Options {
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const axisStyle = { stroke: colours.axis, grid: { stroke: colours.grid, width: 1 }, ticks: { show: false }, font };
  const many = lines.length > 12;
  const series = lines.map((l): uPlot.Series => ({ label: l.label, stroke: l.colour, width: many ? 1.2 : 1.75, points: { size: 5 } }));
  const raw = lines.map((l): uPlot.Series => ({ label: `${l.label} (raw)`, stroke: `${l.colour}44`, width: 1, points: { show: false } }));
  return {
    width: Math.max(120, element.clientWidth),
    height,
    padding: [8, 10, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: true, y: false }, points: { size: 7 }, focus: { prox: 24 } },
    scales: { x: { time: axis === 'time', range: xRange }, y: { distr: log ? 3 : 1 } },
    ms: 1,
    series: [{}, ...series, ...(weight > 0 ? raw : [])],
    axes: [
      { ...axisStyle, size: 28, ...(axis === 'relative' ? { values: (_u, ticks) => ticks.map((t) => formatDuration(t)) } : {}) },
      { ...axisStyle, size: 56, values: (_u, ticks) => ticks.map((t) => (t === null ? '' : formatNumber(t))) },
    ],
    hooks: { setCursor: [onHover], setScale: [(u, key) => (key === 'x' ? onScale(u) : undefined)] },
  };
}
