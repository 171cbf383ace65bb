import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { ArrowDown, ArrowUp, GitCompareArrows } from 'lucide-react';
import type { ComparedExplanations, Explanation } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Page, PageBody } from '~/app/page';
import { useProject } from '~/app/project';
import { Card } from '~/ui/card';
import { Select } from '~/ui/field';
import { formatNumber } from '~/ui/format';
import { Empty, Loading } from '~/ui/states';
import { Table, Td, Th, Tr } from '~/ui/table';
import { useChartColours } from '../charts/colours';
import { Legend } from '../charts/legend';
import { useComparison, useExplanation, useExplanations } from './data';
import { isComparable } from './explanations-page';
import { kindNames } from './request';
import { rankMoves } from './shape';

const route = getRouteApi('/session/p/$project/automl/explanations/compare');

/** Two explanations side by side: do both say that the same columns count? */
export function CompareExplanationsPage() {
  const project = useProject();
  const { left, right } = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/automl/explanations/compare' });
  const list = useExplanations({});
  const offered = (list.data?.pages.flatMap((p) => p.items) ?? []).filter(isComparable);
  const comparison = useComparison(left, right);
  return (
    <Page
      title="Compare explanations"
      crumbs={
        <Link to="/p/$project/automl/explanations" params={{ project }}>
          Explanations
        </Link>
      }
    >
      <PageBody>
        <div className="mb-4 grid gap-3 sm:grid-cols-2">
          <Side label="Left" id={left} offered={offered} onChange={(id) => void navigate({ search: (s) => ({ ...s, left: id }), replace: true })} />
          <Side label="Right" id={right} offered={offered} onChange={(id) => void navigate({ search: (s) => ({ ...s, right: id }), replace: true })} />
        </div>
        {left && right ? (
          comparison.isError ? (
            <QueryError error={comparison.error} onRetry={() => void comparison.refetch()} />
          ) : comparison.data ? (
            <Compared comparison={comparison.data} />
          ) : (
            <Loading label="Comparing" />
          )
        ) : (
          <Empty icon={<GitCompareArrows />} title="Choose two explanations">
            SHAP values and importances can be compared: of two models, of two versions of the data, or of two groups of rows.
          </Empty>
        )}
      </PageBody>
    </Page>
  );
}

function Side({ label, id, offered, onChange }: { label: string; id: string | undefined; offered: readonly Explanation[]; onChange: (id: string | undefined) => void }) {
  const own = useExplanation(id);
  const missing = id !== undefined && !offered.some((e) => e.explanation_id === id);
  const name = (e: Explanation) => `${e.name} (${kindNames[e.kind]} of ${e.model_label})`;
  return (
    <label className="flex min-w-0 items-center gap-2 text-xs text-muted">
      {label}
      <Select className="h-8 max-w-full min-w-0 flex-1" value={id ?? ''} onChange={(e) => onChange(e.target.value || undefined)}>
        <option value="">Choose…</option>
        {missing ? <option value={id}>{own.data ? name(own.data) : id}</option> : null}
        {offered.map((e) => (
          <option key={e.explanation_id} value={e.explanation_id}>
            {name(e)}
          </option>
        ))}
      </Select>
    </label>
  );
}

function Compared({ comparison }: { comparison: ComparedExplanations }) {
  const colours = useChartColours();
  const rows = rankMoves(comparison);
  const sides = [
    { name: 'Left', colour: colours.of(2), of: (r: (typeof rows)[number]) => r.left },
    { name: 'Right', colour: colours.accent, of: (r: (typeof rows)[number]) => r.right },
  ];
  // Each side has its own scale: log-odds and probabilities cannot share one.
  const most = sides.map((side) => Math.max(0, ...rows.map((r) => Math.abs(side.of(r) ?? 0))));
  return (
    <>
      <p className="mb-4 text-muted">
        How alike the two orders are:{' '}
        {comparison.correlation === null || comparison.correlation === undefined ? (
          'too few columns are known to both to say.'
        ) : (
          <>
            <b className="font-semibold text-ink">{formatNumber(Number(comparison.correlation.toPrecision(3)))}</b> (1: the same, 0: nothing in common, −1: reversed).
          </>
        )}{' '}
        Each side has its own scale.
      </p>
      <Legend label="Sides" items={sides.map((side) => ({ id: side.name, name: side.name, colour: side.colour }))} />
      <Card flush title="Columns, by their rank on the left" className="mt-2">
        <Table label="Columns of both explanations">
          <thead>
            <tr>
              <Th>Column</Th>
              <Th className="text-right">Rank left</Th>
              <Th>Rank right</Th>
              <Th className="w-1/2">How much it counts</Th>
            </tr>
          </thead>
          <tbody>
            {rows.map((r) => (
              <Tr key={r.name}>
                <Td className="max-w-48 font-medium wrap-anywhere">{r.name}</Td>
                <Td className="text-right">{r.left_rank ?? '–'}</Td>
                <Td className="whitespace-nowrap">
                  {r.right_rank ?? '–'} <Moved by={r.moved ?? 0} />
                </Td>
                <Td>
                  {sides.map((side, at) => (
                    <Bar key={side.name} label={side.name} value={side.of(r)} most={most[at] ?? 0} colour={side.colour} />
                  ))}
                </Td>
              </Tr>
            ))}
          </tbody>
        </Table>
      </Card>
    </>
  );
}

function Bar({ label, value, most, colour }: { label: string; value: number | null | undefined; most: number; colour: string }) {
  const there = value !== null && value !== undefined;
  return (
    <div className="flex items-center gap-2">
      <svg aria-hidden viewBox="0 0 100 10" preserveAspectRatio="none" className="block h-2.5 min-w-12 flex-1">
        <rect x={0} y={1} width={there && most > 0 ? (Math.abs(value) / most) * 100 : 0} height={8} fill={colour} />
      </svg>
      <span className="w-16 shrink-0 text-right text-xs">
        <span className="sr-only">{label} </span>
        {there ? formatNumber(Number(value.toPrecision(4))) : '–'}
      </span>
    </div>
  );
}

function Moved({ by }: { by: number }) {
  if (by === 0) return null;
  const Icon = by > 0 ? ArrowUp : ArrowDown;
  return (
    <span className={`ml-1 inline-flex items-center text-xs ${by > 0 ? 'text-accent' : 'text-danger'}`}>
      <Icon aria-label={by > 0 ? 'up by' : 'down by'} className="size-3" />
      {Math.abs(by)}
    </span>
  );
}
