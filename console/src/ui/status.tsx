import { Ban, CircleCheck, CircleX, Clock } from 'lucide-react';
import { cx } from './cx';

const kinds: Record<string, { label: string; tone: string }> = {
  RUNNING: { label: 'Running', tone: 'text-accent' },
  SCHEDULED: { label: 'Scheduled', tone: 'text-muted' },
  FINISHED: { label: 'Finished', tone: 'text-ok' },
  FAILED: { label: 'Failed', tone: 'text-danger' },
  KILLED: { label: 'Killed', tone: 'text-warn' },
};

export function RunStatus({ status, iconOnly }: { status: string | undefined; iconOnly?: boolean }) {
  const kind = kinds[status ?? ''] ?? { label: status ?? 'Unknown', tone: 'text-muted' };
  return (
    <span className={cx('inline-flex items-center gap-1.5', kind.tone)} title={iconOnly ? kind.label : undefined}>
      <StatusIcon status={status} />
      {iconOnly ? <span className="sr-only">{kind.label}</span> : kind.label}
    </span>
  );
}

function StatusIcon({ status }: { status: string | undefined }) {
  switch (status) {
    case 'RUNNING':
      return (
        <span aria-hidden className="flex size-3.5 items-center justify-center">
          <span className="pulse size-2 rounded-full bg-current" />
        </span>
      );
    case 'FAILED':
      return <CircleX aria-hidden className="size-3.5" />;
    case 'KILLED':
      return <Ban aria-hidden className="size-3.5" />;
    case 'FINISHED':
      return <CircleCheck aria-hidden className="size-3.5" />;
    default:
      return <Clock aria-hidden className="size-3.5" />;
  }
}

export function Badge({ children, tone = 'neutral' }: { children: React.ReactNode; tone?: 'neutral' | 'accent' | 'warn' | 'danger' }) {
  const tones = { neutral: 'bg-hover text-muted', accent: 'bg-accent-soft text-accent', warn: 'bg-warn-soft text-warn', danger: 'bg-danger-soft text-danger' };
  return <span className={cx('inline-flex max-w-full items-center gap-1 truncate rounded px-1.5 py-px text-xs font-medium', tones[tone])}>{children}</span>;
}
