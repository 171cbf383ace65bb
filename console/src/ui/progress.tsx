/** How far something is, 0 to 1. Drawn, because the content security policy lets no style attribute through. */
export function Progress({ label, share }: { label: string; share: number }) {
  const done = Math.min(1, Math.max(0, share));
  return (
    <div role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(done * 100)} className="h-1.5 overflow-hidden rounded-full bg-hover">
      <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden className="block h-full w-full">
        <rect width={done * 100} height="1" className="fill-accent" />
      </svg>
    </div>
  );
}
