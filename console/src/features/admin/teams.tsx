import { useQueryClient } from '@tanstack/react-query';
import { Plus, Users } from 'lucide-react';
import { useState } from 'react';
import { addTeamMember, createTeam, deleteTeam, listMembers, listTeamMembers, listTeams, removeTeamMember, updateTeam, type Team } from '~/api';
import { confirmed } from '~/app/confirm';
import { describeError } from '~/app/errors';
import { useCanInOrganization } from '~/app/project';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { Dialog, FormDialog } from '~/ui/dialog';
import { Field, Input, Select, Textarea } from '~/ui/field';
import { formatCount } from '~/ui/format';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { Empty, ErrorNote } from '~/ui/states';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { nameError, nameMax } from '../access/rules';
import { formSelect, Listing, ReadOnly, usePages } from './shared';

export function TeamsPage() {
  const list = usePages(['teams'], async (page) => (await listTeams({ query: page })).data);
  const manage = useCanInOrganization('members:manage');
  const client = useQueryClient();
  const fresh = () => client.invalidateQueries({ queryKey: ['teams'] });
  const [editing, setEditing] = useState<Team | 'new' | null>(null);
  const [open, setOpen] = useState<Team | null>(null);
  const [removing, setRemoving] = useState<Team | null>(null);
  return (
    <>
      <Card
        flush
        title="Teams"
        actions={
          manage ? (
            <Button variant="primary" onClick={() => setEditing('new')}>
              <Plus className="size-3.5" /> New team
            </Button>
          ) : null
        }
      >
        {manage ? null : <ReadOnly permission="members:manage" what="Changing teams" />}
        <Listing
          list={list}
          label="teams"
          empty={
            <Empty icon={<Users />} title="No teams yet">
              A team is given a role in a project once, instead of to each of its members.
            </Empty>
          }
        >
          {(items) => (
            <Table label="Teams">
              <thead>
                <tr>
                  <Th>Name</Th>
                  <Th className="text-right">Members</Th>
                  <Th className="max-md:hidden">Made</Th>
                  {manage ? (
                    <Th className="w-10">
                      <span className="sr-only">Actions</span>
                    </Th>
                  ) : null}
                </tr>
              </thead>
              <tbody>
                {items.map((t) => (
                  <Tr key={t.id}>
                    <Td>
                      <button type="button" className="text-left font-medium wrap-anywhere hover:underline" onClick={() => setOpen(t)}>
                        {t.name}
                      </button>
                      {t.description ? <div className="text-xs text-muted wrap-anywhere">{t.description}</div> : null}
                    </Td>
                    <Td className="text-right">{t.members.toLocaleString('en-US')}</Td>
                    <Td className="max-md:hidden">
                      <Ago at={t.created_at} />
                    </Td>
                    {manage ? (
                      <Td className="text-right">
                        <ActionsMenu name={t.name}>
                          <MenuItem onSelect={() => setOpen(t)}>Members…</MenuItem>
                          <MenuItem onSelect={() => setEditing(t)}>Edit…</MenuItem>
                          <MenuItem danger onSelect={() => setRemoving(t)}>
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
      {editing ? <TeamDialog team={editing} onClose={() => setEditing(null)} onDone={fresh} /> : null}
      {open ? <TeamMembers team={open} manage={manage} onClose={() => setOpen(null)} /> : null}
      <FormDialog
        open={removing !== null}
        onOpenChange={(o) => !o && setRemoving(null)}
        title={`Delete the team ${removing?.name ?? ''}?`}
        description={removing ? `${formatCount(removing.members, 'member')} of it lose what they may do only through the team. They stay in the organisation.` : ''}
        action="Delete team"
        danger
        onSubmit={async () => {
          if (removing) await deleteTeam({ path: { team_id: removing.id } });
          await fresh();
        }}
      />
    </>
  );
}

function TeamDialog({ team, onClose, onDone }: { team: Team | 'new'; onClose: () => void; onDone: () => Promise<unknown> }) {
  const before = team === 'new' ? { name: '', description: '' } : team;
  const [name, setName] = useState(before.name);
  const [description, setDescription] = useState(before.description);
  const problem = name === '' ? null : nameError('A name', name);
  return (
    <FormDialog
      open
      onOpenChange={(o) => !o && onClose()}
      title={team === 'new' ? 'New team' : `Team ${before.name}`}
      action={team === 'new' ? 'Create team' : 'Save'}
      valid={name.trim() !== '' && !problem}
      onSubmit={async () => {
        const body = { name: name.trim(), description: description.trim() };
        await (team === 'new' ? createTeam({ body }) : updateTeam({ path: { team_id: team.id }, body }));
        await onDone();
      }}
    >
      <Field label="Name" error={problem} count={{ length: name.length, max: nameMax }}>
        {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
      <Field label="Description" optional count={{ length: description.length, max: 500 }}>
        {(ids) => <Textarea {...ids} rows={2} maxLength={500} value={description} onChange={(e) => setDescription(e.target.value)} />}
      </Field>
    </FormDialog>
  );
}

function TeamMembers({ team, manage, onClose }: { team: Team; manage: boolean; onClose: () => void }) {
  const client = useQueryClient();
  const list = usePages(['teams', team.id, 'members'], async (page) => (await listTeamMembers({ path: { team_id: team.id }, query: page })).data);
  const people = usePages(['members', ''], async (page) => (await listMembers({ query: page })).data);
  const [chosen, setChosen] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const inside = new Set(list.items.map((m) => m.id));
  const outside = people.items.filter((p) => !inside.has(p.id));
  const act = async (action: () => Promise<unknown>) => {
    setBusy(true);
    setError(null);
    try {
      await confirmed(action);
      setChosen('');
      await client.invalidateQueries({ queryKey: ['teams'] });
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open onOpenChange={(o) => !o && onClose()} title={`Team ${team.name}`} description={team.description}>
      {error ? <ErrorNote className="mb-3" {...describeError(error)} /> : null}
      {manage && outside.length > 0 ? (
        <div className="mb-3 flex items-end gap-2">
          <div className="min-w-0 flex-1">
            <Field label="Add a member">
              {(ids) => (
                <Select {...ids} className={formSelect} value={chosen} onChange={(e) => setChosen(e.target.value)}>
                  <option value="">Choose…</option>
                  {outside.map((p) => (
                    <option key={p.id} value={p.id}>
                      {p.name} ({p.email})
                    </option>
                  ))}
                </Select>
              )}
            </Field>
          </div>
          <Button size="md" busy={busy} disabled={chosen === ''} onClick={() => void act(() => addTeamMember({ path: { team_id: team.id, user_id: chosen } }))}>
            Add
          </Button>
        </div>
      ) : null}
      <Listing list={list} label="members of the team" empty={<p className="py-4 text-center text-muted">Nobody is in it yet.</p>}>
        {(items) => (
          <ul className="divide-y rounded-lg border">
            {items.map((m) => (
              <li key={m.id} className="flex items-center justify-between gap-2 px-3 py-1.5">
                <span className="min-w-0">
                  <span className="font-medium wrap-anywhere">{m.name}</span> <span className="text-xs text-muted wrap-anywhere">{m.email}</span>
                </span>
                {manage ? (
                  <Button variant="ghost" disabled={busy} aria-label={`Take out ${m.name}`} onClick={() => void act(() => removeTeamMember({ path: { team_id: team.id, user_id: m.id } }))}>
                    Take out
                  </Button>
                ) : null}
              </li>
            ))}
          </ul>
        )}
      </Listing>
    </Dialog>
  );
}
