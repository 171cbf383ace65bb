import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { RotateCcw } from 'lucide-react';
import { useEffect, useState } from 'react';
import { predictWithAutomlModel, type AutomlJob, type AutomlResults, type PredictedRows } from '~/api';
import { describeError } from '~/app/errors';
import { useProject } from '~/app/project';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { formatCount } from '~/ui/format';
import { Empty, ErrorNote, Skeleton } from '~/ui/states';
import { useChartColours } from '../charts/colours';
import { RowChoice } from '../explanations/controls';
import { Counterfactual } from './counterfactual';
import { percent } from './names';
import { score } from './score';
import { ownColumns } from './serve';
import { byImportance, changedColumns, odds } from './what-if';
import { WhatIfField } from './what-if-field';
import type { RecordRow } from './cells';

const route = getRouteApi('/session/p/$project/automl/$automlId');

/** Columns shown at first: those that count most. */
const columnsMax = 12;
/** How long one waits for a hand that moves a slider to come to rest. */
const rest = 200;

/** A row of the sample whose values can be changed, and what the model says of it then. */
export default function TryTab({ job, results }: { job: AutomlJob; results: AutomlResults }) {
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/automl/$automlId' });
  const at = Math.min(search.row ?? 0, results.sample.length - 1);
  const row = results.sample[at];
  if (!row) return <Empty title="There is no row to begin with">The results of this search carry no sample of its table.</Empty>;
  return <Try key={at} job={job} results={results} row={ownColumns(row, results.columns)} truth={results.sample_truth[at] ?? null} at={at} onRow={(next) => void navigate({ search: (s) => ({ ...s, row: next || undefined }), replace: true })} />;
}

interface TryProps {
  job: AutomlJob;
  results: AutomlResults;
  row: RecordRow;
  /** What the row is in truth. */
  truth: string | null;
  at: number;
  onRow: (row: number) => void;
}

function Try({ job, results, row, truth, at, onRow }: TryProps) {
  const [values, setValues] = useState(row);
  const [all, setAll] = useState(false);
  const columns = byImportance(results.columns, results.importance);
  const changed = changedColumns(row, values);
  const shown = columns.filter((c, i) => all || i < columnsMax || changed.includes(c.name));
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_26rem]">
      <Card
        title="What if?"
        className="max-lg:order-2"
        actions={
          <>
            <RowChoice row={at} rows={results.sample.length} onChange={onRow} />
            <Button variant="ghost" disabled={changed.length === 0} onClick={() => setValues(row)}>
              <RotateCcw className="size-3.5" /> Reset
            </Button>
          </>
        }
      >
        <div className="grid gap-x-6 gap-y-3 sm:grid-cols-2">
          {shown.map((c) => (
            <WhatIfField key={c.name} column={c} was={row[c.name] ?? null} value={values[c.name] ?? null} sample={results.sample} onChange={(cell) => setValues((v) => ({ ...v, [c.name]: cell }))} />
          ))}
        </div>
        {columns.length > columnsMax ? (
          <Button className="mt-4" onClick={() => setAll(!all)}>
            {all ? 'Show those that count most' : `Show all ${formatCount(columns.length, 'column')}`}
          </Button>
        ) : null}
      </Card>
      <div className="grid gap-4 max-lg:contents lg:sticky lg:top-0">
        <Card title="The model says" className="max-lg:order-1">
          <Prediction id={job.automl_id} row={row} values={values} changed={changed.length} truth={truth} />
        </Card>
        <div className="max-lg:order-3">
          <Counterfactual job={job} results={results} row={row} onApply={(changes) => setValues({ ...row, ...changes })} />
        </div>
      </div>
    </div>
  );
}

/** The values once they have rested, so that a moving slider does not ask at every step. */
function useRested<T>(value: T): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), rest);
    return () => clearTimeout(timer);
  }, [value]);
  return rested;
}

function Prediction({ id, row, values, changed, truth }: { id: string; row: RecordRow; values: RecordRow; changed: number; truth: string | null }) {
  const project = useProject();
  const asked = useRested(values);
  const said = useQuery({
    queryKey: ['automl', project, 'predict', id, row, asked],
    queryFn: async ({ signal }) => (await predictWithAutomlModel({ path: { automl_id: id }, body: { records: [row, asked] }, signal })).data,
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (said.isError) return <ErrorNote {...describeError(said.error)} onRetry={() => void said.refetch()} />;
  if (!said.data) return <Skeleton className="h-24" />;
  return (
    <div role="status" aria-busy={said.isFetching || asked !== values} className={said.isFetching || asked !== values ? 'opacity-60' : ''}>
      <Said predictions={said.data} />
      {truth === null ? null : (
        <p className="mt-2 text-muted">
          In truth the row is <b className="font-medium text-ink wrap-anywhere">{Number.isFinite(Number(truth)) && truth !== '' ? score(Number(truth)) : truth}</b>
        </p>
      )}
      <p className="mt-2 text-xs text-faint">{changed === 0 ? 'The row as it is. Change a value to see what follows.' : `${formatCount(changed, 'column')} changed.`}</p>
    </div>
  );
}

function Said({ predictions }: { predictions: PredictedRows }) {
  const [before, after] = predictions.predictions;
  const classes = odds(predictions);
  if (classes) {
    return (
      <>
        <p className="mb-2 text-lg font-semibold wrap-anywhere">
          {String(after)}
          {before === after ? null : <span className="ml-2 text-sm font-normal text-muted">was {String(before)}</span>}
        </p>
        <OddsBars classes={classes} />
      </>
    );
  }
  const [was, is] = [Number(before), Number(after)];
  const interval = predictions.intervals?.[1];
  return (
    <>
      <p className="text-2xl font-semibold">{score(is)}</p>
      {interval ? (
        <p className="text-muted">
          most likely from {score(interval[0])} to {score(interval[1])}
        </p>
      ) : null}
      {is === was ? null : (
        <p className={is > was ? 'text-accent' : 'text-danger'}>
          {is > was ? '+' : ''}
          {score(is - was)} <span className="text-muted">against {score(was)} of the row as it is</span>
        </p>
      )}
    </>
  );
}

const classesMax = 12;

function OddsBars({ classes }: { classes: NonNullable<ReturnType<typeof odds>> }) {
  const colours = useChartColours();
  return (
    <table className="w-full table-fixed text-xs" aria-label="Probabilities of the classes">
      <colgroup>
        <col className="w-1/3" />
        <col />
        <col className="w-16" />
        <col className="w-16" />
      </colgroup>
      <thead className="sr-only">
        <tr>
          <th scope="col">Class</th>
          <th scope="col">Bar</th>
          <th scope="col">Probability</th>
          <th scope="col">Change</th>
        </tr>
      </thead>
      <tbody>
        {classes.slice(0, classesMax).map((c) => {
          const change = c.after - c.before;
          return (
            <tr key={c.name} className="h-7">
              <th scope="row" className="truncate pr-2 text-left font-normal" title={c.name}>
                {c.name}
              </th>
              <td>
                <svg aria-hidden viewBox="0 0 100 10" preserveAspectRatio="none" className="block h-4 w-full">
                  <rect x={0} y={2} width={100} height={6} className="fill-hover" />
                  <rect x={0} y={2} width={c.after * 100} height={6} fill={colours.accent} />
                  <rect x={Math.min(99.5, c.before * 100)} y={0} width={0.6} height={10} className="fill-ink" />
                </svg>
              </td>
              <td className="pl-2 text-right font-medium">{percent(c.after)}</td>
              <td className={`pl-2 text-right ${Math.abs(change) < 0.0005 ? 'text-faint' : change > 0 ? 'text-accent' : 'text-danger'}`}>{Math.abs(change) < 0.0005 ? '·' : `${change > 0 ? '+' : ''}${percent(change)}`}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
