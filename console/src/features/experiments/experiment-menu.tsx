import { useQueryClient } from '@tanstack/react-query';
import { Pencil, RotateCcw, Tags as TagsIcon, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { mlflowDeleteExperiment, mlflowDeleteExperimentTag, mlflowRestoreExperiment, mlflowSetExperimentTag, mlflowUpdateExperiment } from '~/api';
import { Needs } from '~/app/needs';
import { Dialog, FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { ownTags, Tags } from '~/ui/tags';
import { toast } from '~/ui/toast';
import { nameError, nameMax } from './name';

interface ExperimentMenuProps {
  experimentId: string;
  name: string;
  deleted: boolean;
  tags: { key?: string; value?: string }[];
}

export function ExperimentMenu({ experimentId, name, deleted, tags }: ExperimentMenuProps) {
  const client = useQueryClient();
  const [asking, setAsking] = useState<'rename' | 'delete' | 'restore' | 'tags' | null>(null);
  const [newName, setNewName] = useState(name);
  const fresh = () => Promise.all([client.invalidateQueries({ queryKey: ['experiments'] }), client.invalidateQueries({ queryKey: ['experiment'] })]);
  const close = (open: boolean) => !open && setAsking(null);
  const body = { experiment_id: experimentId };
  const problem = nameError(newName);
  return (
    <>
      <Needs permission="experiments:write">
      <ActionsMenu name={name}>
        <MenuItem
          icon={<Pencil />}
          disabled={deleted}
          onSelect={() => {
            setNewName(name);
            setAsking('rename');
          }}
        >
          Rename
        </MenuItem>
        <MenuItem icon={<TagsIcon />} disabled={deleted} onSelect={() => setAsking('tags')}>
          Tags
        </MenuItem>
        {deleted ? (
          <MenuItem icon={<RotateCcw />} onSelect={() => setAsking('restore')}>
            Restore
          </MenuItem>
        ) : (
          <MenuItem icon={<Trash2 />} danger disabled={experimentId === '0'} onSelect={() => setAsking('delete')}>
            Delete
          </MenuItem>
        )}
      </ActionsMenu>
      </Needs>
      <FormDialog
        open={asking === 'rename'}
        onOpenChange={close}
        title={`Rename ${name}`}
        action="Rename"
        valid={!problem && newName !== name}
        onSubmit={async () => {
          await mlflowUpdateExperiment({ body: { ...body, new_name: newName.trim() } });
          await fresh();
        }}
      >
        <Field label="Name" error={newName === name ? null : problem} count={{ length: newName.length, max: nameMax }}>
          {(ids) => <Input {...ids} value={newName} onChange={(e) => setNewName(e.target.value)} />}
        </Field>
      </FormDialog>
      <FormDialog
        open={asking === 'delete'}
        onOpenChange={close}
        title={`Delete ${name}?`}
        description="The experiment and all its runs leave the lists. They can be restored until the server collects them."
        action="Delete experiment"
        danger
        onSubmit={async () => {
          await mlflowDeleteExperiment({ body });
          toast('done', `Deleted ${name}`);
          await fresh();
        }}
      />
      <FormDialog
        open={asking === 'restore'}
        onOpenChange={close}
        title={`Restore ${name}?`}
        description="The experiment and its runs show up among the active ones again."
        action="Restore experiment"
        onSubmit={async () => {
          await mlflowRestoreExperiment({ body });
          toast('done', `Restored ${name}`);
          await fresh();
        }}
      />
      <Dialog open={asking === 'tags'} onOpenChange={close} title={`Tags of ${name}`} description="Labels to find and group experiments by.">
        <Tags
          tags={ownTags(tags)}
          maxValue={5000}
          onSet={async (tag) => {
            await mlflowSetExperimentTag({ body: { ...body, ...tag } });
            await fresh();
          }}
          onDelete={async (key) => {
            await mlflowDeleteExperimentTag({ body: { ...body, key } });
            await fresh();
          }}
        />
      </Dialog>
    </>
  );
}
