import { Link, Outlet, useRouter } from '@tanstack/react-router';
import { Box, CircleUser, Database, FlaskConical, House, LogOut, Monitor, Moon, Search, Settings2, Sparkles, Sun } from 'lucide-react';
import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react';
import { Menu, MenuItem, MenuSeparator } from '~/ui/menu';
import { NotFound } from './fallbacks';
import { useMe, useProject } from './project';
import { ProjectSwitcher } from './project-switcher';
import { signOutHere } from './sign-out';
import { setTheme, useThemeChoice } from './theme';

const Palette = lazy(() => import('./palette'));

const places = [
  { to: '/p/$project', label: 'Home', icon: <House />, exact: true },
  { to: '/p/$project/experiments', label: 'Experiments', icon: <FlaskConical />, exact: false },
  { to: '/p/$project/models', label: 'Models', icon: <Box />, exact: false },
  { to: '/p/$project/automl', label: 'AutoML', icon: <Sparkles />, exact: false },
  { to: '/p/$project/datasets', label: 'Data', icon: <Database />, exact: false },
  { to: '/p/$project/admin', label: 'Administration', icon: <Settings2 />, exact: false },
] as const;

export function Shell() {
  const project = useProject();
  const me = useMe();
  const known = me === undefined || me.projects.some((p) => p.slug === project);
  const [palette, setPalette] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        setPalette((open) => !open);
      }
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);

  return (
    <div className="flex h-dvh max-md:flex-col">
      <a
        href="#main"
        className="absolute top-2 left-2 z-60 -translate-y-16 rounded-md bg-accent px-3 py-2 text-on-accent focus:translate-y-0"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        Skip to content
      </a>
      <div className="flex shrink-0 flex-col border-r bg-sunken max-md:h-12 max-md:flex-row max-md:items-center max-md:border-r-0 max-md:border-b max-md:px-3 md:w-14 lg:w-52">
        <div className="flex min-w-0 items-center gap-1 md:flex-col md:items-stretch md:p-2 max-md:flex-1">
          <ProjectSwitcher />
          <button
            type="button"
            onClick={() => setPalette(true)}
            aria-keyshortcuts="Control+K Meta+K"
            className="flex h-8 items-center gap-2 rounded-md px-2 text-muted hover:bg-hover hover:text-ink max-md:ml-auto md:mt-1 md:justify-center lg:justify-start pointer-coarse:h-10"
          >
            <Search className="size-4 shrink-0" />
            <span className="flex-1 text-left max-lg:sr-only">Search</span>
            <kbd className="rounded border bg-surface px-1 font-sans text-2xs text-faint max-lg:hidden">{isMac ? '⌘K' : 'Ctrl K'}</kbd>
          </button>
        </div>
        <nav aria-label="Main" className="flex flex-1 flex-col gap-0.5 px-2 pt-1 max-md:hidden">
          {places.map((p) => (
            <RailLink key={p.to} {...p} project={project} />
          ))}
        </nav>
        <div className="md:p-2">
          <Account />
        </div>
      </div>
      <main id="main" tabIndex={-1} className="flex min-h-0 min-w-0 flex-1 flex-col outline-none">
        {known ? <Outlet /> : <NotFound />}
      </main>
      <nav aria-label="Main" className="grid shrink-0 grid-cols-6 border-t bg-sunken pb-[env(safe-area-inset-bottom)] md:hidden">
        {places.map((p) => (
          <Link
            key={p.to}
            to={p.to}
            params={{ project }}
            activeOptions={{ exact: p.exact, includeSearch: false }}
            className="flex flex-col items-center gap-0.5 py-1.5 text-2xs text-muted data-[status=active]:text-accent [&>svg]:size-5"
          >
            {p.icon}
            {p.label === 'Administration' ? 'Admin' : p.label}
          </Link>
        ))}
      </nav>
      <Suspense fallback={null}>{palette ? <Palette onClose={() => setPalette(false)} /> : null}</Suspense>
    </div>
  );
}

const isMac = /Mac|iPhone|iPad/.test(navigator.userAgent);

function RailLink({ to, label, icon, exact, project }: { to: (typeof places)[number]['to']; label: string; icon: ReactNode; exact: boolean; project: string }) {
  return (
    <Link
      to={to}
      params={{ project }}
      activeOptions={{ exact, includeSearch: false }}
      title={label}
      className="flex h-8 items-center gap-2.5 rounded-md px-2 text-muted hover:bg-hover hover:text-ink data-[status=active]:bg-hover data-[status=active]:font-medium data-[status=active]:text-ink max-lg:justify-center pointer-coarse:h-10 [&>svg]:size-4 [&>svg]:shrink-0 data-[status=active]:[&>svg]:text-accent"
    >
      {icon}
      <span className="max-lg:sr-only">{label}</span>
    </Link>
  );
}

function Account() {
  const me = useMe();
  const router = useRouter();
  const theme = useThemeChoice();
  const project = useProject();
  return (
    <Menu
      align="start"
      trigger={
        <button type="button" className="flex w-full items-center gap-2 rounded-md p-1.5 text-left hover:bg-hover max-lg:justify-center">
          <span aria-hidden className="flex size-6 shrink-0 items-center justify-center rounded-full bg-accent-soft text-2xs font-semibold text-accent">
            {initials(me?.user?.name ?? '')}
          </span>
          <span className="min-w-0 truncate max-lg:sr-only">{me?.user?.name}</span>
          <span className="sr-only">Account and theme</span>
        </button>
      }
    >
      <div className="px-2 py-1.5">
        <div className="font-medium">{me?.user?.name}</div>
        <div className="text-xs text-muted wrap-anywhere">
          {me?.user?.email}
        </div>
      </div>
      <MenuSeparator />
      <MenuItem icon={<CircleUser />} onSelect={() => void router.navigate({ to: '/p/$project/account/profile', params: { project } })}>
        Your account
      </MenuItem>
      <MenuSeparator />
      <MenuItem icon={<Sun />} onSelect={() => setTheme('light')}>
        Light {theme === 'light' ? <Chosen /> : null}
      </MenuItem>
      <MenuItem icon={<Moon />} onSelect={() => setTheme('dark')}>
        Dark {theme === 'dark' ? <Chosen /> : null}
      </MenuItem>
      <MenuItem icon={<Monitor />} onSelect={() => setTheme('system')}>
        As the system {theme === 'system' ? <Chosen /> : null}
      </MenuItem>
      <MenuSeparator />
      <MenuItem icon={<LogOut />} onSelect={() => void signOutHere(router)}>
        Sign out
      </MenuItem>
    </Menu>
  );
}

function Chosen() {
  return <span className="ml-auto text-xs text-accent">✓</span>;
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  return ((words[0]?.[0] ?? '') + (words.length > 1 ? (words.at(-1)?.[0] ?? '') : '')).toUpperCase();
}

