import { X } from 'lucide-react';
import { Checkbox, Field, Input, Select } from '~/ui/field';
import { families, familyName } from './names';
import type { PartProps } from './start-page';

/** Settings with good defaults. */
export function StartMore({ form, errors, change, version }: PartProps) {
  const columns = version?.schema?.columns ?? [];
  const others = columns.filter((c) => c.name !== form.target);
  return (
    <div className="flex flex-col gap-3">
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label="Trials at most" optional error={errors.trials} hint="With a number of trials and a seed, the result is the same on any machine.">
          {(ids) => <Input {...ids} inputMode="numeric" value={form.trials} onChange={(e) => change({ trials: e.target.value })} />}
        </Field>
        <Field label="Seed" optional error={errors.seed}>
          {(ids) => <Input {...ids} inputMode="numeric" placeholder="0" value={form.seed} onChange={(e) => change({ seed: e.target.value })} />}
        </Field>
        <Field label="Folds" optional error={errors.folds} hint="Left open: more for small tables, one for large ones.">
          {(ids) => <Input {...ids} inputMode="numeric" value={form.folds} onChange={(e) => change({ folds: e.target.value })} />}
        </Field>
        <Field label="Set apart, in percent" error={errors.holdOut} hint="Rows the search never sees; the finished model is judged by them, once.">
          {(ids) => <Input {...ids} inputMode="decimal" value={form.holdOut} onChange={(e) => change({ holdOut: e.target.value })} />}
        </Field>
        <Field label="Ordered in time by" error={errors.time} hint="Learns from the past and judges by the future.">
          {(ids) => (
            <Select {...ids} className="h-8 max-w-full text-sm" value={form.time} onChange={(e) => change({ time: e.target.value })}>
              <option value="">Rows have no order</option>
              {others
                .filter((c) => c.type === 'datetime' || c.type === 'numeric')
                .map((c) => (
                  <option key={c.name} value={c.name}>
                    {c.name}
                  </option>
                ))}
            </Select>
          )}
        </Field>
        <Field label="Rows belong together by" error={errors.group} hint="Rows of a group stay on one side: of a patient, a household, a machine.">
          {(ids) => (
            <Select {...ids} className="h-8 max-w-full text-sm" value={form.group} onChange={(e) => change({ group: e.target.value })}>
              <option value="">Every row is its own</option>
              {others.map((c) => (
                <option key={c.name} value={c.name}>
                  {c.name}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Experiment" optional error={errors.experiment} hint="Each trial becomes a run in it.">
          {(ids) => <Input {...ids} placeholder="automl/ and the dataset’s name" value={form.experiment} onChange={(e) => change({ experiment: e.target.value })} />}
        </Field>
        <Field label="Not learnt from" error={errors.ignore}>
          {(ids) => (
            <Select {...ids} className="h-8 max-w-full text-sm" value="" onChange={(e) => change({ ignore: [...form.ignore, e.target.value] })}>
              <option value="">{form.ignore.length === 0 ? 'Every column counts' : 'Add a column…'}</option>
              {others
                .filter((c) => !form.ignore.includes(c.name))
                .map((c) => (
                  <option key={c.name} value={c.name}>
                    {c.name}
                  </option>
                ))}
            </Select>
          )}
        </Field>
      </div>
      {form.ignore.length > 0 ? (
        <ul aria-label="Columns not learnt from" className="flex flex-wrap gap-1.5">
          {form.ignore.map((name) => (
            <li key={name} className="inline-flex max-w-full items-center rounded-md border bg-sunken pl-2 text-xs">
              <span className="truncate">{name}</span>
              <button type="button" aria-label={`Learn from ${name} again`} onClick={() => change({ ignore: form.ignore.filter((c) => c !== name) })} className="flex size-6 items-center justify-center text-faint hover:text-danger pointer-coarse:size-9">
                <X className="size-3.5" />
              </button>
            </li>
          ))}
        </ul>
      ) : null}
      <fieldset aria-describedby={errors.families ? 'families-fault' : undefined}>
        <legend className="pb-1 text-xs font-medium text-muted">Kinds of models</legend>
        <div className="flex flex-wrap gap-x-4 gap-y-1.5">
          {families.map((f) => (
            <Checkbox
              key={f}
              label={familyName(f)}
              showLabel
              checked={form.families.includes(f)}
              onChange={(e) => change({ families: families.filter((x) => (x === f ? e.target.checked : form.families.includes(x))) })}
            />
          ))}
        </div>
        {errors.families ? (
          <p id="families-fault" className="text-xs text-danger">
            {errors.families}
          </p>
        ) : null}
      </fieldset>
      <Checkbox label="Blend the best models into one; else the best alone is the model" showLabel checked={form.blend} onChange={(e) => change({ blend: e.target.checked })} />
    </div>
  );
}
