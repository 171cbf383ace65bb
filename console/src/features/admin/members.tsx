import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { Search, ShieldCheck, UserPlus, Users } from 'lucide-react';
import { useDeferredValue, useEffect, useState } from 'react';
import { removeMember, listMembers, updateMember, type Member } from '~/api';
import { useCanInOrganization, useProject } from '~/app/project';
import { meQuery } from '~/app/queries';
import { buttonClass } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { Empty } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { toast } from '~/ui/toast';
import { formSelect, Listing, ReadOnly, RoleSelect, usePages } from './shared';

const route = getRouteApi('/session/p/$project/admin/members');

export function MembersPage() {
  const project = useProject();
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/admin/members' });
  const [q, setQ] = useState(search.q ?? '');
  const wanted = useDeferredValue(q.trim());
  useEffect(() => {
    void navigate({ search: wanted ? { q: wanted } : {}, replace: true });
  }, [navigate, wanted]);
  const list = usePages(['members', wanted], async (page, signal) => (await listMembers({ query: { ...page, ...(wanted ? { q: wanted } : {}) }, signal })).data);
  const manage = useCanInOrganization('members:manage');
  const [changing, setChanging] = useState<Member | null>(null);
  const [removing, setRemoving] = useState<Member | null>(null);
  const client = useQueryClient();
  const fresh = () => Promise.all([client.invalidateQueries({ queryKey: ['members'] }), client.invalidateQueries({ queryKey: meQuery.queryKey })]);
  return (
    <>
      <Card
        flush
        title="Members"
        actions={
          manage ? (
            <Link to="/p/$project/admin/invitations" params={{ project }} className={buttonClass('primary')}>
              <UserPlus className="size-3.5" /> Invite
            </Link>
          ) : null
        }
      >
        {manage ? null : <ReadOnly permission="members:manage" what="Inviting and changing members" />}
        <div className="border-b px-4 py-2">
          <div className="relative max-w-sm">
            <Search aria-hidden className="absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-faint" />
            <Input type="search" aria-label="Find a member by name or address" placeholder="Find by name or address" className="pl-8" value={q} onChange={(e) => setQ(e.target.value)} />
          </div>
        </div>
        <Listing list={list} label="members" empty={<Empty icon={<Users />} title="Nobody has this name or address" />}>
          {(items) => <MembersTable items={items} manage={manage} onChange={setChanging} onRemove={setRemoving} />}
        </Listing>
      </Card>
      {changing ? <ChangeRole member={changing} onClose={() => setChanging(null)} onDone={fresh} /> : null}
      <FormDialog
        open={removing !== null}
        onOpenChange={(open) => !open && setRemoving(null)}
        title={`Remove ${removing?.name ?? ''}?`}
        description={`${removing?.email ?? ''} loses access to everything in the organisation at once, also through keys and tokens of their own. What they made stays.`}
        action="Remove member"
        danger
        onSubmit={async () => {
          if (removing) await removeMember({ path: { user_id: removing.id } });
          toast('done', `Removed ${removing?.name ?? 'the member'}`);
          await fresh();
        }}
      />
    </>
  );
}

interface MembersTableProps {
  items: Member[];
  manage: boolean;
  onChange: (member: Member) => void;
  onRemove: (member: Member) => void;
}

function MembersTable({ items, manage, onChange, onRemove }: MembersTableProps) {
  return (
    <Table label="Members">
      <thead>
        <tr>
          <Th>Name</Th>
          <Th>Role</Th>
          <Th className="max-sm:hidden">Second factor</Th>
          <Th className="max-md:hidden">Joined</Th>
          {manage ? (
            <Th className="w-10">
              <span className="sr-only">Actions</span>
            </Th>
          ) : null}
        </tr>
      </thead>
      <tbody>
        {items.map((m) => (
          <Tr key={m.id}>
            <Td>
              <div className="flex flex-wrap items-center gap-2 font-medium wrap-anywhere">
                {m.name} {m.you ? <Badge tone="accent">You</Badge> : null}
                {m.disabled ? <Badge tone="danger">Disabled</Badge> : null}
              </div>
              <div className="text-xs text-muted wrap-anywhere">{m.email}</div>
              {m.teams.length > 0 ? <div className="text-xs text-faint wrap-anywhere">{m.teams.map((t) => t.name).join(', ')}</div> : null}
            </Td>
            <Td>{m.role_name}</Td>
            <Td className="max-sm:hidden">
              {m.second_factor === null || m.second_factor === undefined ? (
                <span className="text-faint">—</span>
              ) : m.second_factor ? (
                <span className="inline-flex items-center gap-1.5 text-ok">
                  <ShieldCheck aria-hidden className="size-3.5" /> On
                </span>
              ) : (
                <span className="text-faint">Off</span>
              )}
            </Td>
            <Td className="max-md:hidden">
              <Ago at={m.joined_at} />
            </Td>
            {manage ? (
              <Td className="text-right">
                <ActionsMenu name={m.name}>
                  <MenuItem onSelect={() => onChange(m)}>Change role…</MenuItem>
                  {m.you ? null : (
                    <MenuItem danger onSelect={() => onRemove(m)}>
                      Remove…
                    </MenuItem>
                  )}
                </ActionsMenu>
              </Td>
            ) : null}
          </Tr>
        ))}
      </tbody>
    </Table>
  );
}

function ChangeRole({ member, onClose, onDone }: { member: Member; onClose: () => void; onDone: () => Promise<unknown> }) {
  const [role, setRole] = useState<string>(member.role);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Role of ${member.name}`}
      description="It counts in the whole organisation from this moment. A role can give nothing that you lack yourself."
      action="Change role"
      valid={role !== member.role}
      onSubmit={async () => {
        await updateMember({ path: { user_id: member.id }, body: { role } });
        await onDone();
      }}
    >
      <Field label="Role">{(ids) => <RoleSelect {...ids} className={formSelect} value={role} onChange={(e) => setRole(e.target.value)} />}</Field>
    </FormDialog>
  );
}

