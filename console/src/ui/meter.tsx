/** How much of a limit is used, as a bar. Drawn, because the content security policy lets no style attribute through. */
export function Meter({ label, used, limit }: { label: string; used: number; limit: number }) {
  const share = limit > 0 ? Math.min(1, used / limit) : 1;
  const tone = share >= 1 ? 'fill-danger' : share >= 0.8 ? 'fill-warn' : 'fill-accent';
  return (
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={Math.max(limit, 1)}
      aria-valuenow={Math.min(used, limit)}
      aria-valuetext={`${Math.round(share * 100)} %`}
      className="h-1.5 overflow-hidden rounded-full bg-hover"
    >
      <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden className="block h-full w-full">
        <rect width={share * 100} height="1" className={tone} />
      </svg>
    </div>
  );
}
