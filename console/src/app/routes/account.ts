import { createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { projectRoute } from './root';

const accountRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/account',
  component: lazyRouteComponent(() => import('~/features/account/account-page'), 'AccountPage'),
});
const indexRoute = createRoute({
  getParentRoute: () => accountRoute,
  path: '/',
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/p/$project/account/profile', params, replace: true });
  },
});
const profileRoute = createRoute({
  getParentRoute: () => accountRoute,
  path: '/profile',
  component: lazyRouteComponent(() => import('~/features/account/profile'), 'ProfilePage'),
});
const securityRoute = createRoute({
  getParentRoute: () => accountRoute,
  path: '/security',
  component: lazyRouteComponent(() => import('~/features/account/security'), 'SecurityPage'),
});
const sessionsRoute = createRoute({
  getParentRoute: () => accountRoute,
  path: '/sessions',
  component: lazyRouteComponent(() => import('~/features/account/sessions'), 'SessionsPage'),
});
const dataRoute = createRoute({
  getParentRoute: () => accountRoute,
  path: '/data',
  component: lazyRouteComponent(() => import('~/features/account/data'), 'DataPage'),
});

export const accountRoutes = accountRoute.addChildren([indexRoute, profileRoute, securityRoute, sessionsRoute, dataRoute]);
