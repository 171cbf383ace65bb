import { useEffect, type ReactNode } from 'react';

interface PageProps {
  /** The browser's title, and the heading unless `heading` says otherwise. */
  title: string;
  heading?: ReactNode;
  crumbs?: ReactNode;
  meta?: ReactNode;
  actions?: ReactNode;
  tabs?: ReactNode;
  children: ReactNode;
}

/** The frame every page shares: where you are, what this is, what you can do. */
export function Page({ title, heading, crumbs, meta, actions, tabs, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Rhiza`;
  }, [title]);
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <header className="shrink-0 border-b bg-canvas px-4 md:px-6">
        <div className="flex min-h-13 items-center justify-between gap-x-4 py-2">
          <div className="min-w-0 flex-1">
            {crumbs ? <nav aria-label="Breadcrumb" className="flex flex-wrap items-center gap-1 text-xs text-faint [&_a:hover]:text-ink">{crumbs}</nav> : null}
            <h1 className="flex min-w-0 flex-wrap items-center gap-x-2.5 gap-y-1 text-base font-semibold wrap-anywhere">
              {heading ?? title}
            </h1>
            {meta ? <div className="mt-0.5 flex flex-wrap items-center gap-x-3 gap-y-0.5 text-xs text-muted">{meta}</div> : null}
          </div>
          {actions ? <div className="flex max-w-1/2 shrink-0 flex-wrap items-center justify-end gap-1.5">{actions}</div> : null}
        </div>
        {tabs}
      </header>
      <div className="flex min-h-0 flex-1 flex-col">{children}</div>
    </div>
  );
}

/** The part of a page that scrolls, with its usual margins. */
export function PageBody({ children, narrow }: { children: ReactNode; narrow?: boolean }) {
  return (
    <div className="min-h-0 flex-1 overflow-y-auto">
      <div className={`mx-auto w-full p-4 md:p-6 ${narrow ? 'max-w-3xl' : 'max-w-[1400px]'}`}>{children}</div>
    </div>
  );
}

export const tabClass =
  'inline-flex h-9 items-center gap-1.5 border-b-2 border-transparent px-1 text-sm whitespace-nowrap text-muted hover:text-ink data-[status=active]:border-accent data-[status=active]:text-ink aria-[current=page]:border-accent aria-[current=page]:font-medium aria-[current=page]:text-ink';

export function TabBar({ label, children }: { label: string; children: ReactNode }) {
  return (
    <nav aria-label={label} className="-mb-px flex gap-5 overflow-x-auto">
      {children}
    </nav>
  );
}
