import { useQuery } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { FolderOpen } from 'lucide-react';
import { useState } from 'react';
import { createProject } from '~/api';
import { useCanInOrganization, useMe } from '~/app/project';
import { organizationsQuery, useSwitchOrganization } from '~/app/project-switcher';
import { meQuery, queryClient } from '~/app/queries';
import { signOutHere } from '~/app/sign-out';
import { Button } from '~/ui/button';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { Empty } from '~/ui/states';
import { nameError, nameMax } from '../access/rules';

/** Where one is when there is no project to enter: make one, or go to another organisation. */
export function NoProject() {
  const router = useRouter();
  const me = useMe();
  const may = useCanInOrganization('projects:manage');
  const [making, setMaking] = useState(false);
  const organizations = useQuery(organizationsQuery);
  const change = useSwitchOrganization();
  return (
    <main className="flex min-h-dvh flex-col justify-center">
      <Empty
        icon={<FolderOpen />}
        title={`You are in no project of ${me?.organization.name ?? 'this organisation'} yet`}
        actions={
          <>
            {may ? (
              <Button variant="primary" onClick={() => setMaking(true)}>
                Make a project
              </Button>
            ) : null}
            {organizations.data
              ?.filter((o) => !o.current)
              .map((o) => (
                <Button key={o.id} onClick={() => void change(o)}>
                  Go to {o.name}
                </Button>
              ))}
            <Button variant="ghost" onClick={() => void signOutHere(router)}>
              Sign out
            </Button>
          </>
        }
      >
        {may ? 'Experiments, models and keys live in projects.' : 'Ask an owner or administrator of your organisation to let you into one.'}
      </Empty>
      {making ? <FirstProject onClose={() => setMaking(false)} /> : null}
    </main>
  );
}

function FirstProject({ onClose }: { onClose: () => void }) {
  const router = useRouter();
  const [name, setName] = useState('Default');
  const problem = nameError('A name', name);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="New project"
      action="Create project"
      valid={!problem}
      onSubmit={async () => {
        const { data } = await createProject({ body: { name: name.trim() } });
        await queryClient.invalidateQueries({ queryKey: meQuery.queryKey });
        await router.navigate({ to: '/p/$project', params: { project: data.slug } });
      }}
    >
      <Field label="Name" error={problem} count={{ length: name.length, max: nameMax }}>
        {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
    </FormDialog>
  );
}
