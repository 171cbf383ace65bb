import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { useState } from 'react';
import { getOrganization, leaveOrganization, updateOrganization, type Organization } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { useCanInOrganization } from '~/app/project';
import { meQuery, queryClient } from '~/app/queries';
import { Button } from '~/ui/button';
import { Card, Facts } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Ago } from '~/ui/time';
import { toast } from '~/ui/toast';
import { nameError, nameMax } from '../access/rules';
import { ReadOnly } from './shared';

interface Read {
  organization: Organization;
  etag: string | null;
}

export function OrganizationPage() {
  const client = useQueryClient();
  const read = useQuery({
    queryKey: ['organization'],
    queryFn: async (): Promise<Read> => {
      const { data, response } = await getOrganization();
      return { organization: data, etag: response.headers.get('etag') };
    },
  });
  const manage = useCanInOrganization('organization:manage');
  const secure = useCanInOrganization('security:manage');
  const [renaming, setRenaming] = useState(false);
  const [securing, setSecuring] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const router = useRouter();
  if (read.isPending) return <Loading label="Loading the organisation" />;
  if (read.isError) return <QueryError error={read.error} onRetry={() => void read.refetch()} />;
  const { organization, etag } = read.data;
  const fresh = () => Promise.all([client.invalidateQueries({ queryKey: ['organization'] }), client.invalidateQueries({ queryKey: meQuery.queryKey })]);
  const change = async (body: { name?: string; require_second_factor?: boolean }) => {
    await updateOrganization({ body, ...(etag ? { headers: { 'If-Match': etag } } : {}) });
    await fresh();
  };
  return (
    <div className="grid gap-4">
      <Card
        flush
        title="Organisation"
        actions={
          manage ? (
            <Button variant="ghost" onClick={() => setRenaming(true)}>
              Rename
            </Button>
          ) : null
        }
      >
        {manage ? null : <ReadOnly permission="organization:manage" what="Renaming it" />}
        <div className="p-4">
          <Facts
            items={[
              ['Name', organization.name],
              ['Short name', <code key="slug" className="font-mono text-xs">{organization.slug}</code>],
              ['Made', <Ago key="made" at={organization.created_at} />],
            ]}
          />
        </div>
      </Card>
      <Card flush title="Signing in">
        {secure ? null : <ReadOnly permission="security:manage" what="Changing this" />}
        <div className="flex flex-wrap items-center justify-between gap-3 p-4">
          <div className="min-w-0 flex-1 basis-64">
            <div className="flex items-center gap-2 font-medium">
              Second factor <Badge tone={organization.require_second_factor ? 'accent' : 'neutral'}>{organization.require_second_factor ? 'Required' : 'Not required'}</Badge>
            </div>
            <p className="mt-0.5 text-muted">
              {organization.require_second_factor
                ? 'Members get in only after a code of an authenticator app or a passkey.'
                : 'Members may sign in with a password alone. When a second factor is required, those without one can only set it up.'}
            </p>
          </div>
          {secure ? <Button onClick={() => setSecuring(true)}>{organization.require_second_factor ? 'No longer require' : 'Require'}</Button> : null}
        </div>
      </Card>
      <Card title="Leave">
        <div className="flex flex-wrap items-center justify-between gap-3">
          <p className="min-w-0 flex-1 basis-64 text-muted">You lose access to everything in {organization.name}. Your account stays.</p>
          <Button variant="danger" onClick={() => setLeaving(true)}>
            Leave
          </Button>
        </div>
      </Card>
      {renaming ? <Rename name={organization.name} onClose={() => setRenaming(false)} onSave={(name) => change({ name })} /> : null}
      <FormDialog
        open={securing}
        onOpenChange={setSecuring}
        title={organization.require_second_factor ? 'No longer require a second factor?' : 'Require a second factor of everybody?'}
        description={
          organization.require_second_factor
            ? 'A password alone is enough to get in again.'
            : 'Whoever signed in without one, you included, is shut out of everything but their own account until they have set it up.'
        }
        action={organization.require_second_factor ? 'No longer require' : 'Require it'}
        danger={!organization.require_second_factor}
        onSubmit={() => change({ require_second_factor: !organization.require_second_factor })}
      />
      <FormDialog
        open={leaving}
        onOpenChange={setLeaving}
        title={`Leave ${organization.name}?`}
        description="Somebody has to invite you if you want to come back. The last owner cannot leave."
        action="Leave"
        danger
        onSubmit={async () => {
          await leaveOrganization();
          queryClient.clear();
          toast('done', `You have left ${organization.name}`);
          await router.invalidate();
          await router.navigate({ to: '/', replace: true });
        }}
      />
    </div>
  );
}

function Rename({ name: before, onClose, onSave }: { name: string; onClose: () => void; onSave: (name: string) => Promise<unknown> }) {
  const [name, setName] = useState(before);
  const problem = nameError('A name', name);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Rename the organisation"
      description="The short name in addresses stays."
      action="Rename"
      valid={!problem && name.trim() !== before}
      onSubmit={() => onSave(name.trim())}
    >
      <Field label="Name" error={problem} count={{ length: name.length, max: nameMax }}>
        {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} autoComplete="organization" />}
      </Field>
    </FormDialog>
  );
}
