import { useQuery } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { Building2, Check, ChevronsUpDown, Lock, Plus, Settings2 } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { listOrganizations, switchOrganization, type MyOrganization } from '~/api';
import { Logo } from '~/ui/logo';
import { Menu, MenuItem, MenuSeparator } from '~/ui/menu';
import { toast } from '~/ui/toast';
import { setCurrentProject } from './client';
import { useEnter } from './enter';
import { describeError } from './errors';
import { useMe, useProject } from './project';
import { queryClient } from './queries';

const NewOrganization = lazy(() => import('~/features/access/new-organization'));

export const organizationsQuery = { queryKey: ['organizations'], queryFn: async () => (await listOrganizations()).data.items, staleTime: 60_000 };

/** Going over to another organisation: the server gives a new session, and everything starts over. */
export function useSwitchOrganization() {
  const enter = useEnter();
  return async (organization: Pick<MyOrganization, 'id'>) => {
    try {
      await enter((await switchOrganization({ body: { organization_id: organization.id } })).data);
    } catch (error) {
      const { title, requestId } = describeError(error);
      toast('failed', title, requestId && `Request ${requestId}`);
    }
  };
}

/** Organisation and project on top of the rail; changing the project starts over at its home page. */
export function ProjectSwitcher() {
  const me = useMe();
  const slug = useProject();
  const router = useRouter();
  const [making, setMaking] = useState(false);
  const organizations = useQuery(organizationsQuery);
  const change = useSwitchOrganization();
  const current = me?.projects.find((p) => p.slug === slug);
  const enter = async (project: string) => {
    setCurrentProject(project);
    await router.navigate({ to: '/p/$project', params: { project } });
    // Nothing of the former project may be shown in the next one.
    queryClient.removeQueries({ predicate: (q) => q.queryKey[0] !== 'me' && q.queryKey[1] !== project });
  };
  return (
    <>
      <Menu
        align="start"
        trigger={
          <button type="button" className="flex min-w-0 items-center gap-2 rounded-md p-1.5 text-left hover:bg-hover md:max-lg:justify-center">
            <Logo className="size-6 shrink-0" />
            <span className="min-w-0 flex-1 md:max-lg:sr-only">
              <span className="block truncate text-2xs leading-3.5 text-faint">{me?.organization.name}</span>
              <span className="block truncate leading-4 font-medium">{current?.name ?? slug}</span>
            </span>
            <span className="sr-only">Switch project or organisation</span>
            <ChevronsUpDown className="size-3.5 shrink-0 text-faint md:max-lg:hidden" />
          </button>
        }
      >
        <div className="max-w-72 truncate px-2 py-1 text-xs text-faint">Projects of {me?.organization.name}</div>
        {me?.projects.map((p) => (
          <MenuItem key={p.id} icon={p.slug === slug ? <Check /> : p.private ? <Lock /> : <span className="size-4" />} onSelect={() => void enter(p.slug)}>
            <span className="max-w-64 truncate">{p.name}</span>
          </MenuItem>
        ))}
        <MenuItem icon={<Settings2 />} onSelect={() => void router.navigate({ to: '/p/$project/admin/projects', params: { project: slug } })}>
          Projects…
        </MenuItem>
        <MenuSeparator />
        <div className="px-2 py-1 text-xs text-faint">Organisations</div>
        {organizations.data?.map((o) => (
          <MenuItem key={o.id} icon={o.current ? <Check /> : <Building2 />} onSelect={() => (o.current ? undefined : void change(o))}>
            <span className="max-w-64 truncate">{o.name}</span>
          </MenuItem>
        ))}
        <MenuItem icon={<Plus />} onSelect={() => setMaking(true)}>
          New organisation…
        </MenuItem>
      </Menu>
      <Suspense fallback={null}>{making ? <NewOrganization onClose={() => setMaking(false)} onMade={change} /> : null}</Suspense>
    </>
  );
}
