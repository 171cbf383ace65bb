import { useState } from 'react';
import { createExplanation, type AutomlJob, type AutomlResults } from '~/api';
import { describeError } from '~/app/errors';
import { Needs } from '~/app/needs';
import { DeniedHint } from '~/app/why';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { formatCount } from '~/ui/format';
import { ErrorNote } from '~/ui/states';
import { useExplanation, useRefreshExplanations } from '../explanations/data';
import { Wanted } from '../explanations/explain-fields';
import { ExplanationView } from '../explanations/explanation-view';
import { explainBody, explainErrors, explainForm, predictsNumbers } from '../explanations/request';
import { asCell, type RecordRow } from './cells';

interface CounterfactualProps {
  job: AutomlJob;
  results: AutomlResults;
  row: RecordRow;
  onApply: (changes: RecordRow) => void;
}

/** The other way round: what would have to be different for the model to say what one wants to hear. */
export function Counterfactual({ job, results, row, onApply }: CounterfactualProps) {
  const refresh = useRefreshExplanations();
  const [form, setForm] = useState(() => explainForm('counterfactual', job.dataset_id, job.version, 1));
  const [id, setId] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const explanation = useExplanation(id);
  const numbers = predictsNumbers(job);
  const errors = explainErrors(form, numbers);
  const fault = errors.wanted;
  const ask = async () => {
    if (busy || fault) return;
    setBusy(true);
    setError(null);
    try {
      const { data } = await createExplanation({ body: explainBody(form, { automl_id: job.automl_id }, [row], numbers) });
      setId(data.explanation_id);
      await refresh();
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };
  const found = explanation.data?.result?.kind === 'counterfactual' ? (explanation.data.result.rows[0]?.found ?? []) : [];
  return (
    <Card title="What would have to be different?">
      <Needs permission="experiments:write" instead={<DeniedHint permission="experiments:write" label="Why can I not ask this?" />}>
        <div className="flex flex-col items-start gap-3">
          <div className="w-full min-w-0">
            <Wanted form={form} errors={errors} change={(part) => setForm({ ...form, ...part })} classes={results.classes} numbers={numbers} />
          </div>
          <Button size="md" busy={busy} disabled={Boolean(fault)} onClick={() => void ask()}>
            Find out
          </Button>
        </div>
      </Needs>
      {error ? <ErrorNote className="mt-3" {...describeError(error)} /> : null}
      {explanation.isError ? <ErrorNote className="mt-3" {...describeError(explanation.error)} onRetry={() => void explanation.refetch()} /> : null}
      {explanation.data ? (
        <div className="mt-3">
          <ExplanationView explanation={explanation.data} parts={{}} onParts={() => undefined} />
          {found.length > 0 ? (
            <div className="mt-2 flex flex-wrap gap-2">
              {found.map((f, at) => (
                <Button key={at} onClick={() => onApply(Object.fromEntries(f.changes.map((c) => [c.column, asCell(c.to)])))}>
                  Try {found.length > 1 ? `possibility ${at + 1}` : formatCount(f.changes.length, 'change')}
                </Button>
              ))}
            </div>
          ) : null}
        </div>
      ) : null}
    </Card>
  );
}
