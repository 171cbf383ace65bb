import { useNavigate } from '@tanstack/react-router';
import { useQueryClient } from '@tanstack/react-query';
import { Play, RotateCcw, Square, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { cancelAutoml, deleteAutomlJob, resumeAutoml, type AutomlJob } from '~/api';
import { Needs } from '~/app/needs';
import { useProject } from '~/app/project';
import { Button } from '~/ui/button';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { formatCount } from '~/ui/format';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { toast } from '~/ui/toast';
import { jobQuery, useRefreshAutoml } from './data';
import { isGoing } from './names';
import { secondsError, trialsError } from './start';

/** What can be done with a search: stop it, go on with it, start one like it, remove it. */
export function JobActions({ job }: { job: AutomlJob }) {
  const project = useProject();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const refresh = useRefreshAutoml();
  const [asking, setAsking] = useState<'cancel' | 'resume' | 'delete' | null>(null);
  const close = (open: boolean) => !open && setAsking(null);
  const take = (next: AutomlJob) => {
    queries.setQueryData(jobQuery(project, next.automl_id).queryKey, next);
    return refresh();
  };
  const path = { automl_id: job.automl_id };
  const going = isGoing(job.state);
  return (
    <Needs permission="experiments:write">
      {going ? (
        <Button onClick={() => setAsking('cancel')}>
          <Square className="size-3.5" /> Cancel
        </Button>
      ) : null}
      {job.state === 'cancelled' || job.state === 'failed' ? (
        <Button variant="primary" onClick={() => setAsking('resume')}>
          <Play className="size-3.5" /> Resume
        </Button>
      ) : null}
      <ActionsMenu name={job.name}>
        <MenuItem
          icon={<RotateCcw />}
          onSelect={() => void navigate({ to: '/p/$project/automl/new', params: { project }, search: { dataset: job.dataset_id, version: job.version, target: job.target } })}
        >
          New search on this data
        </MenuItem>
        <MenuItem icon={<Trash2 />} danger disabled={going} onSelect={() => setAsking('delete')}>
          Delete
        </MenuItem>
      </ActionsMenu>
      <FormDialog
        open={asking === 'cancel'}
        onOpenChange={close}
        title={`Cancel ${job.name}?`}
        description={`${formatCount(job.trials, 'trial')} so far ${job.trials === 1 ? 'stays' : 'stay'}. The search can be resumed, or a model made of what there is.`}
        action="Cancel the search"
        danger
        onSubmit={async () => take((await cancelAutoml({ path })).data)}
      />
      {asking === 'resume' ? <Resume job={job} onClose={() => setAsking(null)} onResumed={take} /> : null}
      <FormDialog
        open={asking === 'delete'}
        onOpenChange={close}
        title={`Delete ${job.name}?`}
        description="The search, its results and its model’s file are gone for good. Runs and registered models stay."
        action="Delete search"
        danger
        onSubmit={async () => {
          await deleteAutomlJob({ path });
          toast('done', `Deleted ${job.name}`);
          await navigate({ to: '/p/$project/automl', params: { project } });
          await refresh();
        }}
      />
    </Needs>
  );
}

function Resume({ job, onClose, onResumed }: { job: AutomlJob; onClose: () => void; onResumed: (job: AutomlJob) => Promise<unknown> }) {
  const [how, setHow] = useState<'search' | 'finish'>('search');
  const [seconds, setSeconds] = useState('60');
  const [trials, setTrials] = useState('');
  const errors = how === 'search' ? { seconds: secondsError(seconds), trials: trialsError(trials) } : { seconds: null, trials: null };
  const resume = async () => {
    const body = how === 'finish' ? { seconds: 0 } : { seconds: Number(seconds), ...(trials.trim() ? { trials: Number(trials) } : {}) };
    await onResumed((await resumeAutoml({ path: { automl_id: job.automl_id }, body })).data);
  };
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Resume ${job.name}`}
      description={`${formatCount(job.trials, 'trial')} ${job.trials === 1 ? 'is' : 'are'} there and will not be made again.`}
      action={how === 'finish' ? 'Make the model' : 'Go on'}
      valid={!errors.seconds && !errors.trials}
      onSubmit={resume}
    >
      <fieldset className="flex flex-col gap-2">
        <legend className="sr-only">How to go on</legend>
        {(['search', 'finish'] as const).map((way) => (
          <label key={way} className="inline-flex items-center gap-2">
            <input type="radio" name="how" checked={how === way} disabled={way === 'finish' && job.trials === 0} onChange={() => setHow(way)} className="accent-(--accent)" />
            {way === 'search' ? 'Go on searching' : 'Make the model from what there is'}
          </label>
        ))}
      </fieldset>
      {how === 'search' ? (
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label="Further time, in seconds" error={errors.seconds}>
            {(ids) => <Input {...ids} inputMode="numeric" value={seconds} onChange={(e) => setSeconds(e.target.value)} />}
          </Field>
          <Field label="Trials at most" optional error={errors.trials} hint="With those there are.">
            {(ids) => <Input {...ids} inputMode="numeric" value={trials} onChange={(e) => setTrials(e.target.value)} />}
          </Field>
        </div>
      ) : null}
    </FormDialog>
  );
}
