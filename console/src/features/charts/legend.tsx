import { cx } from '~/ui/cx';

interface LegendProps {
  label: string;
  items: readonly { id: string; name: string; colour: string }[];
  /** With these two, each name turns its lines on and off. */
  hidden?: ReadonlySet<string>;
  onToggle?: (id: string) => void;
}

/** Which colour is what, as text that can be read and pressed. */
export function Legend({ label, items, hidden, onToggle }: LegendProps) {
  const dot = (colour: string, off: boolean) => <span aria-hidden className="size-2.5 shrink-0 rounded-full" style={{ backgroundColor: off ? 'transparent' : colour, border: `2px solid ${colour}` }} />;
  return (
    <div role="group" aria-label={label} className="flex max-h-20 flex-wrap gap-1 overflow-y-auto text-xs">
      {items.map((item) => {
        const off = hidden?.has(item.id) ?? false;
        return onToggle ? (
          <button
            key={item.id}
            type="button"
            aria-pressed={!off}
            onClick={() => onToggle(item.id)}
            className={cx('inline-flex h-6 max-w-full items-center gap-1.5 rounded-md border px-1.5 hover:bg-hover pointer-coarse:h-9', off && 'text-faint line-through')}
          >
            {dot(item.colour, off)}
            <span className="truncate">{item.name}</span>
          </button>
        ) : (
          <span key={item.id} className="inline-flex h-6 max-w-full items-center gap-1.5 px-1.5">
            {dot(item.colour, false)}
            <span className="truncate">{item.name}</span>
          </span>
        );
      })}
    </div>
  );
}
