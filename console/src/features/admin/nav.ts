import type { Me } from '~/api';

export interface Place {
  to: string;
  label: string;
  /** What one must be allowed to do, anywhere, for the place to be of any use. */
  needs?: string;
}

/** The pages of the administration, by what they are about. */
export const sections = [
  {
    title: 'Organisation',
    places: [
      { to: '/p/$project/admin/organization', label: 'General' },
      { to: '/p/$project/admin/members', label: 'Members' },
      { to: '/p/$project/admin/invitations', label: 'Invitations', needs: 'members:manage' },
      { to: '/p/$project/admin/teams', label: 'Teams' },
      { to: '/p/$project/admin/roles', label: 'Roles' },
      { to: '/p/$project/admin/projects', label: 'Projects' },
    ],
  },
  {
    title: 'Programs',
    places: [
      { to: '/p/$project/admin/keys', label: 'API keys', needs: 'keys:manage' },
      { to: '/p/$project/admin/service-accounts', label: 'Service accounts' },
      { to: '/p/$project/admin/tokens', label: 'Tokens' },
    ],
  },
  {
    title: 'Oversight',
    places: [
      { to: '/p/$project/admin/audit', label: 'Audit log', needs: 'audit:read' },
      { to: '/p/$project/admin/quotas', label: 'Plan and quotas' },
      { to: '/p/$project/admin/mailbox', label: 'Mailbox', needs: 'members:manage' },
    ],
  },
] as const satisfies readonly { title: string; places: readonly Place[] }[];

/** Whether a place is worth showing to someone who may do this. */
export function isOpenTo(place: Place, me: Pick<Me, 'permissions' | 'organization_permissions'> | undefined): boolean {
  if (!place.needs || !me) return true;
  return me.permissions.includes(place.needs) || me.organization_permissions.includes(place.needs);
}
