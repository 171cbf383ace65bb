import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { createExplanation } from '~/api';
import { useProject } from '~/app/project';
import { explanationKinds } from '~/app/searches';
import { FormDialog } from '~/ui/dialog';
import { Field, Input, Select } from '~/ui/field';
import { useJobs } from '../automl/data';
import { modelNameError } from '../registry/rules';
import { useModels } from '../registry/data';
import { useRefreshExplanations } from './data';
import { ExplainFields } from './explain-fields';
import { emptyModel, modelErrors, modelRef, type ModelForm } from './model-form';
import { explainBody, explainErrors, explainForm, kindNames, predictsNumbers } from './request';

const boxClass = 'h-8 max-w-full text-sm';

/** Asks for an explanation of any model there is: of a search, a registered one, or a file of a run. */
export function NewExplanation({ start, onClose }: { start?: ModelForm; onClose: () => void }) {
  const project = useProject();
  const navigate = useNavigate();
  const refresh = useRefreshExplanations();
  const jobs = useJobs({ state: 'succeeded' });
  const searches = jobs.data?.pages.flatMap((p) => p.items) ?? [];
  const [model, setModel] = useState<ModelForm>(start ?? emptyModel());
  const [form, setForm] = useState(() => explainForm('shap', '', null, 0));
  const job = model.kind === 'automl' ? searches.find((j) => j.automl_id === model.automl) : undefined;
  const numbers = job ? predictsNumbers(job) : null;
  // A search knows the data it learnt from: its rows are what one begins with.
  const filled = form.dataset === '' && job ? { ...form, dataset: job.dataset_id, version: job.version } : form;
  const errors = explainErrors(filled, numbers);
  const wrong = modelErrors(model);
  return (
    <FormDialog
      wide
      open
      onOpenChange={(open) => !open && onClose()}
      title="New explanation"
      action="Explain"
      valid={Object.keys(errors).length === 0 && Object.keys(wrong).length === 0}
      onSubmit={async () => {
        const { data } = await createExplanation({ body: explainBody(filled, modelRef(model), [], numbers) });
        await refresh();
        await navigate({ to: '/p/$project/automl/explanations/$explanationId', params: { project, explanationId: data.explanation_id } });
      }}
    >
      <ModelFields model={model} change={(part) => setModel({ ...model, ...part })} searches={searches} />
      <Field label="Kind">
        {(ids) => (
          <Select
            {...ids}
            className={boxClass}
            value={form.kind}
            onChange={(e) => {
              const kind = explanationKinds.find((k) => k === e.target.value) ?? 'shap';
              const { count } = explainForm(kind, '', null, 0);
              setForm({ ...form, kind, count });
            }}
          >
            {explanationKinds.map((k) => (
              <option key={k} value={k}>
                {kindNames[k]}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <ExplainFields form={filled} errors={errors} change={(part) => setForm({ ...filled, ...part })} sample={0} classes={job?.plan?.classes ?? []} numbers={numbers} columns={job?.plan?.columns ?? []} />
    </FormDialog>
  );
}

interface ModelFieldsProps {
  model: ModelForm;
  change: (change: Partial<ModelForm>) => void;
  searches: readonly { automl_id: string; name: string }[];
}

function ModelFields({ model, change, searches }: ModelFieldsProps) {
  const models = useModels('');
  const names = models.data?.pages.flatMap((p) => p.registered_models ?? []).map((m) => m.name) ?? [];
  const errors = modelErrors(model);
  return (
    <>
      <Field label="Model">
        {(ids) => (
          <Select {...ids} className={boxClass} value={model.kind} onChange={(e) => change({ kind: (['automl', 'registered', 'file'] as const).find((k) => k === e.target.value) ?? 'automl' })}>
            <option value="automl">Of a search</option>
            <option value="registered">A registered one</option>
            <option value="file">A file of a run</option>
          </Select>
        )}
      </Field>
      {model.kind === 'automl' ? (
        <Field label="Search" hint={searches.length === 0 ? 'No search has ended with a model yet.' : undefined}>
          {(ids) => (
            <Select {...ids} className={boxClass} value={model.automl} onChange={(e) => change({ automl: e.target.value })}>
              <option value="">Choose…</option>
              {searches.map((j) => (
                <option key={j.automl_id} value={j.automl_id}>
                  {j.name}
                </option>
              ))}
            </Select>
          )}
        </Field>
      ) : null}
      {model.kind === 'registered' ? (
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label="Registered model" error={model.name === '' ? null : modelNameError(model.name)}>
            {(ids) => (
              <>
                <Input {...ids} list={`${ids.id}-known`} autoComplete="off" value={model.name} onChange={(e) => change({ name: e.target.value })} />
                <datalist id={`${ids.id}-known`}>
                  {names.map((n) => (
                    <option key={n} value={n} />
                  ))}
                </datalist>
              </>
            )}
          </Field>
          <Field label="Version or @alias" optional error={errors.version} hint="Left open: the champion, or the newest.">
            {(ids) => <Input {...ids} value={model.version} onChange={(e) => change({ version: e.target.value })} />}
          </Field>
        </div>
      ) : null}
      {model.kind === 'file' ? (
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label="Run id" error={model.run === '' ? null : errors.run}>
            {(ids) => <Input {...ids} className="font-mono" value={model.run} onChange={(e) => change({ run: e.target.value })} />}
          </Field>
          <Field label="Path of the file" error={model.path === '' ? null : errors.path} hint="LightGBM text, XGBoost JSON or UBJSON, ONNX trees, or .rhiza.">
            {(ids) => <Input {...ids} placeholder="model/model.txt" value={model.path} onChange={(e) => change({ path: e.target.value })} />}
          </Field>
        </div>
      ) : null}
    </>
  );
}
