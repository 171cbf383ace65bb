import { Check, Copy } from 'lucide-react';
import { useState } from 'react';
import { cx } from './cx';

/** The clipboard needs a secure page; over plain HTTP the text is selected by hand instead, so the button hides. */
export function canCopy(): boolean {
  return typeof navigator !== 'undefined' && 'clipboard' in navigator;
}

export function CopyButton({ text, label = 'Copy', className }: { text: string; label?: string; className?: string }) {
  const [done, setDone] = useState(false);
  if (!canCopy()) return null;
  return (
    <button
      type="button"
      aria-label={done ? 'Copied' : label}
      title={label}
      className={cx('inline-flex size-6 items-center justify-center rounded text-faint hover:bg-hover hover:text-ink pointer-coarse:size-9', className)}
      onClick={() => {
        void navigator.clipboard.writeText(text).then(() => {
          setDone(true);
          setTimeout(() => setDone(false), 1500);
        });
      }}
    >
      {done ? <Check className="size-3.5 text-ok" /> : <Copy className="size-3.5" />}
    </button>
  );
}

export function CodeBlock({ code, label }: { code: string; label: string }) {
  return (
    <div className="relative rounded-lg border bg-sunken text-left">
      {/* A scrolling region needs the keyboard too. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0} aria-label={label} className="overflow-x-auto p-3 pr-11 font-mono text-xs leading-5">
        <code>{code}</code>
      </pre>
      <CopyButton text={code} label={`Copy ${label}`} className="absolute top-2 right-2 border bg-surface" />
    </div>
  );
}
