/** A metric's value as it travels: JSON has no NaN or infinities, so those come as strings. */
export type MetricValue = number | 'NaN' | 'Infinity' | '-Infinity';

export function toNumber(value: MetricValue | string | null | undefined): number {
  if (typeof value === 'number') return value;
  if (value === null || value === undefined || value === '') return Number.NaN;
  return Number(value);
}

/** Six significant digits, without trailing noise; very large and very small numbers in scientific form. */
export function formatNumber(value: MetricValue | string | null | undefined): string {
  if (value === null || value === undefined) return '';
  const n = toNumber(value);
  if (Number.isNaN(n)) return 'NaN';
  if (!Number.isFinite(n)) return n > 0 ? '∞' : '−∞';
  if (n === 0) return '0';
  const magnitude = Math.abs(n);
  if (Number.isInteger(n) && magnitude < 1e15) return n.toLocaleString('en-US').replace('-', '−');
  const text = magnitude >= 1e7 || magnitude < 1e-4 ? trimExponent(n.toExponential(4)) : trimZeros(n.toPrecision(6));
  return text.replace('-', '−').replace('e−', 'e-');
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function trimExponent(text: string): string {
  const [mantissa = '', exponent = ''] = text.split('e');
  return `${trimZeros(mantissa)}e${exponent.replace('+', '')}`;
}

export function formatCount(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`;
}

export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${s.toFixed(1)} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(s % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return '';
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

const steps: [limit: number, unit: Intl.RelativeTimeFormatUnit, ms: number][] = [
  [60_000, 'second', 1000],
  [3_600_000, 'minute', 60_000],
  [86_400_000, 'hour', 3_600_000],
  [30 * 86_400_000, 'day', 86_400_000],
  [365 * 86_400_000, 'month', 30 * 86_400_000],
  [Number.POSITIVE_INFINITY, 'year', 365 * 86_400_000],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });

export type Moment = string | number | null | undefined;

export function formatAgo(at: Moment, now: number): string {
  const ms = toMillis(at);
  if (ms === null) return '';
  const difference = ms - now;
  if (Math.abs(difference) < 5000) return 'just now';
  for (const [limit, unit, size] of steps) {
    if (Math.abs(difference) < limit) return relative.format(Math.round(difference / size), unit);
  }
  return '';
}

const absolute = new Intl.DateTimeFormat('en-GB', {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

export function formatTime(at: Moment): string {
  const ms = toMillis(at);
  return ms === null ? '' : absolute.format(ms);
}

/** RFC 3339 text or epoch milliseconds to epoch milliseconds; nothing, zero and nonsense to null. */
export function toMillis(at: Moment): number | null {
  if (at === null || at === undefined || at === '' || at === 0) return null;
  const ms = typeof at === 'number' ? at : Date.parse(at);
  return Number.isNaN(ms) ? null : ms;
}
