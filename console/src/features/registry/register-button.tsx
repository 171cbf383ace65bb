import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Box } from 'lucide-react';
import { useState } from 'react';
import { mlflowCreateModelVersion, mlflowCreateRegisteredModel, mlflowGetRun, mlflowSearchRegisteredModels } from '~/api';
import { ApiError } from '~/app/errors';
import { useCan, useProject } from '~/app/project';
import { Button } from '~/ui/button';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { toast } from '~/ui/toast';
import { useRefreshRegistry } from './data';
import { modelNameError, modelNameMax } from './rules';

/** A logged model, or a folder of a run that holds one (as clients before 3.0 write it). */
type Origin = { modelId: string; runId?: string | undefined } | { runId: string; path: string };

/** Puts a model into the registry: a first version under a new name, or the next one under a name that is there. */
export function RegisterButton({ origin }: { origin: Origin }) {
  const project = useProject();
  const navigate = useNavigate();
  const refresh = useRefreshRegistry();
  const [open, setOpen] = useState(false);
  const [name, setName] = useState('');
  const may = useCan('models:write');
  const known = useQuery({
    queryKey: ['models', project, 'names'],
    queryFn: async () => ((await mlflowSearchRegisteredModels({ query: { max_results: 1000 } })).data.registered_models ?? []).map((m) => m.name),
    enabled: open,
  });
  const problem = modelNameError(name);
  const exists = known.data?.includes(name.trim());
  const register = async () => {
    const model = name.trim();
    if (!exists) {
      await mlflowCreateRegisteredModel({ body: { name: model } }).catch((error: unknown) => {
        // Somebody made it meanwhile: then this becomes its next version.
        if (!(error instanceof ApiError && error.code === 'resource_already_exists')) throw error;
      });
    }
    const { data } = await mlflowCreateModelVersion({ body: { name: model, ...(await sourceOf(origin)) } });
    await refresh();
    const version = data.model_version.version;
    toast('done', `Registered ${model}, version ${version}`);
    await navigate({ to: '/p/$project/models/$name/versions/$version', params: { project, name: model, version } });
  };
  if (!may) return null;
  return (
    <>
      <Button
        onClick={() => {
          setName('');
          setOpen(true);
        }}
      >
        <Box className="size-3.5" /> Register
      </Button>
      <FormDialog open={open} onOpenChange={setOpen} title="Register this model" action={exists ? 'Add version' : 'Register model'} valid={!problem} onSubmit={register}>
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
      </FormDialog>
    </>
  );
}

async function sourceOf(origin: Origin) {
  if ('modelId' in origin) return { source: `models:/${origin.modelId}`, model_id: origin.modelId, ...(origin.runId ? { run_id: origin.runId } : {}) };
  const { data } = await mlflowGetRun({ query: { run_id: origin.runId } });
  return { source: `${data.run.info.artifact_uri}/${origin.path}`, run_id: origin.runId };
}
