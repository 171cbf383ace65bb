import type { ReactNode } from 'react';
import { Logo } from '~/ui/logo';

/** The quiet page around signing in and setting up. */
export function AccessFrame({ title, children, note }: { title: string; children: ReactNode; note?: ReactNode }) {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center bg-sunken px-4 py-10">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex flex-col items-center gap-3">
          <Logo className="size-10" />
          <h1 className="text-lg font-semibold">{title}</h1>
          {note ? <p className="text-center text-muted">{note}</p> : null}
        </div>
        <div className="rounded-xl border bg-surface p-5">{children}</div>
      </div>
    </main>
  );
}
