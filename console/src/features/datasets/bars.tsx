import { formatCount } from '~/ui/format';
import type { Bar } from './rules';

/** A small bar chart: the shape of a column at a glance. Each bar says what it stands for. */
export function Bars({ label, bars, className }: { label: string; bars: readonly Bar[]; className?: string }) {
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  if (bars.length === 0) return <span className="text-faint">–</span>;
  return (
    <svg role="img" aria-label={`${label}: ${bars.length} bars`} viewBox={`0 0 ${bars.length} 1`} preserveAspectRatio="none" className={className ?? 'h-8 w-full'}>
      {bars.map((bar, index) => (
        <g key={`${index} ${bar.label}`}>
          <rect x={index + 0.06} y={1 - bar.count / most} width={0.88} height={bar.count / most} className="fill-accent" />
          {/* The whole height answers the pointer, however low the bar is. */}
          <rect x={index} y={0} width={1} height={1} fill="transparent">
            <title>{`${bar.label}: ${formatCount(bar.count, 'row')}`}</title>
          </rect>
        </g>
      ))}
    </svg>
  );
}
