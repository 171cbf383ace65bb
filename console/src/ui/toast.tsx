import { CircleAlert, CircleCheck, X } from 'lucide-react';
import { useSyncExternalStore } from 'react';

interface Toast {
  id: number;
  kind: 'done' | 'failed';
  text: string;
  note?: string | undefined;
}

let toasts: readonly Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();

function publish(change: readonly Toast[]) {
  toasts = change;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function toast(kind: Toast['kind'], text: string, note?: string) {
  const id = next++;
  publish([...toasts.slice(-3), { id, kind, text, note }]);
  // A failure stays until it has been read and closed; it carries the request id.
  if (kind === 'done') setTimeout(() => publish(toasts.filter((t) => t.id !== id)), 4000);
}

export function Toaster() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div aria-live="polite" className="pointer-events-none fixed right-4 bottom-4 z-60 flex w-80 max-w-[calc(100vw-2rem)] flex-col gap-2 max-md:bottom-20">
      {shown.map((t) => (
        <div key={t.id} className="pop pointer-events-auto flex items-start gap-2.5 px-3 py-2.5">
          {t.kind === 'done' ? <CircleCheck className="mt-0.5 size-4 shrink-0 text-ok" /> : <CircleAlert className="mt-0.5 size-4 shrink-0 text-danger" />}
          <div className="min-w-0 flex-1 wrap-anywhere">
            {t.text}
            {t.note ? <div className="text-xs text-muted">{t.note}</div> : null}
          </div>
          <button type="button" aria-label="Dismiss" className="text-faint hover:text-ink" onClick={() => publish(toasts.filter((x) => x.id !== t.id))}>
            <X className="size-4" />
          </button>
        </div>
      ))}
    </div>
  );
}
