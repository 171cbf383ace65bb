import type { ShapMethod } from '~/api';
import { Checkbox, Field, Input, Select } from '~/ui/field';
import { useDataset, useDatasets } from '../datasets/data';
import { nameMax } from '../automl/start';
import { kindNotes, methodNames, wantOf, type ExplainErrors, type ExplainForm } from './request';

interface ExplainFieldsProps {
  form: ExplainForm;
  errors: ExplainErrors;
  change: (change: Partial<ExplainForm>) => void;
  /** Rows of the model's own sample; 0 when it has none. */
  sample: number;
  /** Classes that may be wanted; none when they are not known, or numbers are predicted. */
  classes: readonly string[];
  numbers: boolean | null;
  /** Columns that effects may be asked of; none when they are not known. */
  columns: readonly string[];
}

const boxClass = 'h-8 max-w-full text-sm';

/** Everything about an explanation but the model. */
export function ExplainFields({ form, errors, change, sample, classes, numbers, columns }: ExplainFieldsProps) {
  return (
    <>
      <p className="text-muted">{kindNotes[form.kind]}</p>
      {sample > 0 ? (
        <fieldset className="flex flex-wrap gap-4 text-xs text-muted">
          <legend className="pb-1 font-medium">Rows</legend>
          {(['sample', 'dataset'] as const).map((from) => (
            <label key={from} className="inline-flex items-center gap-1.5">
              <input type="radio" name="from" checked={form.from === from} onChange={() => change({ from })} className="accent-(--accent)" />
              {from === 'sample' ? 'The model’s sample' : 'Rows of a dataset'}
            </label>
          ))}
        </fieldset>
      ) : null}
      {form.from === 'dataset' ? (
        <DatasetRows form={form} errors={errors} change={change} />
      ) : (
        <Field label="How many rows" error={errors.count} hint={`The sample has ${sample.toLocaleString('en-US')}.`}>
          {(ids) => <Input {...ids} inputMode="numeric" value={form.count} onChange={(e) => change({ count: e.target.value })} />}
        </Field>
      )}
      {form.kind === 'shap' ? (
        <Field label="Method">
          {(ids) => (
            <Select {...ids} className={boxClass} value={form.method} onChange={(e) => change({ method: (Object.keys(methodNames) as ShapMethod[]).find((m) => m === e.target.value) ?? 'auto' })}>
              {Object.entries(methodNames).map(([method, name]) => (
                <option key={method} value={method}>
                  {name}
                </option>
              ))}
            </Select>
          )}
        </Field>
      ) : null}
      {form.kind === 'effects' && columns.length > 0 ? <Columns form={form} errors={errors} change={change} columns={columns} /> : null}
      {form.kind === 'importance' ? (
        <Field label="Column with the truth" optional error={errors.target} hint="Left open: the column the model was made to predict.">
          {(ids) => <Input {...ids} value={form.target} onChange={(e) => change({ target: e.target.value })} />}
        </Field>
      ) : null}
      {form.kind === 'counterfactual' ? <Wanted form={form} errors={errors} change={change} classes={classes} numbers={numbers} /> : null}
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label="Name" optional error={errors.name} count={{ length: form.name.length, max: nameMax }}>
          {(ids) => <Input {...ids} value={form.name} onChange={(e) => change({ name: e.target.value })} />}
        </Field>
        <Field label="Seed" optional error={errors.seed}>
          {(ids) => <Input {...ids} inputMode="numeric" placeholder="0" value={form.seed} onChange={(e) => change({ seed: e.target.value })} />}
        </Field>
      </div>
    </>
  );
}

type PartProps = Pick<ExplainFieldsProps, 'form' | 'errors' | 'change'>;

function DatasetRows({ form, errors, change }: PartProps) {
  const datasets = useDatasets('');
  const own = useDataset(form.dataset);
  const items = datasets.data?.pages.flatMap((p) => p.items) ?? [];
  const missing = form.dataset !== '' && !items.some((d) => d.id === form.dataset);
  return (
    <div className="grid gap-3 sm:grid-cols-3">
      <Field label="Dataset" error={form.dataset === '' ? null : errors.dataset}>
        {(ids) => (
          <Select {...ids} className={boxClass} value={form.dataset} onChange={(e) => change({ dataset: e.target.value, version: null })}>
            <option value="">Choose…</option>
            {missing ? <option value={form.dataset}>{own.data?.name ?? form.dataset}</option> : null}
            {items.map((d) => (
              <option key={d.id} value={d.id}>
                {d.name}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Field label="From row" error={errors.first}>
        {(ids) => <Input {...ids} inputMode="numeric" value={form.first} onChange={(e) => change({ first: e.target.value })} />}
      </Field>
      <Field label="How many rows" error={errors.count}>
        {(ids) => <Input {...ids} inputMode="numeric" value={form.count} onChange={(e) => change({ count: e.target.value })} />}
      </Field>
    </div>
  );
}

function Columns({ form, errors, change, columns }: Pick<ExplainFieldsProps, 'form' | 'errors' | 'change' | 'columns'>) {
  return (
    <fieldset>
      <legend className="pb-1 text-xs font-medium text-muted">
        Columns <span className="font-normal text-faint">(none chosen: the six that count most)</span>
      </legend>
      <div className="flex max-h-40 flex-wrap gap-x-4 gap-y-1.5 overflow-y-auto rounded-md border p-2">
        {columns.map((c) => (
          <Checkbox key={c} label={c} showLabel checked={form.columns.includes(c)} onChange={(e) => change({ columns: columns.filter((x) => (x === c ? e.target.checked : form.columns.includes(x))) })} />
        ))}
      </div>
      {errors.columns ? (
        <p role="alert" className="mt-1 text-xs text-danger">
          {errors.columns}
        </p>
      ) : null}
    </fieldset>
  );
}

export function Wanted({ form, errors, change, classes, numbers }: PartProps & Pick<ExplainFieldsProps, 'classes' | 'numbers'>) {
  const want = wantOf(form, numbers);
  return (
    <div className="flex flex-wrap items-start gap-3">
      {numbers === false ? null : (
        <Field label="It should say">
          {(ids) => (
            <Select {...ids} className={boxClass} value={want} onChange={(e) => change({ want: (['class', 'at_least', 'at_most'] as const).find((w) => w === e.target.value) ?? 'class', wanted: '' })}>
              {numbers === true ? null : <option value="class">the class</option>}
              <option value="at_least">at least</option>
              <option value="at_most">at most</option>
            </Select>
          )}
        </Field>
      )}
      <div className="min-w-40 flex-1">
        {want === 'class' && classes.length > 0 ? (
          <Field label="Class it should say">
            {(ids) => (
              <Select {...ids} className={boxClass} value={form.wanted} onChange={(e) => change({ wanted: e.target.value })}>
                <option value="">any other</option>
                {classes.map((c) => (
                  <option key={c} value={c}>
                    {c}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        ) : (
          <Field label={want === 'class' ? 'Class' : 'Number'} optional={want === 'class'} error={form.wanted === '' ? null : errors.wanted} hint={want === 'class' ? 'Left open: any other than now.' : undefined}>
            {(ids) => <Input {...ids} {...(want === 'class' ? {} : { inputMode: 'decimal' as const })} value={form.wanted} onChange={(e) => change({ wanted: e.target.value })} />}
          </Field>
        )}
      </div>
    </div>
  );
}
