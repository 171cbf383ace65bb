import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Fingerprint, Plus } from 'lucide-react';
import { useState } from 'react';
import { deletePasskey, listPasskeys, updatePasskey, type Passkey } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { Loading } from '~/ui/states';
import { Ago } from '~/ui/time';
import { toast } from '~/ui/toast';
import { nameError, nameMax } from '../access/rules';
import { passkeyProblem, registerPasskey } from '../access/webauthn';
import { describeAgent } from './agent';

export function Passkeys() {
  const client = useQueryClient();
  const passkeys = useQuery({ queryKey: ['passkeys'], queryFn: async () => (await listPasskeys()).data.items });
  const [editing, setEditing] = useState<Passkey | 'new' | null>(null);
  const [removing, setRemoving] = useState<Passkey | null>(null);
  const fresh = () => Promise.all([client.invalidateQueries({ queryKey: ['passkeys'] }), client.invalidateQueries({ queryKey: ['security'] })]);
  return (
    <Card
      flush
      title={
        <>
          <Fingerprint aria-hidden className="size-4 text-faint" /> Passkeys
        </>
      }
      actions={
        <Button onClick={() => setEditing('new')}>
          <Plus className="size-3.5" /> Add a passkey
        </Button>
      }
    >
      {passkeys.isPending ? <Loading label="Loading passkeys" /> : null}
      {passkeys.isError ? <QueryError error={passkeys.error} onRetry={() => void passkeys.refetch()} /> : null}
      {passkeys.data?.length === 0 ? <p className="p-4 text-muted">None yet. With a passkey you sign in by fingerprint, face or the PIN of a device: nothing to remember, and nothing that a false page could steal.</p> : null}
      {passkeys.data && passkeys.data.length > 0 ? (
        <ul className="divide-y">
          {passkeys.data.map((p) => (
            <li key={p.id} className="flex items-center justify-between gap-3 px-4 py-2">
              <div className="min-w-0">
                <div className="font-medium wrap-anywhere">{p.name}</div>
                <div className="text-xs text-muted">
                  Added <Ago at={p.created_at} />, last used <Ago at={p.last_used_at} empty="never" />
                </div>
              </div>
              <ActionsMenu name={p.name}>
                <MenuItem onSelect={() => setEditing(p)}>Rename…</MenuItem>
                <MenuItem danger onSelect={() => setRemoving(p)}>
                  Remove…
                </MenuItem>
              </ActionsMenu>
            </li>
          ))}
        </ul>
      ) : null}
      {editing ? <PasskeyDialog passkey={editing} onClose={() => setEditing(null)} onDone={fresh} /> : null}
      <FormDialog
        open={removing !== null}
        onOpenChange={(open) => !open && setRemoving(null)}
        title={`Remove the passkey ${removing?.name ?? ''}?`}
        description="It no longer opens your account. The last way in cannot be removed."
        action="Remove passkey"
        danger
        onSubmit={async () => {
          if (removing) await deletePasskey({ path: { passkey_id: removing.id } });
          await fresh();
        }}
      />
    </Card>
  );
}

function PasskeyDialog({ passkey, onClose, onDone }: { passkey: Passkey | 'new'; onClose: () => void; onDone: () => Promise<unknown> }) {
  const before = passkey === 'new' ? describeAgent(navigator.userAgent) : passkey.name;
  const [name, setName] = useState(before);
  const problem = nameError('A name', name);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={passkey === 'new' ? 'Add a passkey' : 'Rename the passkey'}
      {...(passkey === 'new' ? { description: 'Your browser asks next where to keep it.' } : {})}
      action={passkey === 'new' ? 'Go on' : 'Save'}
      valid={!problem && (passkey === 'new' || name.trim() !== before)}
      onSubmit={async () => {
        if (passkey === 'new') {
          await registerPasskey(name.trim()).catch((error: unknown) => {
            const words = passkeyProblem(error);
            throw words ? new Error(words) : error;
          });
          toast('done', 'Passkey added');
        } else {
          await updatePasskey({ path: { passkey_id: passkey.id }, body: { name: name.trim() } });
        }
        await onDone();
      }}
    >
      <Field label="Name" error={problem} count={{ length: name.length, max: nameMax }} hint="To tell it from others: the device, say.">
        {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
    </FormDialog>
  );
}
