import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router';
import { setCurrentProject } from './client';
import { isStatus } from './errors';
import { NotFound, RouteError } from './fallbacks';
import { meQuery, queryClient, setupQuery } from './queries';
import { compareSearch, experimentsSearch, modelSearch, runSearch, runsSearch } from './searches';
import { asString, compact } from './search';
import { Shell } from './shell';

const rootRoute = createRootRoute({ component: Outlet, notFoundComponent: NotFound, errorComponent: RouteError });

const setupRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/setup',
  validateSearch: (s: Record<string, unknown>) => compact({ token: asString(s['token']) }),
  component: lazyRouteComponent(() => import('~/features/access/setup-page'), 'SetupPage'),
});

const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in',
  validateSearch: (s: Record<string, unknown>) => compact({ next: asString(s['next']) }),
  component: lazyRouteComponent(() => import('~/features/access/sign-in-page'), 'SignInPage'),
});

/** Everything behind the sign-in. Without a session: to the set-up page on a new server, else to the sign-in page. */
const sessionRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'session',
  beforeLoad: async ({ location }) => {
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

const indexRoute = createRoute({
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

const projectRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: '/p/$project',
  beforeLoad: ({ params }) => {
    setCurrentProject(params.project);
    try {
      localStorage.setItem('rhiza.project', params.project);
    } catch {
      // Only a convenience.
    }
  },
  component: Shell,
});

const homeRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/',
  component: lazyRouteComponent(() => import('~/features/home/home-page'), 'HomePage'),
});
const experimentsRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/experiments',
  validateSearch: experimentsSearch,
  component: lazyRouteComponent(() => import('~/features/experiments/experiments-page'), 'ExperimentsPage'),
});
const runsRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/experiments/$experimentId',
  validateSearch: runsSearch,
  component: lazyRouteComponent(() => import('~/features/runs/runs-page'), 'RunsPage'),
});
const loggedModelsRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/experiments/$experimentId/models',
  component: lazyRouteComponent(() => import('~/features/registry/logged-models-page'), 'LoggedModelsPage'),
});
const runRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/runs/$runId',
  validateSearch: runSearch,
  component: lazyRouteComponent(() => import('~/features/run/run-page'), 'RunPage'),
});
const compareRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/compare',
  validateSearch: compareSearch,
  component: lazyRouteComponent(() => import('~/features/compare/compare-page'), 'ComparePage'),
});
const modelsRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/models',
  validateSearch: (s: Record<string, unknown>) => compact({ q: asString(s['q']) }),
  component: lazyRouteComponent(() => import('~/features/registry/models-page'), 'ModelsPage'),
});
const modelRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/models/$name',
  component: lazyRouteComponent(() => import('~/features/registry/model-page'), 'ModelPage'),
});
const versionRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/models/$name/versions/$version',
  validateSearch: modelSearch,
  component: lazyRouteComponent(() => import('~/features/registry/version-page'), 'VersionPage'),
});
const loggedModelRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/logged-models/$modelId',
  validateSearch: modelSearch,
  component: lazyRouteComponent(() => import('~/features/registry/logged-model-page'), 'LoggedModelPage'),
});
const adminRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/admin',
  component: lazyRouteComponent(() => import('~/features/admin/admin-page'), 'AdminPage'),
});
const adminIndexRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/',
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/p/$project/admin/keys', params, replace: true });
  },
});
const keysRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/keys',
  component: lazyRouteComponent(() => import('~/features/admin/keys'), 'Keys'),
});
const sessionsRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/sessions',
  component: lazyRouteComponent(() => import('~/features/admin/sessions'), 'Sessions'),
});
const projectsRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/projects',
  component: lazyRouteComponent(() => import('~/features/admin/projects'), 'Projects'),
});

const routeTree = rootRoute.addChildren([
  setupRoute,
  signInRoute,
  sessionRoute.addChildren([
    indexRoute,
    projectRoute.addChildren([
      homeRoute,
      experimentsRoute,
      runsRoute,
      loggedModelsRoute,
      runRoute,
      compareRoute,
      modelsRoute,
      modelRoute,
      versionRoute,
      loggedModelRoute,
      adminRoute.addChildren([adminIndexRoute, keysRoute, sessionsRoute, projectsRoute]),
    ]),
  ]),
]);

export const router = createRouter({
  routeTree,
  defaultPreload: 'intent',
  defaultErrorComponent: RouteError,
  defaultNotFoundComponent: NotFound,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
