import { describe, expect, it } from 'vitest';
import { formatAgo, formatBytes, formatCount, formatDuration, formatNumber, toMillis, toNumber } from './format';

describe('formatNumber', () => {
  it('keeps six significant digits and drops trailing zeros', () => {
    expect(formatNumber(0.1)).toBe('0.1');
    expect(formatNumber(0.123456789)).toBe('0.123457');
    expect(formatNumber(-2.5)).toBe('−2.5');
    expect(formatNumber(100.5)).toBe('100.5');
  });
  it('groups whole numbers and keeps a round one whole', () => {
    expect(formatNumber(1200000)).toBe('1,200,000');
    expect(formatNumber(100)).toBe('100');
  });
  it('writes extremes in scientific form', () => {
    expect(formatNumber(0.0000123)).toBe('1.23e-5');
    expect(formatNumber(12345678.5)).toBe('1.2346e7');
  });
  it('shows what is not finite as what it is', () => {
    expect(formatNumber('NaN')).toBe('NaN');
    expect(formatNumber('-Infinity')).toBe('−∞');
    expect(formatNumber(null)).toBe('');
  });
});

describe('durations, sizes and times', () => {
  it('chooses the unit a reader would', () => {
    expect(formatDuration(420)).toBe('420 ms');
    expect(formatDuration(61_500)).toBe('1 min 1 s');
    expect(formatDuration(3_600_000 * 50)).toBe('2 d 2 h');
    expect(formatDuration(-1)).toBe('');
    expect(formatBytes(1023)).toBe('1023 B');
    expect(formatBytes(64 * 1024 * 1024)).toBe('64.0 MiB');
    expect(formatCount(1, 'run')).toBe('1 run');
    expect(formatCount(1204, 'run')).toBe('1,204 runs');
  });
  it('reads both kinds of time and refuses nonsense', () => {
    expect(toMillis('1970-01-01T00:00:01Z')).toBe(1000);
    expect(toMillis(0)).toBeNull();
    expect(toMillis('soon')).toBeNull();
    expect(formatAgo(1000, 1000 + 7_200_000)).toBe('2 hr. ago');
    expect(formatAgo(1_000_000, 1_001_000)).toBe('just now');
  });
  it('turns wire numbers into numbers', () => {
    expect(toNumber('Infinity')).toBe(Number.POSITIVE_INFINITY);
    expect(toNumber('')).toBeNaN();
  });
});
