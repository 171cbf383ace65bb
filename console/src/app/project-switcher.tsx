import { useRouter } from '@tanstack/react-router';
import { Check, ChevronsUpDown, Plus } from 'lucide-react';
import { Logo } from '~/ui/logo';
import { Menu, MenuItem, MenuSeparator } from '~/ui/menu';
import { useMe, useProject } from './project';
import { queryClient } from './queries';
import { setCurrentProject } from './client';

/** Organisation and project on top of the rail; changing the project starts over at its home page. */
export function ProjectSwitcher() {
  const me = useMe();
  const slug = useProject();
  const router = useRouter();
  const current = me?.projects.find((p) => p.slug === slug);
  const enter = async (project: string) => {
    setCurrentProject(project);
    await router.navigate({ to: '/p/$project', params: { project } });
    // Nothing of the former project may be shown in the next one.
    queryClient.removeQueries({ predicate: (q) => q.queryKey[0] !== 'me' && q.queryKey[1] !== project });
  };
  return (
    <Menu
      align="start"
      trigger={
        <button
          type="button"
          className="flex min-w-0 items-center gap-2 rounded-md p-1.5 text-left hover:bg-hover md:max-lg:justify-center"
        >
          <Logo className="size-6 shrink-0" />
          <span className="min-w-0 flex-1 md:max-lg:sr-only">
            <span className="block truncate text-2xs leading-3.5 text-faint">{me?.organization.name}</span>
            <span className="block truncate leading-4 font-medium">{current?.name ?? slug}</span>
          </span>
          <span className="sr-only">Switch project</span>
          <ChevronsUpDown className="size-3.5 shrink-0 text-faint md:max-lg:hidden" />
        </button>
      }
    >
      <div className="px-2 py-1 text-xs text-faint">Projects of {me?.organization.name}</div>
      {me?.projects.map((p) => (
        <MenuItem key={p.id} icon={p.slug === slug ? <Check /> : <span className="size-4" />} onSelect={() => void enter(p.slug)}>
          {p.name}
        </MenuItem>
      ))}
      <MenuSeparator />
      <MenuItem icon={<Plus />} onSelect={() => void router.navigate({ to: '/p/$project/admin/projects', params: { project: slug } })}>
        Projects…
      </MenuItem>
    </Menu>
  );
}
