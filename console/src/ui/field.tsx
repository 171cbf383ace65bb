import { useId, type ComponentProps, type ReactNode } from 'react';
import { cx } from './cx';

const boxClass =
  'rounded-md border border-line-strong/70 bg-surface px-2.5 text-sm outline-offset-0 transition-colors hover:border-line-strong aria-invalid:border-danger disabled:opacity-60';
export const inputClass = `w-full ${boxClass}`;

interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string | null | undefined;
  /** Length and limit, shown when the text comes near the limit. */
  count?: { length: number; max: number };
  optional?: boolean;
  hideLabel?: boolean;
  children: (ids: { id: string; 'aria-describedby': string | undefined; 'aria-invalid': boolean | undefined }) => ReactNode;
}

export function Field({ label, hint, error, count, optional, hideLabel, children }: FieldProps) {
  const id = useId();
  const nearLimit = count && count.length > count.max * 0.8;
  const described = hint || error || nearLimit ? `${id}-note` : undefined;
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className={hideLabel ? 'sr-only' : 'text-xs font-medium text-muted'}>
        {label}
        {optional ? <span className="font-normal text-faint"> (optional)</span> : null}
      </label>
      {children({ id, 'aria-describedby': described, 'aria-invalid': error ? true : undefined })}
      {described ? (
        <p id={described} className={cx('flex justify-between gap-3 text-xs', error ? 'text-danger' : 'text-faint')}>
          <span>{error ?? hint}</span>
          {nearLimit ? (
            <span className={count.length > count.max ? 'text-danger' : ''}>
              {count.length.toLocaleString('en-US')} / {count.max.toLocaleString('en-US')}
            </span>
          ) : null}
        </p>
      ) : null}
    </div>
  );
}

export function Input({ className, ...rest }: ComponentProps<'input'>) {
  return <input {...rest} className={cx(inputClass, 'h-8 pointer-coarse:h-10', className)} />;
}

export function Textarea({ className, ...rest }: ComponentProps<'textarea'>) {
  return <textarea rows={4} {...rest} className={cx(inputClass, 'py-2', className)} />;
}

/** The platform's own select: it is what phones and screen readers handle best. */
export function Select({ className, children, ...rest }: ComponentProps<'select'>) {
  return (
    <select {...rest} className={cx(boxClass, 'h-7 max-w-48 py-0 text-xs text-ink pointer-coarse:h-9', className)}>
      {children}
    </select>
  );
}

export function Checkbox({ label, className, ...rest }: ComponentProps<'input'> & { label: string; showLabel?: boolean }) {
  const { showLabel, ...input } = rest;
  const box = (
    <input type="checkbox" aria-label={showLabel ? undefined : label} {...input} className={cx('size-3.5 shrink-0 accent-(--accent)', className)} />
  );
  return showLabel ? (
    <label className="inline-flex items-center gap-2 text-xs text-muted pointer-coarse:min-h-9">
      {box}
      {label}
    </label>
  ) : (
    box
  );
}
