import { Link, useNavigate } from '@tanstack/react-router';
import { useQueryClient } from '@tanstack/react-query';
import { GitCompareArrows, Pencil, RotateCcw, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { mlflowDeleteRun, mlflowRestoreRun, mlflowUpdateRun, type MlflowRun } from '~/api';
import { Needs } from '~/app/needs';
import { useProject } from '~/app/project';
import { buttonClass } from '~/ui/button';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { toast } from '~/ui/toast';
import { useChildRuns } from './data';

export function RunMenu({ run, onChanged }: { run: MlflowRun; onChanged: () => Promise<unknown> }) {
  const project = useProject();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [asking, setAsking] = useState<'rename' | 'delete' | 'restore' | null>(null);
  const [name, setName] = useState('');
  const children = useChildRuns(run);
  const runId = run.info.run_id;
  const runName = run.info.run_name;
  const deleted = run.info.lifecycle_stage === 'deleted';
  const close = (open: boolean) => !open && setAsking(null);
  const fresh = () => Promise.all([onChanged(), client.invalidateQueries({ queryKey: ['runs', project] })]);
  const childIds = (children.data ?? []).map((c) => c.run_id);
  return (
    <>
      {childIds.length > 1 ? (
        <Link to="/p/$project/compare" params={{ project }} search={{ runs: childIds.slice(0, 50) }} className={buttonClass()}>
          <GitCompareArrows className="size-3.5" /> Compare children
        </Link>
      ) : null}
      <Needs permission="experiments:write">
      <ActionsMenu name={runName}>
        <MenuItem
          icon={<Pencil />}
          disabled={deleted}
          onSelect={() => {
            setName(runName);
            setAsking('rename');
          }}
        >
          Rename
        </MenuItem>
        {deleted ? (
          <MenuItem icon={<RotateCcw />} onSelect={() => setAsking('restore')}>
            Restore
          </MenuItem>
        ) : (
          <MenuItem icon={<Trash2 />} danger onSelect={() => setAsking('delete')}>
            Delete
          </MenuItem>
        )}
      </ActionsMenu>
      </Needs>
      <FormDialog
        open={asking === 'rename'}
        onOpenChange={close}
        title={`Rename ${runName}`}
        action="Rename"
        valid={name.trim() !== '' && name !== runName}
        onSubmit={async () => {
          await mlflowUpdateRun({ body: { run_id: runId, run_name: name.trim() } });
          await fresh();
        }}
      >
        <Field label="Name">{(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} />}</Field>
      </FormDialog>
      <FormDialog
        open={asking === 'delete'}
        onOpenChange={close}
        title={`Delete ${runName}?`}
        description="The run leaves the lists. It can be restored until the server collects it."
        action="Delete run"
        danger
        onSubmit={async () => {
          await mlflowDeleteRun({ body: { run_id: runId } });
          toast('done', `Deleted ${runName}`);
          await fresh();
          await navigate({ to: '/p/$project/experiments/$experimentId', params: { project, experimentId: run.info.experiment_id } });
        }}
      />
      <FormDialog
        open={asking === 'restore'}
        onOpenChange={close}
        title={`Restore ${runName}?`}
        description="The run shows up among the active ones again."
        action="Restore run"
        onSubmit={async () => {
          await mlflowRestoreRun({ body: { run_id: runId } });
          toast('done', `Restored ${runName}`);
          await fresh();
        }}
      />
    </>
  );
}
