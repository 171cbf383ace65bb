import { useState } from 'react';
import { describeError } from '~/app/errors';
import { Needs } from '~/app/needs';
import { DeniedHint } from '~/app/why';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { Field, Input, Select } from '~/ui/field';
import { formatCount } from '~/ui/format';
import { ErrorNote } from '~/ui/states';
import { useExplanation, useRefreshExplanations } from '../explanations/data';
import { ExplanationView } from '../explanations/explanation-view';
import { explainBody, explainErrors, explainForm, predictsNumbers } from '../explanations/request';
import { createExplanation, type AutomlJob, type AutomlResults, type RecordRow } from './api-provisional';

interface CounterfactualProps {
  job: AutomlJob;
  results: AutomlResults;
  row: RecordRow;
  onApply: (changes: RecordRow) => void;
}

/** The other way round: what would have to be different for the model to say what one wants to hear. */
export function Counterfactual({ job, results, row, onApply }: CounterfactualProps) {
  const refresh = useRefreshExplanations();
  const [wanted, setWanted] = useState('');
  const [id, setId] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const explanation = useExplanation(id);
  const numbers = predictsNumbers(job);
  const form = { ...explainForm('counterfactual', job.dataset_id, job.version, 1), wanted };
  const fault = explainErrors(form, numbers).wanted;
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
            {numbers ? (
              <Field label="For the model to say" error={wanted === '' ? null : fault} hint="From one value to another, such as 10 to 20.">
                {(ids) => <Input {...ids} value={wanted} onChange={(e) => setWanted(e.target.value)} />}
              </Field>
            ) : (
              <Field label="For the model to say">
                {(ids) => (
                  <Select {...ids} className="h-8 w-full max-w-full text-sm" value={wanted} onChange={(e) => setWanted(e.target.value)}>
                    <option value="">anything else</option>
                    {results.classes.map((c) => (
                      <option key={c} value={c}>
                        {c}
                      </option>
                    ))}
                  </Select>
                )}
              </Field>
            )}
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
                <Button key={at} onClick={() => onApply(Object.fromEntries(f.changes.map((c) => [c.column, c.to])))}>
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
