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
    throw redirect({ to: '/p/$project/account/sessions', params, replace: true });
  },
});
const sessionsRoute = createRoute({
  getParentRoute: () => accountRoute,
  path: '/sessions',
  component: lazyRouteComponent(() => import('~/features/account/sessions'), 'SessionsPage'),
});

export const accountRoutes = accountRoute.addChildren([indexRoute, sessionsRoute]);
