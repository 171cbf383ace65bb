import { useVirtualizer } from '@tanstack/react-virtual';
import { Link } from '@tanstack/react-router';
import { ArrowDown, ArrowUp, ChevronRight } from 'lucide-react';
import { useEffect, useRef, type ReactNode } from 'react';
import type { RunRow } from '~/api';
import { useProject } from '~/app/project';
import { cx } from '~/ui/cx';
import { Checkbox } from '~/ui/field';
import { RunStatus } from '~/ui/status';
import { Ago, Elapsed } from '~/ui/time';
import { cellText, readSort, type Column } from './columns';

export interface Line {
  row: RunRow;
  depth: number;
  /** `open` and `closed` have children; `leaf` has none or is not nested here. */
  branch: 'open' | 'closed' | 'leaf';
}

interface RunsTableProps {
  lines: readonly Line[];
  columns: readonly Column[];
  sort: string | undefined;
  onSort: (column: Column) => void;
  selected: ReadonlySet<string>;
  onSelect: (ids: readonly string[], on: boolean) => void;
  onToggle: (runId: string) => void;
  /** Asked for when the end comes into view. */
  onEnd: () => void;
  hasMore: boolean;
  loadingMore: boolean;
  stale: boolean;
  footer?: ReactNode;
}

const nameWidth = 260;
const rowHeight = 34;

export function RunsTable(props: RunsTableProps) {
  const { lines, columns, selected, onEnd, hasMore, stale } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => rowHeight, overscan: 12 });
  const items = virtual.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && lastShown >= lines.length - 30) onEnd();
  }, [hasMore, lastShown, lines.length, onEnd]);

  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  const width = nameWidth + 40 + columns.reduce((sum, c) => sum + c.width, 0);
  return (
    // The table scrolls both ways by itself, with the keyboard too.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div ref={scroller} tabIndex={0} role="region" aria-label="Runs" className="min-h-0 flex-1 overflow-auto overscroll-contain">
      <table
        className={cx('table-fixed border-separate border-spacing-0 text-left transition-opacity', stale && 'opacity-60')}
        style={{ width, minWidth: '100%' }}
        aria-rowcount={hasMore ? -1 : lines.length + 1}
      >
        <colgroup>
          <col style={{ width: 40 }} />
          <col style={{ width: nameWidth }} />
          {columns.map((c) => (
            <col key={c.id} style={{ width: c.width }} />
          ))}
          <col />
        </colgroup>
        <Head {...props} />
        <tbody>
          {before > 0 ? <Spacer height={before} span={columns.length + 3} /> : null}
          {items.map((item) => {
            const line = lines[item.index];
            if (!line) return null;
            return <RunLine key={line.row.run_id} line={line} index={item.index} columns={columns} selected={selected.has(line.row.run_id)} onSelect={props.onSelect} onToggle={props.onToggle} />;
          })}
          {after > 0 ? <Spacer height={after} span={columns.length + 3} /> : null}
        </tbody>
      </table>
      {props.footer}
    </div>
  );
}

function Spacer({ height, span }: { height: number; span: number }) {
  return (
    <tr aria-hidden>
      <td colSpan={span} style={{ height, padding: 0 }} />
    </tr>
  );
}

const headCell = 'sticky top-0 z-10 h-8 border-b bg-canvas px-2.5 text-xs font-medium text-faint';

function Head({ lines, columns, sort, onSort, selected, onSelect }: RunsTableProps) {
  const sorting = readSort(sort);
  const all = lines.length > 0 && lines.every((l) => selected.has(l.row.run_id));
  return (
    <thead>
      <tr>
        <th scope="col" className={cx(headCell, 'left-0 z-20 pr-0 pl-4')}>
          <Checkbox label="Select all loaded runs" checked={all} onChange={(e) => onSelect(lines.map((l) => l.row.run_id), e.target.checked)} className="block" />
        </th>
        <th scope="col" className={cx(headCell, 'z-20 md:left-10')}>
          Run
        </th>
        {columns.map((c) => {
          const on = sorting !== null && c.order === sorting.order;
          return (
            <th key={c.id} scope="col" aria-sort={on ? (sorting.descending ? 'descending' : 'ascending') : undefined} className={cx(headCell, c.numeric && 'text-right')}>
              {c.order ? (
                <button
                  type="button"
                  title={`${c.title} (${c.kind})`}
                  onClick={() => onSort(c)}
                  className={cx('inline-flex h-7 max-w-full items-center gap-1 rounded hover:text-ink', on && 'text-ink', c.numeric && 'flex-row-reverse')}
                >
                  <span className="truncate">{c.title}</span>
                  {on ? sorting.descending ? <ArrowDown className="size-3 shrink-0" /> : <ArrowUp className="size-3 shrink-0" /> : null}
                </button>
              ) : (
                <span className="block truncate">{c.title}</span>
              )}
            </th>
          );
        })}
        <th aria-hidden className={headCell} />
      </tr>
    </thead>
  );
}

interface RunLineProps {
  line: Line;
  index: number;
  columns: readonly Column[];
  selected: boolean;
  onSelect: (ids: readonly string[], on: boolean) => void;
  onToggle: (runId: string) => void;
}

function RunLine({ line, index, columns, selected, onSelect, onToggle }: RunLineProps) {
  const project = useProject();
  const { row, depth, branch } = line;
  const cell = cx('border-b px-2.5', selected ? 'bg-accent-soft' : 'bg-canvas group-hover:bg-hover');
  return (
    <tr className="group" aria-rowindex={index + 2} style={{ height: rowHeight }} data-run={row.run_id}>
      <td className={cx(cell, 'sticky left-0 z-[5] pr-0 pl-4')}>
        <Checkbox label={`Select ${row.run_name}`} checked={selected} onChange={(e) => onSelect([row.run_id], e.target.checked)} className="block" />
      </td>
      <td className={cx(cell, 'z-[5] md:sticky md:left-10')}>
        <div className="flex items-center gap-1.5" style={{ paddingLeft: depth * 18 }}>
          {branch === 'leaf' ? null : (
            <button
              type="button"
              aria-expanded={branch === 'open'}
              aria-label={`Child runs of ${row.run_name}`}
              onClick={() => onToggle(row.run_id)}
              className="-ml-1 flex size-5 items-center justify-center rounded text-faint hover:bg-line hover:text-ink"
            >
              <ChevronRight className={cx('size-3.5 transition-transform', branch === 'open' && 'rotate-90')} />
            </button>
          )}
          <RunStatus status={row.status} iconOnly />
          <Link
            to="/p/$project/runs/$runId"
            params={{ project, runId: row.run_id }}
            className={cx('min-w-0 truncate font-medium hover:underline', row.lifecycle_stage === 'deleted' && 'text-muted line-through')}
          >
            {row.run_name}
          </Link>
          {branch === 'leaf' ? null : <span className="text-2xs text-faint">{row.child_count}</span>}
        </div>
      </td>
      {columns.map((c) => (
        <td key={c.id} className={cx(cell, 'truncate', c.numeric && 'text-right', c.kind === 'param' && 'font-mono text-xs')}>
          <Cell row={row} column={c} />
        </td>
      ))}
      <td aria-hidden className={cell} />
    </tr>
  );
}

function Cell({ row, column: c }: { row: RunRow; column: Column }) {
  if (c.id === 'a:started') return <Ago at={row.started_at} />;
  if (c.id === 'a:duration') return <Elapsed from={row.started_at} to={row.ended_at} running={row.status === 'RUNNING'} />;
  const text = cellText(row, c);
  if (text === '') return <span className="text-faint">–</span>;
  return <span title={cellText(row, c, true)}>{text}</span>;
}
