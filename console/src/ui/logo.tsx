export function Logo({ className = 'size-6' }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" aria-hidden className={className}>
      <rect width="32" height="32" rx="8" className="fill-accent" />
      <g fill="none" strokeWidth="2.2" strokeLinecap="round" className="stroke-on-accent">
        <path d="M16 6v8M16 14c0 5-6 4-8 11M16 14c0 6 0 6 0 12M16 14c0 5 6 4 8 11" />
      </g>
      <circle cx="16" cy="7" r="2.6" className="fill-on-accent" />
    </svg>
  );
}
