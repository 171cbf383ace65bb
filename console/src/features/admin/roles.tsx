import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Check, Plus } from 'lucide-react';
import { useState } from 'react';
import { createRole, deleteRole, getRole, listPermissions, updateRole, type AccessRole, type PermissionInfo } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { useCanInOrganization, useMe } from '~/app/project';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Field, Input, Textarea } from '~/ui/field';
import { formatCount } from '~/ui/format';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { nameError, nameMax } from '../access/rules';
import { canGive, ReadOnly, rolesQuery } from './shared';
import { PermissionPicker } from './permission-picker';

export const permissionsQuery = { queryKey: ['permissions'], queryFn: async () => (await listPermissions()).data.items, staleTime: 300_000 };

export function RolesPage() {
  const roles = useQuery(rolesQuery);
  const permissions = useQuery(permissionsQuery);
  const manage = useCanInOrganization('roles:manage');
  const mine = useMe()?.organization_permissions ?? [];
  const client = useQueryClient();
  const fresh = () => client.invalidateQueries({ queryKey: ['roles'] });
  const [editing, setEditing] = useState<AccessRole | 'new' | null>(null);
  const [removing, setRemoving] = useState<AccessRole | null>(null);
  if (roles.isPending || permissions.isPending) return <Loading label="Loading roles" />;
  if (roles.isError) return <QueryError error={roles.error} onRetry={() => void roles.refetch()} />;
  if (permissions.isError) return <QueryError error={permissions.error} onRetry={() => void permissions.refetch()} />;
  const own = roles.data.filter((r) => !r.fixed);
  return (
    <div className="grid gap-4">
      <Card
        flush
        title="Roles of your own"
        actions={
          manage ? (
            <Button variant="primary" onClick={() => setEditing('new')}>
              <Plus className="size-3.5" /> New role
            </Button>
          ) : null
        }
      >
        {manage ? null : <ReadOnly permission="roles:manage" what="Changing roles" />}
        {own.length === 0 ? (
          <p className="p-4 text-muted">None yet. A role of your own includes just the permissions you choose, and can be given wherever the fixed ones can.</p>
        ) : (
          <Table label="Roles of your own">
            <thead>
              <tr>
                <Th>Name</Th>
                <Th>Includes</Th>
                {manage ? (
                  <Th className="w-10">
                    <span className="sr-only">Actions</span>
                  </Th>
                ) : null}
              </tr>
            </thead>
            <tbody>
              {own.map((role) => (
                <Tr key={role.id}>
                  <Td className="min-w-36 align-top">
                    <div className="font-medium wrap-anywhere">{role.name}</div>
                    <div className="text-xs text-muted wrap-anywhere">{role.description}</div>
                  </Td>
                  <Td>
                    <div className="flex flex-wrap gap-1">
                      {role.permissions.map((p) => (
                        <Badge key={p}>{p}</Badge>
                      ))}
                    </div>
                  </Td>
                  {manage ? (
                    <Td className="text-right align-top">
                      <ActionsMenu name={role.name}>
                        <MenuItem disabled={!canGive(role, mine)} onSelect={() => setEditing(role)}>
                          Edit…
                        </MenuItem>
                        <MenuItem danger onSelect={() => setRemoving(role)}>
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
      </Card>
      <Card flush title="Who may do what">
        <Matrix roles={roles.data} permissions={permissions.data} />
      </Card>
      {editing ? <RoleDialog role={editing} permissions={permissions.data} mine={mine} onClose={() => setEditing(null)} onDone={fresh} /> : null}
      <FormDialog
        open={removing !== null}
        onOpenChange={(o) => !o && setRemoving(null)}
        title={`Delete the role ${removing?.name ?? ''}?`}
        description="Only a role that nobody has can be deleted."
        action="Delete role"
        danger
        onSubmit={async () => {
          if (removing) await deleteRole({ path: { role_id: removing.id } });
          await fresh();
        }}
      />
    </div>
  );
}

/** Permissions down, roles across. */
function Matrix({ roles, permissions }: { roles: AccessRole[]; permissions: PermissionInfo[] }) {
  return (
    <Table label="Permissions of the roles" className="[&_th:first-child]:sticky [&_th:first-child]:left-0 [&_th:first-child]:z-10 [&_th:first-child]:bg-surface">
      <thead>
        <tr>
          <Th className="min-w-44 sm:min-w-64">Permission</Th>
          {roles.map((role) => (
            <Th key={role.id} className="max-w-28 truncate text-center" title={role.description}>
              {role.name}
            </Th>
          ))}
        </tr>
      </thead>
      <tbody>
        {permissions.map((p) => (
          <Tr key={p.name}>
            <th scope="row" className="border-b px-4 py-1.5 text-left font-normal">
              <code className="font-mono text-xs">{p.name}</code>
              <div className="text-xs text-muted max-sm:hidden">{p.description}</div>
            </th>
            {roles.map((role) => (
              <Td key={role.id} className="text-center">
                {role.permissions.includes(p.name) ? (
                  <>
                    <Check aria-hidden className="mx-auto size-4 text-accent" />
                    <span className="sr-only">yes</span>
                  </>
                ) : (
                  <span className="text-faint">
                    <span aria-hidden>·</span>
                    <span className="sr-only">no</span>
                  </span>
                )}
              </Td>
            ))}
          </Tr>
        ))}
      </tbody>
    </Table>
  );
}

/** In every role: without these nobody could see where they are, or sign out. */
const always = ['organization:read', 'self:manage'];

interface RoleDialogProps {
  role: AccessRole | 'new';
  permissions: PermissionInfo[];
  mine: readonly string[];
  onClose: () => void;
  onDone: () => Promise<unknown>;
}

function RoleDialog({ role, permissions, mine, onClose, onDone }: RoleDialogProps) {
  const before = role === 'new' ? { name: '', description: '', permissions: always } : role;
  const [name, setName] = useState(before.name);
  const [description, setDescription] = useState(before.description);
  const [chosen, setChosen] = useState<readonly string[]>(before.permissions);
  // Someone else's change in the meantime is not written over.
  const revision = useQuery({
    queryKey: ['roles', role === 'new' ? null : role.id, 'revision'],
    queryFn: async () => (role === 'new' ? null : (await getRole({ path: { role_id: role.id } })).response.headers.get('etag')),
    enabled: role !== 'new',
    staleTime: Infinity,
    gcTime: 0,
  });
  const problem = name === '' ? null : nameError('A name', name);
  return (
    <FormDialog
      open
      onOpenChange={(o) => !o && onClose()}
      title={role === 'new' ? 'New role' : `Role ${before.name}`}
      description="It can include only what you may do yourself. A change counts within a second for everybody who has the role."
      action={role === 'new' ? 'Create role' : 'Save'}
      wide
      valid={name.trim() !== '' && !problem && chosen.length > 0}
      onSubmit={async () => {
        const body = { name: name.trim(), description: description.trim(), permissions: [...chosen] };
        await (role === 'new' ? createRole({ body }) : updateRole({ path: { role_id: role.id }, body, ...(revision.data ? { headers: { 'If-Match': revision.data } } : {}) }));
        await onDone();
      }}
    >
      <Field label="Name" error={problem} count={{ length: name.length, max: nameMax }}>
        {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
      <Field label="Description" optional count={{ length: description.length, max: 500 }}>
        {(ids) => <Textarea {...ids} rows={2} maxLength={500} value={description} onChange={(e) => setDescription(e.target.value)} />}
      </Field>
      <PermissionPicker label={`Permissions (${formatCount(chosen.length, 'chosen', 'chosen')})`} permissions={permissions} mine={mine} always={always} chosen={chosen} onChange={setChosen} />
    </FormDialog>
  );
}
