import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { asOneOf, asString, compact } from '../search';
import { rootRoute } from './root';

const setupRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/setup',
  component: lazyRouteComponent(() => import('~/features/access/setup-page'), 'SetupPage'),
});
const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in',
  validateSearch: (s: Record<string, unknown>) =>
    compact({
      next: asString(s['next']),
      /** What a provider's refusal comes back with, in words. */
      error: asString(s['error']),
      done: asOneOf(s['done'], ['password', 'email', 'deleted'] as const),
    }),
  component: lazyRouteComponent(() => import('~/features/access/sign-in-page'), 'SignInPage'),
});
const registerRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/register',
  component: lazyRouteComponent(() => import('~/features/access/register-page'), 'RegisterPage'),
});
const forgotRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/forgot-password',
  component: lazyRouteComponent(() => import('~/features/access/forgot-page'), 'ForgotPage'),
});
const verifyRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/verify-email',
  component: lazyRouteComponent(() => import('~/features/access/link-pages'), 'VerifyEmailPage'),
});
const confirmRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/confirm-email',
  component: lazyRouteComponent(() => import('~/features/access/link-pages'), 'ConfirmEmailPage'),
});
const resetRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/reset-password',
  component: lazyRouteComponent(() => import('~/features/access/link-pages'), 'ResetPasswordPage'),
});
const invitationRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/invitation',
  component: lazyRouteComponent(() => import('~/features/access/invitation-page'), 'InvitationPage'),
});

export const signedOutRoutes = [setupRoute, signInRoute, registerRoute, forgotRoute, verifyRoute, confirmRoute, resetRoute, invitationRoute] as const;
