import type { ComponentProps, ReactNode } from 'react';
import { cx } from './cx';
import { Tooltip } from './tooltip';

type Variant = 'primary' | 'secondary' | 'ghost' | 'danger';
type Size = 'sm' | 'md';

const variants: Record<Variant, string> = {
  primary: 'bg-accent text-on-accent hover:bg-accent-strong disabled:hover:bg-accent',
  secondary: 'border border-line-strong/70 bg-surface hover:bg-hover disabled:hover:bg-surface',
  ghost: 'text-muted hover:bg-hover hover:text-ink disabled:hover:bg-transparent',
  danger: 'bg-danger text-on-danger hover:brightness-110 disabled:hover:brightness-100',
};
const sizes: Record<Size, string> = {
  sm: 'h-7 px-2.5 gap-1.5 text-xs pointer-coarse:h-9',
  md: 'h-8 px-3 gap-2 text-sm pointer-coarse:h-10',
};

export function buttonClass(variant: Variant = 'secondary', size: Size = 'sm', extra?: string): string {
  return cx(
    'inline-flex shrink-0 items-center justify-center rounded-md font-medium whitespace-nowrap transition-colors select-none disabled:cursor-not-allowed disabled:opacity-55 aria-disabled:opacity-55',
    variants[variant],
    sizes[size],
    extra,
  );
}

interface ButtonProps extends ComponentProps<'button'> {
  variant?: Variant;
  size?: Size;
  /** While true the button cannot be pressed again and says that work is under way. */
  busy?: boolean;
}

export function Button({ variant, size, busy, className, children, disabled, type = 'button', ...rest }: ButtonProps) {
  return (
    <button type={type} {...rest} disabled={disabled || busy} aria-busy={busy || undefined} className={buttonClass(variant, size, className)}>
      {busy ? <Spinner /> : null}
      {children}
    </button>
  );
}

export function Spinner() {
  return <span aria-hidden className="size-3.5 animate-spin rounded-full border-2 border-current border-r-transparent" />;
}

interface IconButtonProps extends ComponentProps<'button'> {
  label: string;
  children: ReactNode;
  active?: boolean;
}

/** A square button whose name is its tooltip. */
export function IconButton({ label, children, className, active, type = 'button', ...rest }: IconButtonProps) {
  return (
    <Tooltip label={label}>
      <button
        type={type}
        aria-label={label}
        aria-pressed={active}
        {...rest}
        className={cx(
          'inline-flex size-7 shrink-0 items-center justify-center rounded-md transition-colors disabled:opacity-40 pointer-coarse:size-9',
          active ? 'bg-accent-soft text-accent' : 'text-muted hover:bg-hover hover:text-ink',
          className,
        )}
      >
        {children}
      </button>
    </Tooltip>
  );
}
