import { createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { auditSearch } from '../searches';
import { asString, compact } from '../search';
import { projectRoute } from './root';

const adminRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/admin',
  component: lazyRouteComponent(() => import('~/features/admin/admin-page'), 'AdminPage'),
});
const indexRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/',
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/p/$project/admin/organization', params, replace: true });
  },
});
const organizationRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/organization',
  component: lazyRouteComponent(() => import('~/features/admin/organization'), 'OrganizationPage'),
});
const membersRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/members',
  validateSearch: (s: Record<string, unknown>) => compact({ q: asString(s['q']) }),
  component: lazyRouteComponent(() => import('~/features/admin/members'), 'MembersPage'),
});
const invitationsRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/invitations',
  component: lazyRouteComponent(() => import('~/features/admin/invitations'), 'InvitationsPage'),
});
const teamsRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/teams',
  component: lazyRouteComponent(() => import('~/features/admin/teams'), 'TeamsPage'),
});
const rolesRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/roles',
  component: lazyRouteComponent(() => import('~/features/admin/roles'), 'RolesPage'),
});
const projectsRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/projects',
  component: lazyRouteComponent(() => import('~/features/admin/projects'), 'Projects'),
});
const projectMembersRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/projects/$projectId',
  component: lazyRouteComponent(() => import('~/features/admin/project-members'), 'ProjectMembersPage'),
});
const keysRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/keys',
  component: lazyRouteComponent(() => import('~/features/admin/keys'), 'Keys'),
});
const serviceAccountsRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/service-accounts',
  component: lazyRouteComponent(() => import('~/features/admin/service-accounts'), 'ServiceAccountsPage'),
});
const tokensRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/tokens',
  component: lazyRouteComponent(() => import('~/features/admin/tokens'), 'TokensPage'),
});
const auditRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/audit',
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import('~/features/admin/audit'), 'AuditPage'),
});
const quotasRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/quotas',
  component: lazyRouteComponent(() => import('~/features/admin/quotas'), 'QuotasPage'),
});
const mailboxRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/mailbox',
  component: lazyRouteComponent(() => import('~/features/admin/mailbox'), 'MailboxPage'),
});
/** Where sessions were before there was a page for one's account. */
const sessionsRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/sessions',
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/p/$project/account/sessions', params, replace: true });
  },
});

export const adminRoutes = adminRoute.addChildren([
  indexRoute,
  organizationRoute,
  membersRoute,
  invitationsRoute,
  teamsRoute,
  rolesRoute,
  projectsRoute,
  projectMembersRoute,
  keysRoute,
  serviceAccountsRoute,
  tokensRoute,
  auditRoute,
  quotasRoute,
  mailboxRoute,
  sessionsRoute,
]);
