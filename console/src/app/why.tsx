import { lazy, Suspense, useState } from 'react';

const WhyDialog = lazy(() => import('~/features/access/why-dialog'));

/** Which permission lacked, and a way to learn why. */
export function Lacks({ permission }: { permission: string }) {
  return (
    <p className="mt-1 text-xs text-muted">
      Needs <code className="font-mono">{permission}</code>. <Why permission={permission} />
    </p>
  );
}

/** Opens the server's own explanation of why something is not allowed. */
export function Why({ permission, label = 'Why?' }: { permission: string; label?: string }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" aria-haspopup="dialog" className="text-accent underline underline-offset-2" onClick={() => setOpen(true)}>
        {label}
      </button>
      <Suspense fallback={null}>{open ? <WhyDialog permission={permission} onClose={() => setOpen(false)} /> : null}</Suspense>
    </>
  );
}

/** In place of a button that is not there: a way to learn why. */
export function DeniedHint({ permission, label }: { permission: string; label: string }) {
  return (
    <span className="text-xs">
      <Why permission={permission} label={label} />
    </span>
  );
}
