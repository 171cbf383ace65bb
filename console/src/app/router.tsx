// First: the secret of a link leaves the address bar before anything looks at the address.
import './link-token';
import { createRouter } from '@tanstack/react-router';
import { NotFound, RouteError } from './fallbacks';
import { accountRoutes } from './routes/account';
import { adminRoutes } from './routes/admin';
import { automlRoutes } from './routes/automl';
import { indexRoute, projectRoute, rootRoute, sessionRoute } from './routes/root';
import { signedOutRoutes } from './routes/signed-out';
import { trackingRoutes } from './routes/tracking';

const routeTree = rootRoute.addChildren([
  ...signedOutRoutes,
  sessionRoute.addChildren([indexRoute, projectRoute.addChildren([...trackingRoutes, ...automlRoutes, adminRoutes, accountRoutes])]),
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
