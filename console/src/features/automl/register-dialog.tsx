import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { mlflowSearchRegisteredModels, registerAutomlModel, type AutomlJob } from '~/api';
import { useProject } from '~/app/project';
import { FormDialog } from '~/ui/dialog';
import { Field, Input, Textarea } from '~/ui/field';
import { toast } from '~/ui/toast';
import { useRefreshRegistry } from '../registry/data';
import { aliasError, descriptionMax, modelNameError, modelNameMax } from '../registry/rules';
import { useRefreshAutoml } from './data';

/** Puts the finished model into the registry: a first version under a new name, or the next one under a name that is there. */
export function RegisterDialog({ job, onClose }: { job: AutomlJob; onClose: () => void }) {
  const project = useProject();
  const refreshRegistry = useRefreshRegistry();
  const refresh = useRefreshAutoml();
  const [name, setName] = useState('');
  const [alias, setAlias] = useState('');
  const [description, setDescription] = useState('');
  const known = useQuery({
    queryKey: ['models', project, 'names'],
    queryFn: async () => ((await mlflowSearchRegisteredModels({ query: { max_results: 1000 } })).data.registered_models ?? []).map((m) => m.name),
  });
  const problem = modelNameError(name);
  const aliasProblem = alias === '' ? null : aliasError(alias);
  const tooLong = description.length > descriptionMax ? `At most ${descriptionMax.toLocaleString('en-US')} characters.` : null;
  const exists = known.data?.includes(name.trim());
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Register this model"
      action={exists ? 'Add version' : 'Register model'}
      valid={!problem && !aliasProblem && !tooLong}
      onSubmit={async () => {
        const { data } = await registerAutomlModel({
          path: { automl_id: job.automl_id },
          body: { name: name.trim(), ...(alias ? { alias } : {}), ...(description.trim() ? { description: description.trim() } : {}) },
        });
        toast('done', `Registered ${data.name}, version ${data.version}`);
        await Promise.all([refresh(), refreshRegistry()]);
      }}
    >
      <Field
        label="Model name"
        error={name === '' ? null : problem}
        hint={exists ? 'This model exists: it gets its next version.' : 'A new name makes a new model; the name of one that exists adds a version to it.'}
        count={{ length: name.length, max: modelNameMax }}
      >
        {(ids) => (
          <>
            <Input {...ids} list={`${ids.id}-known`} autoComplete="off" value={name} onChange={(e) => setName(e.target.value)} />
            <datalist id={`${ids.id}-known`}>
              {known.data?.map((n) => (
                <option key={n} value={n} />
              ))}
            </datalist>
          </>
        )}
      </Field>
      <Field label="Alias" optional error={aliasProblem} hint="The version called champion answers those who name no version.">
        {(ids) => <Input {...ids} autoComplete="off" value={alias} onChange={(e) => setAlias(e.target.value)} />}
      </Field>
      <Field label="Description" optional error={tooLong} count={{ length: description.length, max: descriptionMax }}>
        {(ids) => <Textarea {...ids} rows={3} value={description} onChange={(e) => setDescription(e.target.value)} />}
      </Field>
    </FormDialog>
  );
}
