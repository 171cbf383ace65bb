import { Info, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import type { DatasetProfile, DatasetVersionDetails } from '~/api';
import { Button } from '~/ui/button';
import { formatNumber } from '~/ui/format';
import { Bars } from '../datasets/bars';
import { useTargetProfile } from '../datasets/data';
import { barsOf } from '../datasets/rules';
import { percent } from './names';
import { namesOfThings, targetAdvice, type StartForm } from './start';

interface TargetAdviceProps {
  form: StartForm;
  version: DatasetVersionDetails;
  profile: DatasetProfile;
  onIgnore: (columns: string[]) => void;
}

/** What is known about the chosen target before anything is learnt: its shape, what is missing, what gives it away. */
export function TargetAdvice({ form, version, profile, onIgnore }: TargetAdviceProps) {
  const column = profile.columns.find((c) => c.name === form.target);
  const looked = useTargetProfile(form.dataset, version.version, form.target || undefined);
  if (!column) return null;
  const leaks = (looked.data?.leaks ?? []).filter((l) => !form.ignore.includes(l.column) && l.column !== form.time && l.column !== form.group);
  const names = namesOfThings(profile, form);
  const bars = barsOf(column, formatNumber);
  return (
    <div className="flex flex-col gap-2">
      <Bars label={`Values of ${column.name}`} bars={bars} className={bars.length > 8 ? 'h-12 w-full' : 'h-12 w-48'} />
      <ul className="flex flex-col gap-1.5 text-xs" aria-label={`What there is to say about ${column.name}`}>
        {targetAdvice(column, form.task)
          // What stops the search stands under the field.
          .filter((a) => !a.stops)
          .map((a) => (
            <Line key={a.text} warns={a.warns}>
              {a.text}
            </Line>
          ))}
        {leaks.map((leak) => (
          <Line key={leak.column} warns>
            <b className="font-medium">{leak.column}</b> tells {percent(leak.strength)} of it by itself: is it known when a prediction is due?{' '}
            <Button className="ml-1" onClick={() => onIgnore([leak.column])}>
              Do not learn from it
            </Button>
          </Line>
        ))}
        {names.length > 0 ? (
          <Line>
            {names.length === 1 ? 'A column has' : `${names.length} columns have`} a value of its own in nearly every row: <b className="font-medium wrap-anywhere">{names.slice(0, 5).join(', ')}</b>
            {names.length > 5 ? ' and others' : ''}.{' '}
            <Button className="ml-1" onClick={() => onIgnore(names)}>
              Do not learn from {names.length === 1 ? 'it' : 'them'}
            </Button>
          </Line>
        ) : null}
      </ul>
    </div>
  );
}

function Line({ warns, children }: { warns?: boolean | undefined; children: ReactNode }) {
  const Icon = warns ? TriangleAlert : Info;
  return (
    <li className="flex gap-2 text-muted">
      <Icon aria-hidden className={`mt-0.5 size-3.5 shrink-0 ${warns ? 'text-warn' : 'text-faint'}`} />
      <span className="min-w-0">{children}</span>
    </li>
  );
}
