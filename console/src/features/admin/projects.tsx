import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Lock, Plus } from 'lucide-react';
import { useState } from 'react';
import { createProject, listProjects, updateProject, type Project } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { useCanInOrganization, useMe, useProject } from '~/app/project';
import { meQuery } from '~/app/queries';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Checkbox, Field, Input } from '~/ui/field';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { nameError, nameMax } from '../access/rules';
import { ReadOnly } from './shared';

export const projectsQuery = { queryKey: ['projects'], queryFn: async () => (await listProjects({ query: { limit: 200 } })).data.items };

export function Projects() {
  const current = useProject();
  const me = useMe();
  const manage = useCanInOrganization('projects:manage');
  const client = useQueryClient();
  const projects = useQuery(projectsQuery);
  const [editing, setEditing] = useState<Project | 'new' | null>(null);
  const [archiving, setArchiving] = useState<Project | null>(null);
  const fresh = () => Promise.all([client.invalidateQueries({ queryKey: ['projects'] }), client.invalidateQueries({ queryKey: meQuery.queryKey })]);
  return (
    <>
      <Card
        flush
        title="Projects"
        actions={
          manage ? (
            <Button variant="primary" onClick={() => setEditing('new')}>
              <Plus className="size-3.5" /> New project
            </Button>
          ) : null
        }
      >
        {manage ? null : <ReadOnly permission="projects:manage" what="Making and changing projects" />}
        {projects.isPending ? <Loading label="Loading projects" /> : null}
        {projects.isError ? <QueryError error={projects.error} onRetry={() => void projects.refetch()} /> : null}
        {projects.data ? (
          <Table label="Projects">
            <thead>
              <tr>
                <Th>Name</Th>
                <Th className="max-sm:hidden">Workspace</Th>
                <Th>People</Th>
                <Th className="max-md:hidden">Created</Th>
                {manage ? (
                  <Th className="w-10">
                    <span className="sr-only">Actions</span>
                  </Th>
                ) : null}
              </tr>
            </thead>
            <tbody>
              {projects.data.map((p) => (
                <Tr key={p.id}>
                  <Td className="font-medium">
                    <span className="flex flex-wrap items-center gap-2">
                      {me?.projects.some((mine) => mine.id === p.id) ? (
                        <Link to="/p/$project" params={{ project: p.slug }} className="wrap-anywhere hover:underline">
                          {p.name}
                        </Link>
                      ) : (
                        <span className="wrap-anywhere text-muted">{p.name}</span>
                      )}
                      {p.slug === current ? <Badge tone="accent">Current</Badge> : null}
                      {p.private ? (
                        <Badge>
                          <Lock aria-hidden className="size-3" /> Private
                        </Badge>
                      ) : null}
                      {p.archived_at ? <Badge tone="warn">Archived</Badge> : null}
                    </span>
                  </Td>
                  <Td className="max-sm:hidden">
                    <code className="font-mono text-xs">{p.slug}</code>
                  </Td>
                  <Td>
                    <Link to="/p/$project/admin/projects/$projectId" params={{ project: current, projectId: p.id }} aria-label={`Roles in ${p.name}`} className="text-accent underline underline-offset-2">
                      Roles
                    </Link>
                  </Td>
                  <Td className="max-md:hidden">
                    <Ago at={p.created_at} />
                  </Td>
                  {manage ? (
                    <Td className="text-right">
                      <ActionsMenu name={p.name}>
                        <MenuItem onSelect={() => setEditing(p)}>Edit…</MenuItem>
                        <MenuItem danger={!p.archived_at} onSelect={() => setArchiving(p)}>
                          {p.archived_at ? 'Take out of the archive…' : 'Archive…'}
                        </MenuItem>
                      </ActionsMenu>
                    </Td>
                  ) : null}
                </Tr>
              ))}
            </tbody>
          </Table>
        ) : null}
      </Card>
      {editing ? <ProjectDialog project={editing} onClose={() => setEditing(null)} onDone={fresh} /> : null}
      <FormDialog
        open={archiving !== null}
        onOpenChange={(open) => !open && setArchiving(null)}
        title={archiving?.archived_at ? `Take ${archiving.name} out of the archive?` : `Archive ${archiving?.name ?? ''}?`}
        description={archiving?.archived_at ? 'Everybody who could enter it before can enter it again.' : 'Nobody can enter it any more, and its keys stop working. Nothing in it is deleted.'}
        action={archiving?.archived_at ? 'Take out' : 'Archive project'}
        danger={!archiving?.archived_at}
        onSubmit={async () => {
          if (archiving) await updateProject({ path: { project_id: archiving.id }, body: { archived: !archiving.archived_at } });
          await fresh();
        }}
      />
    </>
  );
}

function ProjectDialog({ project, onClose, onDone }: { project: Project | 'new'; onClose: () => void; onDone: () => Promise<unknown> }) {
  const before = project === 'new' ? { name: '', private: false } : project;
  const [name, setName] = useState(before.name);
  const [isPrivate, setPrivate] = useState(before.private);
  const problem = name === '' ? null : nameError('A name', name);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={project === 'new' ? 'New project' : `Project ${before.name}`}
      description={project === 'new' ? 'Experiments, models and API keys belong to one project.' : 'The name in addresses and in the client stays.'}
      action={project === 'new' ? 'Create project' : 'Save'}
      valid={name.trim() !== '' && !problem && (name.trim() !== before.name || isPrivate !== before.private)}
      onSubmit={async () => {
        const body = { name: name.trim(), private: isPrivate };
        await (project === 'new' ? createProject({ body }) : updateProject({ path: { project_id: project.id }, body }));
        await onDone();
      }}
    >
      <Field label="Name" error={problem} count={{ length: name.length, max: nameMax }}>
        {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
      <div>
        <Checkbox label="Private" showLabel checked={isPrivate} onChange={(e) => setPrivate(e.target.checked)} />
        <p className="mt-0.5 pl-5.5 text-xs text-faint">Only those with a role in it, and those who manage projects, may enter.</p>
      </div>
    </FormDialog>
  );
}
