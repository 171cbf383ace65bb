import { useRouter } from '@tanstack/react-router';
import { Download } from 'lucide-react';
import { useState } from 'react';
import { deleteMe } from '~/api';
import { client } from '~/api/client.gen';
import { useMe } from '~/app/project';
import { queryClient } from '~/app/queries';
import { Button, buttonClass } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';

export function DataPage() {
  const me = useMe();
  const router = useRouter();
  const [deleting, setDeleting] = useState(false);
  const [typed, setTyped] = useState('');
  const email = me?.user?.email ?? '';
  return (
    <div className="grid gap-4">
      <Card title="Your data">
        <div className="flex flex-wrap items-center justify-between gap-3">
          <p className="min-w-0 flex-1 basis-52 text-muted">Everything this server keeps about you, as one JSON file.</p>
          <a className={buttonClass()} href={client.buildUrl({ url: '/api/v1/me/export' })} download>
            <Download aria-hidden className="size-3.5" /> Download
          </a>
        </div>
      </Card>
      <Card title="Delete your account">
        <div className="flex flex-wrap items-center justify-between gap-3">
          <p className="min-w-0 flex-1 basis-52 text-muted">
            Your profile, sessions, keys and ways to sign in are deleted. What you made in organisations stays with them. An organisation that has you as its last owner must get another one first.
          </p>
          <Button variant="danger" onClick={() => setDeleting(true)}>
            Delete account
          </Button>
        </div>
      </Card>
      <FormDialog
        open={deleting}
        onOpenChange={(open) => {
          setDeleting(open);
          setTyped('');
        }}
        title="Delete your account?"
        description="This cannot be undone."
        action="Delete my account"
        danger
        valid={typed.trim().toLowerCase() === email.toLowerCase()}
        onSubmit={async () => {
          await deleteMe();
          queryClient.clear();
          await router.navigate({ to: '/sign-in', search: { done: 'deleted' } });
        }}
      >
        <Field label={`Type ${email} to go on`}>{(ids) => <Input {...ids} value={typed} onChange={(e) => setTyped(e.target.value)} autoComplete="off" autoCapitalize="off" />}</Field>
      </FormDialog>
    </div>
  );
}
