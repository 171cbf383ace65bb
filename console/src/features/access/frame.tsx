import { useEffect, type ReactNode } from 'react';
import { Logo } from '~/ui/logo';

/** The quiet page around signing in and setting up. */
export function AccessFrame({ title, children, note, foot }: { title: string; children: ReactNode; note?: ReactNode; foot?: ReactNode }) {
  useEffect(() => {
    document.title = title.includes('Rhiza') ? title : `${title} · Rhiza`;
  }, [title]);
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center bg-sunken px-4 py-10">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex flex-col items-center gap-3">
          <Logo className="size-10" />
          <h1 className="text-center text-lg font-semibold">{title}</h1>
          {note ? <p className="text-center text-muted wrap-anywhere">{note}</p> : null}
        </div>
        <div className="rounded-xl border bg-surface p-5">{children}</div>
        {foot ? <div className="mt-4 text-center text-muted">{foot}</div> : null}
      </div>
    </main>
  );
}

export const linkClass = 'text-accent underline underline-offset-2 hover:text-accent-strong';

/** A line between two ways of doing the same. */
export function Or() {
  return (
    <div aria-hidden className="flex items-center gap-3 text-xs text-faint before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line">
      or
    </div>
  );
}
