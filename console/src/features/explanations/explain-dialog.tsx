import { useState } from 'react';
import { createExplanation, type AutomlJob, type AutomlResults, type Explanation, type ExplanationKind } from '~/api';
import { FormDialog } from '~/ui/dialog';
import { useRefreshExplanations } from './data';
import { ExplainFields } from './explain-fields';
import { explainBody, explainErrors, explainForm, kindNames, predictsNumbers } from './request';

interface ExplainJobProps {
  job: AutomlJob;
  results: AutomlResults;
  kind: ExplanationKind;
  onClose: () => void;
  onMade: (explanation: Explanation) => void;
}

/** Asks for an explanation of a search's model, by rows of one's choice. */
export function ExplainJob({ job, results, kind, onClose, onMade }: ExplainJobProps) {
  const refresh = useRefreshExplanations();
  const [form, setForm] = useState(() => explainForm(kind, job.dataset_id, job.version, results.sample.length));
  const numbers = predictsNumbers(job);
  const errors = explainErrors(form, numbers);
  return (
    <FormDialog
      wide
      open
      onOpenChange={(open) => !open && onClose()}
      title={kindNames[kind]}
      action="Explain"
      valid={Object.keys(errors).length === 0}
      onSubmit={async () => {
        const { data } = await createExplanation({ body: explainBody(form, { automl_id: job.automl_id }, results.sample, numbers) });
        await refresh();
        onMade(data);
      }}
    >
      <ExplainFields
        form={form}
        errors={errors}
        change={(part) => setForm({ ...form, ...part })}
        sample={results.sample.length}
        classes={results.classes}
        numbers={numbers}
        columns={results.columns.map((c) => c.name)}
      />
    </FormDialog>
  );
}

