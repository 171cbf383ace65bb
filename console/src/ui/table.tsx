import type { ComponentProps, ReactNode } from 'react';
import { cx } from './cx';

/** A plain table for lists of modest length; the runs table has its own, virtual one. */
export function Table({ label, children, className }: { label: string; children: ReactNode; className?: string }) {
  return (
    // A table may be wider than a phone: it scrolls by itself, with the keyboard too.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="relative overflow-x-auto" tabIndex={0} role="region" aria-label={label}>
      <table className={cx('w-full border-collapse text-left', className)}>{children}</table>
    </div>
  );
}

export function Th({ className, ...rest }: ComponentProps<'th'>) {
  return <th scope="col" {...rest} className={cx('h-8 border-b px-3 text-xs font-medium whitespace-nowrap text-faint first:pl-4 last:pr-4', className)} />;
}

export function Td({ className, ...rest }: ComponentProps<'td'>) {
  return <td {...rest} className={cx('h-9 border-b px-3 py-1.5 first:pl-4 last:pr-4', className)} />;
}

export function Tr({ className, ...rest }: ComponentProps<'tr'>) {
  return <tr {...rest} className={cx('group hover:bg-hover/60', className)} />;
}
