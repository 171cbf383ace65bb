import { Link } from '@tanstack/react-router';
import { useProject } from '~/app/project';
import { cx } from '~/ui/cx';
import { Checkbox } from '~/ui/field';
import { formatNumber, toNumber } from '~/ui/format';
import { RunStatus } from '~/ui/status';
import { Ago, Elapsed } from '~/ui/time';
import { extremes, type Fact } from './model';
import type { CompareProps } from './shared';

const cell = 'border-b px-3 py-1.5 max-w-64';
const nameCell = 'sticky left-0 z-[5] border-b border-r bg-canvas px-3 py-1.5 text-left font-normal wrap-anywhere text-muted md:pl-6';

/** All runs side by side; what differs stands out, and the lowest and highest of each metric are marked. */
export function Summary({ runs, all, search, patch, colours }: CompareProps) {
  const project = useProject();
  const shown = search.diff ? all.filter((f) => f.differs) : all;
  const group = (title: string, kind: Fact['kind']) => {
    const rows = shown.filter((f) => f.kind === kind);
    return (
      <tbody>
        <tr>
          <th scope="colgroup" colSpan={runs.length + 1} className="sticky left-0 border-b bg-sunken px-3 py-1.5 text-left text-xs font-medium text-muted md:pl-6">
            <span className="sticky left-3 md:left-6">
              {title} <span className="font-normal text-faint">{rows.length}</span>
            </span>
          </th>
        </tr>
        {rows.map((f) => (
          <FactRow key={f.id} fact={f} />
        ))}
      </tbody>
    );
  };
  return (
    <>
      <div className="flex flex-wrap items-center gap-4 border-b px-4 py-2 md:px-6">
        <Checkbox label="Only what differs" showLabel checked={search.diff ?? false} onChange={(e) => patch({ diff: e.target.checked || undefined })} />
        <span className="text-xs text-faint">
          <span aria-hidden>▲</span> highest <span aria-hidden className="ml-2">▼</span> lowest
        </span>
      </div>
      {/* The table scrolls both ways by itself, with the keyboard too. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="min-h-0 flex-1 overflow-auto" tabIndex={0} role="region" aria-label="Runs side by side">
        <table className="border-separate border-spacing-0">
          <thead>
            <tr>
              <th scope="col" className="sticky top-0 left-0 z-20 min-w-36 border-r border-b bg-canvas px-3 text-left text-xs font-medium text-faint md:min-w-52 md:pl-6">
                Run
              </th>
              {runs.map((r, i) => (
                <th key={r.run_id} scope="col" className="sticky top-0 z-10 min-w-36 border-b bg-canvas px-3 py-2 text-left font-medium">
                  <span className="flex items-center gap-1.5">
                    <span aria-hidden className="size-2.5 shrink-0 rounded-full" style={{ backgroundColor: colours.of(i) }} />
                    <Link to="/p/$project/runs/$runId" params={{ project, runId: r.run_id }} className="wrap-anywhere hover:underline">
                      {r.run_name}
                    </Link>
                  </span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row" className={nameCell}>
                Status
              </th>
              {runs.map((r) => (
                <td key={r.run_id} className={cell}>
                  <RunStatus status={r.status} />
                </td>
              ))}
            </tr>
            <tr>
              <th scope="row" className={nameCell}>
                Started
              </th>
              {runs.map((r) => (
                <td key={r.run_id} className={cell}>
                  <Ago at={r.started_at} />
                </td>
              ))}
            </tr>
            <tr>
              <th scope="row" className={nameCell}>
                Duration
              </th>
              {runs.map((r) => (
                <td key={r.run_id} className={cell}>
                  <Elapsed from={r.started_at} to={r.ended_at} running={r.status === 'RUNNING'} />
                </td>
              ))}
            </tr>
          </tbody>
          {group('Parameters', 'param')}
          {group('Metrics', 'metric')}
        </table>
      </div>
    </>
  );
}

function FactRow({ fact }: { fact: Fact }) {
  const ends = extremes(fact);
  return (
    <tr className="hover:bg-hover/60">
      <th scope="row" className={nameCell}>
        {fact.key}
      </th>
      {fact.values.map((value, i) => {
        const n = fact.kind === 'metric' ? toNumber(value) : Number.NaN;
        const mark = ends && n === ends.max ? '▲' : ends && n === ends.min ? '▼' : '';
        return (
          <td key={i} title={value} className={cx(cell, 'wrap-anywhere', fact.kind === 'param' && 'font-mono text-xs', fact.differs ? fact.kind === 'param' && 'bg-warn-soft' : 'text-faint')}>
            {value === undefined ? <span className="text-faint">–</span> : fact.kind === 'metric' ? formatNumber(value) : value}
            {mark ? (
              <span className="ml-1.5 text-2xs text-accent" title={mark === '▲' ? 'highest' : 'lowest'}>
                {mark}
              </span>
            ) : null}
          </td>
        );
      })}
    </tr>
  );
}
