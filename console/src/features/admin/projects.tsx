import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { createProject, listProjects, updateProject, type Project } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { useProject } from '~/app/project';
import { meQuery } from '~/app/queries';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';

const nameMax = 200;

export function Projects() {
  const current = useProject();
  const client = useQueryClient();
  const projects = useQuery({ queryKey: ['projects'], queryFn: async () => (await listProjects({ query: { limit: 200 } })).data.items });
  const [editing, setEditing] = useState<Project | 'new' | null>(null);
  const fresh = () => Promise.all([client.invalidateQueries({ queryKey: ['projects'] }), client.invalidateQueries({ queryKey: meQuery.queryKey })]);
  return (
    <>
      <Card
        flush
        title="Projects"
        actions={
          <Button variant="primary" onClick={() => setEditing('new')}>
            <Plus className="size-3.5" /> New project
          </Button>
        }
      >
        {projects.isPending ? <Loading label="Loading projects" /> : null}
        {projects.isError ? <QueryError error={projects.error} onRetry={() => void projects.refetch()} /> : null}
        {projects.data ? (
          <Table label="Projects">
            <thead>
              <tr>
                <Th>Name</Th>
                <Th>Workspace</Th>
                <Th>Created</Th>
                <Th>
                  <span className="sr-only">Actions</span>
                </Th>
              </tr>
            </thead>
            <tbody>
              {projects.data.map((p) => (
                <Tr key={p.id}>
                  <Td className="font-medium">
                    <Link to="/p/$project" params={{ project: p.slug }} className="hover:underline">
                      {p.name}
                    </Link>
                    {p.slug === current ? (
                      <span className="ml-2">
                        <Badge tone="accent">Current</Badge>
                      </span>
                    ) : null}
                  </Td>
                  <Td>
                    <code className="font-mono text-xs">{p.slug}</code>
                  </Td>
                  <Td>
                    <Ago at={p.created_at} />
                  </Td>
                  <Td className="text-right">
                    <Button variant="ghost" onClick={() => setEditing(p)} aria-label={`Rename ${p.name}`}>
                      Rename
                    </Button>
                  </Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        ) : null}
      </Card>
      {editing ? <ProjectDialog project={editing} onClose={() => setEditing(null)} onDone={fresh} /> : null}
    </>
  );
}

function ProjectDialog({ project, onClose, onDone }: { project: Project | 'new'; onClose: () => void; onDone: () => Promise<unknown> }) {
  const before = project === 'new' ? '' : project.name;
  const [name, setName] = useState(before);
  const problem = name.length > nameMax ? `At most ${nameMax} characters.` : null;
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={project === 'new' ? 'New project' : `Rename ${before}`}
      description={project === 'new' ? 'Experiments, models and API keys belong to one project.' : 'The name in addresses and in the client stays.'}
      action={project === 'new' ? 'Create project' : 'Rename'}
      valid={name.trim() !== '' && name !== before && !problem}
      onSubmit={async () => {
        await (project === 'new' ? createProject({ body: { name: name.trim() } }) : updateProject({ path: { project_id: project.id }, body: { name: name.trim() } }));
        await onDone();
      }}
    >
      <Field label="Name" error={problem} count={{ length: name.length, max: nameMax }}>
        {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
    </FormDialog>
  );
}
