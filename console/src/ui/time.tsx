import { useEffect, useState } from 'react';
import { formatAgo, formatDuration, formatTime, toMillis, type Moment } from './format';

/** The wall clock as state, moving every `every` ms; null keeps it still. */
export function useNow(every: number | null): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (every === null) return;
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

export function Ago({ at, empty = '—' }: { at: Moment; empty?: string }) {
  const now = useNow(30_000);
  const ms = toMillis(at);
  if (ms === null) return <span className="text-faint">{empty}</span>;
  return (
    <time dateTime={new Date(ms).toISOString()} title={formatTime(ms)} className="whitespace-nowrap">
      {formatAgo(ms, now)}
    </time>
  );
}

/** How long something took; counts while it is still going on. */
export function Elapsed({ from, to, running }: { from: Moment; to: Moment; running: boolean }) {
  const now = useNow(running ? 1000 : null);
  const start = toMillis(from);
  const end = toMillis(to) ?? (running ? now : null);
  if (start === null || end === null) return <span className="text-faint">—</span>;
  return <span className="whitespace-nowrap">{formatDuration(Math.max(0, end - start))}</span>;
}
