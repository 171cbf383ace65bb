import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { Lightbulb, Plus } from 'lucide-react';
import { useState } from 'react';
import { createExplanation, type AutomlJob, type AutomlResults, type Explanation, type ExplanationKind } from '~/api';
import { describeError } from '~/app/errors';
import { QueryError } from '~/app/fallbacks';
import { Needs } from '~/app/needs';
import { useProject } from '~/app/project';
import { explanationKinds } from '~/app/searches';
import { DeniedHint } from '~/app/why';
import { Button, buttonClass } from '~/ui/button';
import { cx } from '~/ui/cx';
import { Select } from '~/ui/field';
import { formatAgo, formatCount } from '~/ui/format';
import { Empty, ErrorNote, Loading } from '~/ui/states';
import { useNow } from '~/ui/time';
import { useExplanation, useExplanations, useRefreshExplanations } from '../explanations/data';
import { ExplainJob } from '../explanations/explain-dialog';
import { ExplanationView } from '../explanations/explanation-view';
import { explainBody, explainErrors, explainForm, kindNames, kindNotes, predictsNumbers } from '../explanations/request';

const route = getRouteApi('/session/p/$project/automl/$automlId');

/** Why the model says what it says: one kind of explanation at a time, the newest first. */
export default function ExplanationsTab({ job, results }: { job: AutomlJob; results: AutomlResults }) {
  const project = useProject();
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/automl/$automlId' });
  const kind = search.kind ?? 'shap';
  const list = useExplanations({ automl: job.automl_id });
  const all = list.data?.pages.flatMap((p) => p.items) ?? [];
  const ofKind = all.filter((e) => e.kind === kind);
  const chosen = ofKind.find((e) => e.explanation_id === search.explanation) ?? ofKind[0];
  const explanation = useExplanation(chosen?.explanation_id);
  const [asking, setAsking] = useState(false);
  const patch = (change: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  const made = (e: Explanation) => patch({ explanation: e.explanation_id, row: undefined, column: undefined });
  return (
    <div className="grid gap-4">
      <div className="flex flex-wrap items-center gap-2">
        <div role="group" aria-label="Kinds of explanations" className="flex flex-wrap gap-1">
          {explanationKinds.map((k) => (
            <button
              key={k}
              type="button"
              aria-pressed={k === kind}
              onClick={() => patch({ kind: k === 'shap' ? undefined : k, explanation: undefined, row: undefined, column: undefined })}
              className={cx('h-7 rounded-md px-2.5 text-xs font-medium pointer-coarse:h-9', k === kind ? 'bg-accent-soft text-accent' : 'text-muted hover:bg-hover hover:text-ink')}
            >
              {kindNames[k]}
            </button>
          ))}
        </div>
        <div className="ml-auto flex flex-wrap items-center gap-2">
          {chosen && ofKind.length > 1 ? <Which items={ofKind} chosen={chosen} onChange={(id) => patch({ explanation: id, row: undefined })} /> : null}
          {chosen ? (
            <Link to="/p/$project/automl/explanations/$explanationId" params={{ project, explanationId: chosen.explanation_id }} className={buttonClass()}>
              On its own page
            </Link>
          ) : null}
          {chosen ? (
            <Needs permission="experiments:write">
              <Button onClick={() => setAsking(true)}>
                <Plus className="size-3.5" /> Another
              </Button>
            </Needs>
          ) : null}
        </div>
      </div>
      {list.isPending ? <Loading label="Loading explanations" /> : null}
      {list.isError && all.length === 0 ? <QueryError error={list.error} onRetry={() => void list.refetch()} /> : null}
      {list.isSuccess && !chosen ? <None key={kind} job={job} results={results} kind={kind} onMade={made} onAsk={() => setAsking(true)} /> : null}
      {explanation.isError && !explanation.data ? <QueryError error={explanation.error} onRetry={() => void explanation.refetch()} /> : null}
      {chosen && explanation.isPending ? <Loading label="Loading explanation" /> : null}
      {explanation.data ? (
        <ExplanationView key={explanation.data.explanation_id} explanation={explanation.data} parts={search} onParts={(change) => patch(change)} />
      ) : null}
      {asking ? <ExplainJob job={job} results={results} kind={kind} onClose={() => setAsking(false)} onMade={made} /> : null}
    </div>
  );
}

function Which({ items, chosen, onChange }: { items: readonly Explanation[]; chosen: Explanation; onChange: (id: string) => void }) {
  const now = useNow(30_000);
  return (
    <Select aria-label="Which explanation" value={chosen.explanation_id} onChange={(e) => onChange(e.target.value)}>
      {items.map((e) => (
        <option key={e.explanation_id} value={e.explanation_id}>
          {e.name}, {formatAgo(e.created_at, now)}
        </option>
      ))}
    </Select>
  );
}

interface NoneProps {
  job: AutomlJob;
  results: AutomlResults;
  kind: ExplanationKind;
  onMade: (explanation: Explanation) => void;
  onAsk: () => void;
}

/** Nothing of this kind yet: what it would show, and a press that makes it with what is usual. */
function None({ job, results, kind, onMade, onAsk }: NoneProps) {
  const refresh = useRefreshExplanations();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const usual = explainForm(kind, job.dataset_id, job.version, results.sample.length);
  const numbers = predictsNumbers(job);
  // Some kinds need to be told more than what is usual.
  const possible = Object.keys(explainErrors(usual, numbers)).length === 0;
  const rows = Math.min(Number(usual.count), results.rows);
  const start = async () => {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      const { data } = await createExplanation({ body: explainBody(usual, { automl_id: job.automl_id }, results.sample, numbers) });
      await refresh();
      onMade(data);
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Empty
        icon={<Lightbulb />}
        title={`Nothing of this kind yet: ${kindNames[kind]}`}
        actions={
          <Needs permission="experiments:write" instead={<DeniedHint permission="experiments:write" label="Why can I not ask for them?" />}>
            {possible ? (
              <Button variant="primary" busy={busy} onClick={() => void start()}>
                Explain {formatCount(rows, 'row')}
              </Button>
            ) : null}
            <Button variant={possible ? 'secondary' : 'primary'} onClick={onAsk}>
              {possible ? 'Choose more…' : 'Choose…'}
            </Button>
          </Needs>
        }
      >
        {kindNotes[kind]}
      </Empty>
      {error ? <ErrorNote className="mx-auto max-w-xl" {...describeError(error)} /> : null}
    </>
  );
}
