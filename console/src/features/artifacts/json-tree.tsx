import { useState } from 'react';
import { cx } from '~/ui/cx';

const childLimit = 200;

/** JSON as a tree that opens level by level; long lists are shown in parts. */
export function JsonTree({ value }: { value: unknown }) {
  return (
    <div className="p-3 font-mono text-xs leading-5">
      <Node name={null} value={value} depth={0} />
    </div>
  );
}

function Node({ name, value, depth }: { name: string | null; value: unknown; depth: number }) {
  const [open, setOpen] = useState(depth < 2);
  const [limit, setLimit] = useState(childLimit);
  const label = name === null ? null : <span className="text-muted">{name}: </span>;
  if (typeof value !== 'object' || value === null) {
    return (
      <div style={{ paddingLeft: depth * 16 + 16 }} className="wrap-anywhere">
        {label}
        <Leaf value={value} />
      </div>
    );
  }
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  return (
    <div>
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} style={{ paddingLeft: depth * 16 }} className="flex w-full items-start text-left hover:bg-hover">
        <span aria-hidden className={cx('inline-block w-4 text-faint transition-transform', open && 'rotate-90')}>
          ›
        </span>
        <span>
          {label}
          <span className="text-faint">
            {isList ? `[${entries.length}]` : `{${entries.length}}`}
          </span>
        </span>
      </button>
      {open ? (
        <>
          {entries.slice(0, limit).map(([key, child]) => (
            <Node key={key} name={key} value={child} depth={depth + 1} />
          ))}
          {entries.length > limit ? (
            <button type="button" onClick={() => setLimit(limit + childLimit)} style={{ marginLeft: depth * 16 + 32 }} className="text-accent hover:underline">
              {(entries.length - limit).toLocaleString('en-US')} more
            </button>
          ) : null}
        </>
      ) : null}
    </div>
  );
}

function Leaf({ value }: { value: unknown }) {
  if (typeof value === 'string') return <span className="text-accent">{JSON.stringify(value)}</span>;
  return <span className="font-medium">{String(value)}</span>;
}
