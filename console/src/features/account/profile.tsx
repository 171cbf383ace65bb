import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { changeEmail, updateMe } from '~/api';
import { useMe } from '~/app/project';
import { authOptionsQuery, meQuery, queryClient } from '~/app/queries';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { Loading } from '~/ui/states';
import { toast } from '~/ui/toast';
import { emailError, nameError, nameMax } from '../access/rules';

export function ProfilePage() {
  const me = useMe();
  const options = useQuery(authOptionsQuery);
  const [renaming, setRenaming] = useState(false);
  const [moving, setMoving] = useState(false);
  const [sent, setSent] = useState<string | null>(null);
  if (!me?.user) return <Loading label="Loading your profile" />;
  return (
    <Card flush title="Profile">
      <div className="divide-y">
        <Row label="Name" value={me.user.name} action={<Button onClick={() => setRenaming(true)}>Change name</Button>} />
        <Row
          label="E-mail address"
          value={me.user.email}
          note={sent ? `A letter is on its way to ${sent}. The address changes when its link is opened.` : undefined}
          action={options.data?.mail ? <Button onClick={() => setMoving(true)}>Change address</Button> : null}
        />
      </div>
      {renaming ? <Rename before={me.user.name} onClose={() => setRenaming(false)} /> : null}
      {moving ? <Move before={me.user.email} onClose={() => setMoving(false)} onSent={setSent} /> : null}
    </Card>
  );
}

export function Row({ label, value, note, action }: { label: string; value: React.ReactNode; note?: string | undefined; action?: React.ReactNode }) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-3 px-4 py-3">
      <div className="min-w-0 flex-1 basis-52">
        <div className="text-xs text-muted">{label}</div>
        <div className="wrap-anywhere">{value}</div>
        {note ? (
          <p role="status" className="mt-1 text-xs text-accent">
            {note}
          </p>
        ) : null}
      </div>
      {action}
    </div>
  );
}

function Rename({ before, onClose }: { before: string; onClose: () => void }) {
  const [name, setName] = useState(before);
  const problem = nameError('Your name', name);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Your name"
      action="Save"
      valid={!problem && name.trim() !== before}
      onSubmit={async () => {
        await updateMe({ body: { name: name.trim() } });
        await queryClient.invalidateQueries({ queryKey: meQuery.queryKey });
        toast('done', 'Your name is changed');
      }}
    >
      <Field label="Name" error={problem} count={{ length: name.length, max: nameMax }}>
        {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} autoComplete="name" />}
      </Field>
    </FormDialog>
  );
}

function Move({ before, onClose, onSent }: { before: string; onClose: () => void; onSent: (email: string) => void }) {
  const [email, setEmail] = useState('');
  const problem = email === '' ? null : emailError(email);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Change your e-mail address"
      description={`A letter with a link goes to the new address. Until it is opened, ${before} stays.`}
      action="Send the letter"
      valid={email.trim() !== '' && !problem && email.trim() !== before}
      onSubmit={async () => {
        await changeEmail({ body: { email: email.trim() } });
        onSent(email.trim());
      }}
    >
      <Field label="New address" error={problem}>
        {(ids) => <Input {...ids} type="email" value={email} onChange={(e) => setEmail(e.target.value)} autoComplete="email" inputMode="email" autoCapitalize="off" />}
      </Field>
    </FormDialog>
  );
}
