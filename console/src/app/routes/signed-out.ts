import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { asString, compact } from '../search';
import { rootRoute } from './root';

const setupRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/setup',
  component: lazyRouteComponent(() => import('~/features/access/setup-page'), 'SetupPage'),
});
const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in',
  validateSearch: (s: Record<string, unknown>) => compact({ next: asString(s['next']) }),
  component: lazyRouteComponent(() => import('~/features/access/sign-in-page'), 'SignInPage'),
});
export const signedOutRoutes = [setupRoute, signInRoute] as const;
