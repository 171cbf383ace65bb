import { useQueryClient } from '@tanstack/react-query';
import { Bot, Plus } from 'lucide-react';
import { useState } from 'react';
import { createServiceAccount, deleteServiceAccount, listServiceAccounts, updateServiceAccount, type ServiceAccount } from '~/api';
import { useCan, useCanInOrganization } from '~/app/project';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Field, Input, Textarea } from '~/ui/field';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { Empty } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { nameError, nameMax } from '../access/rules';
import { CreateKeyDialog } from './create-key';
import { SecretDialog } from './secret-dialog';
import { formSelect, Listing, ReadOnly, RoleSelect, usePages, useRoleName } from './shared';

export function ServiceAccountsPage() {
  const list = usePages(['service-accounts'], async (page) => (await listServiceAccounts({ query: page })).data);
  const manage = useCanInOrganization('members:manage');
  const mayKey = useCan('keys:manage');
  const client = useQueryClient();
  const fresh = () => client.invalidateQueries({ queryKey: ['service-accounts'] });
  const roleName = useRoleName();
  const [editing, setEditing] = useState<ServiceAccount | 'new' | null>(null);
  const [toggling, setToggling] = useState<ServiceAccount | null>(null);
  const [removing, setRemoving] = useState<ServiceAccount | null>(null);
  const [keyFor, setKeyFor] = useState<ServiceAccount | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  return (
    <>
      <Card
        flush
        title="Service accounts"
        actions={
          manage ? (
            <Button variant="primary" onClick={() => setEditing('new')}>
              <Plus className="size-3.5" /> New service account
            </Button>
          ) : null
        }
      >
        {manage ? null : <ReadOnly permission="members:manage" what="Changing service accounts" />}
        <Listing
          list={list}
          label="service accounts"
          empty={
            <Empty icon={<Bot />} title="No service accounts yet">
              A program with an account of its own keeps working when the person who set it up leaves. It signs in with keys that act for it.
            </Empty>
          }
        >
          {(items) => (
            <Table label="Service accounts">
              <thead>
                <tr>
                  <Th>Name</Th>
                  <Th>Role</Th>
                  <Th className="max-md:hidden">Made</Th>
                  {manage ? (
                    <Th className="w-10">
                      <span className="sr-only">Actions</span>
                    </Th>
                  ) : null}
                </tr>
              </thead>
              <tbody>
                {items.map((a) => (
                  <Tr key={a.id}>
                    <Td>
                      <div className="flex flex-wrap items-center gap-2 font-medium wrap-anywhere">
                        {a.name} {a.disabled_at ? <Badge tone="warn">Switched off</Badge> : null}
                      </div>
                      {a.description ? <div className="text-xs text-muted wrap-anywhere">{a.description}</div> : null}
                    </Td>
                    <Td>{roleName(a.role)}</Td>
                    <Td className="max-md:hidden">
                      <Ago at={a.created_at} />
                    </Td>
                    {manage ? (
                      <Td className="text-right">
                        <ActionsMenu name={a.name}>
                          {mayKey ? (
                            <MenuItem disabled={!!a.disabled_at} onSelect={() => setKeyFor(a)}>
                              New key…
                            </MenuItem>
                          ) : null}
                          <MenuItem onSelect={() => setEditing(a)}>Edit…</MenuItem>
                          <MenuItem onSelect={() => setToggling(a)}>{a.disabled_at ? 'Switch on…' : 'Switch off…'}</MenuItem>
                          <MenuItem danger onSelect={() => setRemoving(a)}>
                            Delete…
                          </MenuItem>
                        </ActionsMenu>
                      </Td>
                    ) : null}
                  </Tr>
                ))}
              </tbody>
            </Table>
          )}
        </Listing>
      </Card>
      {editing ? <AccountDialog account={editing} onClose={() => setEditing(null)} onDone={fresh} /> : null}
      {keyFor ? (
        <CreateKeyDialog
          account={keyFor}
          onClose={() => setKeyFor(null)}
          onMade={async (text) => {
            setSecret(text);
            await client.invalidateQueries({ queryKey: ['keys'] });
          }}
        />
      ) : null}
      <SecretDialog secret={secret} onClose={() => setSecret(null)} />
      <FormDialog
        open={toggling !== null}
        onOpenChange={(open) => !open && setToggling(null)}
        title={toggling?.disabled_at ? `Switch ${toggling.name} on?` : `Switch ${toggling?.name ?? ''} off?`}
        description={toggling?.disabled_at ? 'Its keys and tokens work again.' : 'Its keys and tokens open nothing until it is switched on again.'}
        action={toggling?.disabled_at ? 'Switch on' : 'Switch off'}
        danger={!toggling?.disabled_at}
        onSubmit={async () => {
          if (toggling) await updateServiceAccount({ path: { service_account_id: toggling.id }, body: { disabled: !toggling.disabled_at } });
          await fresh();
        }}
      />
      <FormDialog
        open={removing !== null}
        onOpenChange={(open) => !open && setRemoving(null)}
        title={`Delete ${removing?.name ?? ''}?`}
        description="Its keys, tokens and roles in projects go with it, and whatever uses them stops working at once. It cannot be undone."
        action="Delete service account"
        danger
        onSubmit={async () => {
          if (removing) await deleteServiceAccount({ path: { service_account_id: removing.id } });
          await Promise.all([fresh(), client.invalidateQueries({ queryKey: ['keys'] })]);
        }}
      />
    </>
  );
}

function AccountDialog({ account, onClose, onDone }: { account: ServiceAccount | 'new'; onClose: () => void; onDone: () => Promise<unknown> }) {
  const before = account === 'new' ? { name: '', description: '', role: 'viewer' } : account;
  const [name, setName] = useState(before.name);
  const [description, setDescription] = useState(before.description);
  const [role, setRole] = useState<string>(before.role);
  const problem = name === '' ? null : nameError('A name', name);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={account === 'new' ? 'New service account' : `Service account ${before.name}`}
      action={account === 'new' ? 'Create service account' : 'Save'}
      valid={name.trim() !== '' && !problem}
      onSubmit={async () => {
        const body = { name: name.trim(), description: description.trim(), role };
        await (account === 'new' ? createServiceAccount({ body }) : updateServiceAccount({ path: { service_account_id: account.id }, body }));
        await onDone();
      }}
    >
      <Field label="Name" error={problem} count={{ length: name.length, max: nameMax }} hint="What it is for: “nightly training”, say.">
        {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
      <Field label="Description" optional count={{ length: description.length, max: 500 }}>
        {(ids) => <Textarea {...ids} rows={2} maxLength={500} value={description} onChange={(e) => setDescription(e.target.value)} />}
      </Field>
      <Field label="Role">{(ids) => <RoleSelect {...ids} className={formSelect} value={role} onChange={(e) => setRole(e.target.value)} />}</Field>
    </FormDialog>
  );
}
