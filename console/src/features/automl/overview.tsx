import { Link } from '@tanstack/react-router';
import type { AutomlJob, AutomlResults } from '~/api';
import { useProject } from '~/app/project';
import { Card, Facts } from '~/ui/card';
import { formatBytes, formatCount, formatDuration } from '~/ui/format';
import { Table, Td, Th, Tr } from '~/ui/table';
import { BarRows } from '../charts/bar-rows';
import { useChartColours } from '../charts/colours';
import { useTrials } from './data';
import { familyColour, familyName, greaterIsBetter, metricName, percent } from './names';
import { score } from './score';
import { PlanWords } from './search-view';
import { Family } from './state';

/** Columns shown; those further down hardly count. */
const columnsMax = 20;

/** What came of the search: how good the model is, what it is made of, what it looks at. */
export default function Overview({ job, results }: { job: AutomlJob; results: AutomlResults }) {
  return (
    <div className="grid gap-4">
      {job.plan ? <PlanWords plan={job.plan} /> : null}
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="grid min-w-0 gap-4">
          <Scores results={results} />
          <Importance results={results} />
        </div>
        <div className="grid min-w-0 gap-4">
          <Members job={job} results={results} />
          <Card title="About">
            <Facts
              items={[
                [`${metricName(results.metric)} of the model`, score(results.score)],
                ['Best single trial', `${results.best.name}, ${score(results.best.score)}`],
                ['Rows', results.rows.toLocaleString('en-US')],
                ['Trials', job.trials.toLocaleString('en-US')],
                ['Took', formatDuration(job.seconds_used * 1000)],
                ['Ended', results.stopped ? 'when the time was over' : 'when all trials were made'],
                ...(job.model_bytes ? ([['Model file', formatBytes(job.model_bytes)]] as [string, string][]) : []),
              ]}
            />
          </Card>
          <Settings job={job} />
        </div>
      </div>
    </div>
  );
}

function Scores({ results }: { results: AutomlResults }) {
  const report = results.hold_out;
  if (!report) {
    return (
      <Card title="On rows set apart">
        <p className="text-muted">No rows were set apart. The model’s {metricName(results.metric)} over the rows that judged the search is {score(results.score)}; it was chosen by those rows.</p>
      </Card>
    );
  }
  // What the search was ranked by comes first.
  const scores = Object.entries(report.scores).sort(([a], [b]) => Number(b === results.metric) - Number(a === results.metric));
  return (
    <Card flush title={`On ${formatCount(report.rows, 'row')} set apart, looked at once`}>
      <Table label="Scores on rows set apart">
        <thead>
          <tr>
            <Th>Score</Th>
            <Th className="text-right">Value</Th>
            <Th>Better is</Th>
          </tr>
        </thead>
        <tbody>
          {scores.map(([name, value]) => (
            <Tr key={name}>
              <Td className={name === results.metric ? 'font-medium' : ''}>
                {metricName(name)}
                {name === results.metric ? <span className="ml-2 text-xs font-normal text-faint">ranked by</span> : null}
              </Td>
              <Td className="text-right font-medium">{score(value)}</Td>
              <Td className="text-faint">{greaterIsBetter(name) ? 'more' : 'less'}</Td>
            </Tr>
          ))}
          <Tr>
            <Td>
              {results.task === 'regression' ? 'Truth inside the interval' : 'Truth inside the set of classes'}
              <span className="ml-2 text-xs text-faint">{percent(report.coverage_asked, 0)} asked</span>
            </Td>
            <Td className="text-right font-medium">{percent(report.coverage_seen)}</Td>
            <Td className="text-faint">as asked</Td>
          </Tr>
        </tbody>
      </Table>
    </Card>
  );
}

function Members({ job, results }: { job: AutomlJob; results: AutomlResults }) {
  const colours = useChartColours();
  const project = useProject();
  const trials = useTrials(job.automl_id);
  const run = (number: number) => trials.data?.trials.find((t) => t.number === number)?.run_id;
  return (
    <Card title={results.members.length > 1 ? `A blend of ${results.members.length} models` : 'The best model alone'}>
      <svg role="img" aria-label={`Weights: ${results.members.map((m) => `${m.name} ${percent(m.weight, 0)}`).join(', ')}`} viewBox="0 0 100 1" preserveAspectRatio="none" className="mb-3 block h-3 w-full overflow-hidden rounded-full">
        {results.members.map((m, at) => {
          const before = results.members.slice(0, at).reduce((sum, other) => sum + other.weight, 0);
          return <rect key={m.number} x={before * 100} width={Math.max(0, m.weight * 100 - 0.4)} height={1} fill={colours.of(familyColour(m.family))} />;
        })}
      </svg>
      <ul className="flex flex-col gap-1.5">
        {results.members.map((m) => {
          const runId = run(m.number);
          return (
            <li key={m.number} className="flex items-center justify-between gap-3">
              <span className="flex min-w-0 items-center gap-2">
                <Family family={m.family} />
                {runId ? (
                  <Link to="/p/$project/runs/$runId" params={{ project, runId }} className="truncate text-faint hover:underline">
                    {m.name}
                  </Link>
                ) : (
                  <span className="truncate text-faint">{m.name}</span>
                )}
              </span>
              <span className="font-medium">{percent(m.weight, 0)}</span>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function Importance({ results }: { results: AutomlResults }) {
  const colours = useChartColours();
  const columns = [...(results.importance ?? [])].sort((a, b) => b.importance - a.importance);
  if (columns.length === 0) return null;
  return (
    <Card title="What the model looks at">
      <p className="mb-3 text-xs text-faint">How much worse {metricName(results.metric)} on the rows set apart becomes when a column is shuffled, with its error.</p>
      <BarRows
        label="Importance of columns"
        unit="Importance"
        rows={columns.slice(0, columnsMax).map((c) => ({ name: c.name, parts: [{ value: c.importance, colour: colours.accent }], low: c.importance - c.error, high: c.importance + c.error, text: score(c.importance) }))}
      />
      {columns.length > columnsMax ? <p className="mt-2 text-xs text-faint">and {formatCount(columns.length - columnsMax, 'column')} that count less</p> : null}
    </Card>
  );
}

function Settings({ job }: { job: AutomlJob }) {
  const s = job.settings;
  const items: [string, string][] = [
    ['Seconds asked', s.seconds.toLocaleString('en-US', { maximumFractionDigits: 1 })],
    ['Trials at most', s.trials.toLocaleString('en-US')],
    ['Seed', String(s.seed)],
    ...(s.folds ? ([['Folds', String(s.folds)]] as [string, string][]) : []),
    ['Set apart', percent(s.hold_out, 0)],
    ...(s.time_column ? ([['Ordered by', s.time_column]] as [string, string][]) : []),
    ...(s.group_column ? ([['Grouped by', s.group_column]] as [string, string][]) : []),
    ...(s.ignore.length > 0 ? ([['Not learnt from', s.ignore.join(', ')]] as [string, string][]) : []),
    ['Kinds of models', s.families?.length ? s.families.map(familyName).join(', ') : 'all'],
  ];
  return (
    <Card title="What was asked for">
      <Facts items={items} />
    </Card>
  );
}
