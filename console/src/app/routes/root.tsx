import { createRootRoute, createRoute, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router';
import { setCurrentProject } from '../client';
import { ConfirmHost } from '../confirm-host';
import { isStatus } from '../errors';
import { NotFound, RouteError } from '../fallbacks';
import { meInProject, meQuery, queryClient, setupQuery } from '../queries';
import { Shell } from '../shell';

function Root() {
  return (
    <>
      <Outlet />
      <ConfirmHost />
    </>
  );
}

export const rootRoute = createRootRoute({ component: Root, notFoundComponent: NotFound, errorComponent: RouteError });

/** Everything behind the sign-in. Without a session: to the set-up page on a new server, else to the sign-in page. */
export const sessionRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'session',
  beforeLoad: async ({ location }) => {
    // What one may do depends on the project, so it has to be known before that is asked.
    const slug = /^\/p\/([^/]+)/.exec(location.pathname)?.[1];
    if (slug) setCurrentProject(decodeURIComponent(slug));
    try {
      return { me: await queryClient.ensureQueryData(meQuery) };
    } catch (error) {
      if (!isStatus(error, 401)) throw error;
      const { needed } = await queryClient.fetchQuery(setupQuery);
      if (needed) throw redirect({ to: '/setup' });
      throw redirect({ to: '/sign-in', search: location.pathname === '/' ? {} : { next: location.href } });
    }
  },
  component: Outlet,
});

export const indexRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: '/',
  beforeLoad: ({ context }) => {
    const slugs = context.me.projects.map((p) => p.slug);
    let last: string | null = null;
    try {
      last = localStorage.getItem('rhiza.project');
    } catch {
      // Without storage the first project is the start.
    }
    const project = last && slugs.includes(last) ? last : slugs[0];
    if (project) throw redirect({ to: '/p/$project', params: { project }, replace: true });
  },
  component: lazyRouteComponent(() => import('~/features/home/no-project'), 'NoProject'),
});

export const projectRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: '/p/$project',
  beforeLoad: async ({ params }) => {
    setCurrentProject(params.project);
    await meInProject();
    try {
      localStorage.setItem('rhiza.project', params.project);
    } catch {
      // Only a convenience.
    }
  },
  component: Shell,
});
