import { Link } from '@tanstack/react-router';
import { ChevronRight } from 'lucide-react';
import { useState } from 'react';
import type { AutomlTrial } from '~/api';
import { useProject } from '~/app/project';
import { Button, IconButton } from '~/ui/button';
import { Card } from '~/ui/card';
import { formatDuration, formatNumber } from '~/ui/format';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { paramTexts } from './leaderboard';
import { metricName, percent } from './names';
import { score } from './score';
import { Family } from './state';

/** How many lines are drawn at once; a search may have a thousand. */
const pageSize = 50;

/** All trials, the best first; each is a run of its own. */
export function Leaderboard({ trials, metric }: { trials: readonly AutomlTrial[]; metric: string | null }) {
  const [shown, setShown] = useState(pageSize);
  const [open, setOpen] = useState<number | null>(null);
  const blended = trials.some((t) => t.weight > 0);
  return (
    <Card
      flush
      title={
        <>
          Leaderboard <span className="text-xs font-normal text-faint">{trials.length}</span>
        </>
      }
    >
      <Table label="Leaderboard">
        <thead>
          <tr>
            <Th className="w-8">
              <span className="sr-only">Details</span>
            </Th>
            <Th className="text-right">Rank</Th>
            <Th>Trial</Th>
            <Th className="max-sm:hidden">Kind</Th>
            <Th className="text-right">{metric ? metricName(metric) : 'Score'}</Th>
            <Th className="text-right max-md:hidden" title="Standard deviation over the folds">
              ± folds
            </Th>
            {blended ? <Th className="text-right">Weight</Th> : null}
            <Th className="text-right max-md:hidden">Took</Th>
            <Th className="text-right max-lg:hidden">Rows learnt from</Th>
          </tr>
        </thead>
        <tbody>
          {trials.slice(0, shown).map((t, at) => (
            <TrialLines key={t.number} trial={t} rank={at + 1} blended={blended} open={open === t.number} onToggle={() => setOpen(open === t.number ? null : t.number)} />
          ))}
        </tbody>
      </Table>
      {trials.length > shown ? (
        <div className="p-3 text-center">
          <Button onClick={() => setShown(shown + pageSize * 4)}>Show more</Button>
        </div>
      ) : null}
    </Card>
  );
}

interface TrialLinesProps {
  trial: AutomlTrial;
  rank: number;
  blended: boolean;
  open: boolean;
  onToggle: () => void;
}

function TrialLines({ trial, rank, blended, open, onToggle }: TrialLinesProps) {
  const project = useProject();
  const scored = trial.state === 'scored';
  return (
    <>
      <Tr data-trial={trial.number}>
        <Td>
          <IconButton label={open ? 'Hide what was chosen' : 'Show what was chosen'} aria-expanded={open} onClick={onToggle} className="size-6">
            <ChevronRight className={`size-4 transition-transform ${open ? 'rotate-90' : ''}`} />
          </IconButton>
        </Td>
        <Td className="text-right text-faint">{scored ? rank : '–'}</Td>
        <Td className="whitespace-nowrap">
          <Link to="/p/$project/runs/$runId" params={{ project, runId: trial.run_id }} className="font-medium hover:underline">
            {trial.name}
          </Link>
        </Td>
        <Td className="max-sm:hidden">
          <Family family={trial.family} />
        </Td>
        <Td className="text-right font-medium">{scored ? score(trial.score) : <Badge tone="danger">Failed</Badge>}</Td>
        <Td className="text-right text-faint max-md:hidden">{trial.deviation === null || trial.deviation === undefined ? '' : score(trial.deviation)}</Td>
        {blended ? <Td className="text-right">{trial.weight > 0 ? percent(trial.weight, 0) : ''}</Td> : null}
        <Td className="text-right whitespace-nowrap max-md:hidden">{trial.seconds === null || trial.seconds === undefined ? '' : formatDuration(trial.seconds * 1000)}</Td>
        <Td className="text-right max-lg:hidden">{trial.learning_rows.toLocaleString('en-US')}</Td>
      </Tr>
      {open ? (
        <tr>
          <td colSpan={blended ? 9 : 8} className="border-b bg-sunken px-4 py-3">
            <Chosen trial={trial} />
          </td>
        </tr>
      ) : null}
    </>
  );
}

function Chosen({ trial }: { trial: AutomlTrial }) {
  const params = paramTexts(trial.params, formatNumber);
  return (
    <div className="flex max-w-3xl flex-col gap-2 text-xs">
      {trial.error ? <p className="text-danger wrap-anywhere">{trial.error}</p> : null}
      <dl className="flex flex-wrap gap-x-5 gap-y-1">
        {params.map(([name, value]) => (
          <div key={name} className="flex gap-1.5">
            <dt className="text-faint">{name}</dt>
            <dd className="font-mono wrap-anywhere">{value}</dd>
          </div>
        ))}
        {trial.detail ? (
          <div className="flex gap-1.5">
            <dt className="text-faint">found</dt>
            <dd>{trial.detail}</dd>
          </div>
        ) : null}
      </dl>
      {trial.fold_scores.length > 1 ? (
        <p className="text-muted">
          <span className="text-faint">folds</span> {trial.fold_scores.map((s) => score(s)).join(' · ')}
        </p>
      ) : null}
      {params.length === 0 && !trial.detail && !trial.error && trial.fold_scores.length < 2 ? <p className="text-faint">Nothing was to be chosen.</p> : null}
    </div>
  );
}
