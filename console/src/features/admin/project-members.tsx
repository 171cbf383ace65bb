import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Bot, Plus, User, Users } from 'lucide-react';
import { useState } from 'react';
import { listMembers, listProjectMembers, listServiceAccounts, listTeams, removeProjectMember, setProjectMember, type ProjectMember } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { useCanInOrganization, useProject } from '~/app/project';
import { meQuery } from '~/app/queries';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Field, Select } from '~/ui/field';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { Empty, Loading } from '~/ui/states';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { projectsQuery } from './projects';
import { formSelect, Listing, ReadOnly, RoleSelect, usePages } from './shared';

const route = getRouteApi('/session/p/$project/admin/projects/$projectId');
const icons: Record<string, typeof User> = { user: User, team: Users, service_account: Bot };

/** Who has a role of their own in a project, beside what the organisation gave them. */
export function ProjectMembersPage() {
  const { projectId } = route.useParams();
  const project = useProject();
  const manage = useCanInOrganization('members:manage');
  const projects = useQuery(projectsQuery);
  const client = useQueryClient();
  const list = usePages(['project-members', projectId], async (page) => (await listProjectMembers({ path: { project_id: projectId }, query: page })).data);
  const [giving, setGiving] = useState<ProjectMember | 'new' | null>(null);
  const [removing, setRemoving] = useState<ProjectMember | null>(null);
  const fresh = () => Promise.all([client.invalidateQueries({ queryKey: ['project-members'] }), client.invalidateQueries({ queryKey: meQuery.queryKey })]);
  if (projects.isPending) return <Loading label="Loading the project" />;
  if (projects.isError) return <QueryError error={projects.error} onRetry={() => void projects.refetch()} />;
  const name = projects.data.find((p) => p.id === projectId)?.name ?? 'this project';
  return (
    <>
      <p className="mb-3 text-xs text-muted">
        <Link to="/p/$project/admin/projects" params={{ project }} className="hover:text-ink hover:underline">
          Projects
        </Link>{' '}
        / {name}
      </p>
      <Card
        flush
        title={`Roles in ${name}`}
        actions={
          manage ? (
            <Button variant="primary" onClick={() => setGiving('new')}>
              <Plus className="size-3.5" /> Give a role
            </Button>
          ) : null
        }
      >
        {manage ? null : <ReadOnly permission="members:manage" what="Giving roles" />}
        <Listing
          list={list}
          label="roles in the project"
          empty={
            <Empty icon={<Users />} title="Nobody has a role of their own here">
              What the role in the organisation allows counts in every project that is not private. A role given here counts in this project only, beside the other.
            </Empty>
          }
        >
          {(items) => (
            <Table label={`Roles in ${name}`}>
              <thead>
                <tr>
                  <Th>Who</Th>
                  <Th>Role here</Th>
                  <Th className="max-sm:hidden">Since</Th>
                  {manage ? (
                    <Th className="w-10">
                      <span className="sr-only">Actions</span>
                    </Th>
                  ) : null}
                </tr>
              </thead>
              <tbody>
                {items.map((m) => {
                  const Icon = icons[m.kind] ?? User;
                  return (
                    <Tr key={m.subject}>
                      <Td>
                        <span className="flex items-start gap-2">
                          <Icon aria-hidden className="mt-0.5 size-4 shrink-0 text-faint" />
                          <span className="min-w-0 wrap-anywhere">
                            <span className="font-medium">{m.name}</span>
                            <span className="block text-xs text-muted">{m.email ?? (m.kind === 'team' ? 'Team' : 'Service account')}</span>
                          </span>
                        </span>
                      </Td>
                      <Td>{m.role_name}</Td>
                      <Td className="max-sm:hidden">
                        <Ago at={m.created_at} />
                      </Td>
                      {manage ? (
                        <Td className="text-right">
                          <ActionsMenu name={m.name}>
                            <MenuItem onSelect={() => setGiving(m)}>Change role…</MenuItem>
                            <MenuItem danger onSelect={() => setRemoving(m)}>
                              Take the role away…
                            </MenuItem>
                          </ActionsMenu>
                        </Td>
                      ) : null}
                    </Tr>
                  );
                })}
              </tbody>
            </Table>
          )}
        </Listing>
      </Card>
      {giving ? <GiveRole projectId={projectId} name={name} member={giving} taken={list.items.map((m) => m.subject)} onClose={() => setGiving(null)} onDone={fresh} /> : null}
      <FormDialog
        open={removing !== null}
        onOpenChange={(open) => !open && setRemoving(null)}
        title={`Take the role in ${name} away?`}
        description={`${removing?.name ?? ''} keeps what the role in the organisation allows.`}
        action="Take away"
        danger
        onSubmit={async () => {
          if (removing) await removeProjectMember({ path: { project_id: projectId, subject: removing.subject } });
          await fresh();
        }}
      />
    </>
  );
}

interface GiveRoleProps {
  projectId: string;
  name: string;
  member: ProjectMember | 'new';
  taken: string[];
  onClose: () => void;
  onDone: () => Promise<unknown>;
}

function GiveRole({ projectId, name, member, taken, onClose, onDone }: GiveRoleProps) {
  const [subject, setSubject] = useState(member === 'new' ? '' : member.subject);
  const [role, setRole] = useState<string>(member === 'new' ? 'viewer' : member.role);
  const wanted = member === 'new';
  const people = useQuery({ queryKey: ['members', 'all'], queryFn: async () => (await listMembers({ query: { limit: 200 } })).data.items, enabled: wanted });
  const teams = useQuery({ queryKey: ['teams', 'all'], queryFn: async () => (await listTeams({ query: { limit: 200 } })).data.items, enabled: wanted });
  const programs = useQuery({ queryKey: ['service-accounts', 'all'], queryFn: async () => (await listServiceAccounts({ query: { limit: 200 } })).data.items, enabled: wanted });
  const groups = [
    { label: 'People', items: people.data?.map((p) => ({ id: p.id, name: `${p.name} (${p.email})` })) ?? [] },
    { label: 'Teams', items: teams.data?.map((t) => ({ id: t.id, name: t.name })) ?? [] },
    { label: 'Service accounts', items: programs.data?.map((s) => ({ id: s.id, name: s.name })) ?? [] },
  ];
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={member === 'new' ? `Give a role in ${name}` : `Role of ${member.name} in ${name}`}
      description="It counts in this project only, beside the role in the organisation."
      action={member === 'new' ? 'Give role' : 'Change role'}
      valid={subject !== '' && (member === 'new' || role !== member.role)}
      onSubmit={async () => {
        await setProjectMember({ path: { project_id: projectId, subject }, body: { role } });
        await onDone();
      }}
    >
      {member === 'new' ? (
        <Field label="To whom">
          {(ids) => (
            <Select {...ids} className={formSelect} value={subject} onChange={(e) => setSubject(e.target.value)}>
              <option value="">Choose…</option>
              {groups.map((group) => {
                const free = group.items.filter((i) => !taken.includes(i.id));
                return free.length > 0 ? (
                  <optgroup key={group.label} label={group.label}>
                    {free.map((i) => (
                      <option key={i.id} value={i.id}>
                        {i.name}
                      </option>
                    ))}
                  </optgroup>
                ) : null;
              })}
            </Select>
          )}
        </Field>
      ) : null}
      <Field label="Role">{(ids) => <RoleSelect {...ids} className={formSelect} value={role} onChange={(e) => setRole(e.target.value)} />}</Field>
    </FormDialog>
  );
}
