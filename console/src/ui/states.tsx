import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { Lacks } from '~/app/why';
import { Button } from './button';
import { cx } from './cx';

/** What an empty place says: what belongs here, and how it gets here. */
export function Empty({ icon, title, children, actions }: { icon?: ReactNode; title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className="mx-auto flex w-full max-w-xl flex-col items-center gap-2 px-6 py-14 text-center">
      {icon ? <div className="mb-1 flex size-10 items-center justify-center rounded-lg bg-hover text-muted [&>svg]:size-5">{icon}</div> : null}
      <h2 className="text-base font-semibold">{title}</h2>
      {children ? <div className="w-full min-w-0 text-muted">{children}</div> : null}
      {actions ? <div className="mt-3 flex flex-wrap justify-center gap-2">{actions}</div> : null}
    </div>
  );
}

export interface ErrorText {
  title: string;
  detail?: string | undefined;
  fields?: { pointer: string; detail: string }[];
  requestId?: string | undefined;
  /** The permission that lacked. */
  permission?: string | undefined;
}

export function ErrorNote({ title, detail, fields, requestId, permission, onRetry, className }: ErrorText & { onRetry?: () => void; className?: string }) {
  return (
    <div role="alert" className={cx('flex gap-2.5 rounded-lg bg-danger-soft px-3 py-2.5 text-left', className)}>
      <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-danger" />
      <div className="min-w-0 flex-1">
        <p className="font-medium wrap-anywhere">{title}</p>
        {detail && detail !== title ? <p className="mt-0.5 text-muted wrap-anywhere">{detail}</p> : null}
        {fields && fields.length > 0 ? (
          <ul className="mt-1 list-disc pl-4 text-muted">
            {fields.map((field) => (
              <li key={field.pointer + field.detail}>
                {field.pointer ? <code className="font-mono text-xs">{field.pointer}</code> : null} {field.detail}
              </li>
            ))}
          </ul>
        ) : null}
        {permission ? <Lacks permission={permission} /> : null}
        {requestId ? (
          <p className="mt-1 text-xs text-muted">
            Request <code className="font-mono select-all">{requestId}</code>
          </p>
        ) : null}
        {onRetry ? (
          <Button className="mt-2" onClick={onRetry}>
            Try again
          </Button>
        ) : null}
      </div>
    </div>
  );
}

export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cx('pulse rounded-md bg-hover', className)} />;
}

export function Loading({ label = 'Loading' }: { label?: string }) {
  return (
    <div role="status" className="flex flex-col gap-2.5 p-5">
      <span className="sr-only">{label}</span>
      <Skeleton className="h-4 w-1/3" />
      <Skeleton className="h-4 w-2/3" />
      <Skeleton className="h-4 w-1/2" />
    </div>
  );
}
