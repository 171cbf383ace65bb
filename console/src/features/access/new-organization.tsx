import { useState } from 'react';
import { createOrganization, type MyOrganization } from '~/api';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { nameError, nameMax } from './rules';

/** Makes an organisation that one owns, and goes there. */
export default function NewOrganization({ onClose, onMade }: { onClose: () => void; onMade: (organization: MyOrganization) => Promise<void> }) {
  const [name, setName] = useState('');
  const problem = name === '' ? null : nameError('A name', name);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="New organisation"
      description="You become its owner. People, projects and models of one organisation are invisible to every other."
      action="Create organisation"
      valid={name.trim() !== '' && !problem}
      onSubmit={async () => onMade((await createOrganization({ body: { name: name.trim() } })).data)}
    >
      <Field label="Name" error={problem} count={{ length: name.length, max: nameMax }}>
        {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} autoComplete="organization" />}
      </Field>
    </FormDialog>
  );
}
