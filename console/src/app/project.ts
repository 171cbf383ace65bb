import { getRouteApi } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { meQuery } from './queries';

const route = getRouteApi('/session/p/$project');

/** The project of the address. */
export function useProject(): string {
  return route.useParams({ select: (p) => p.project });
}

export function useMe() {
  return useQuery(meQuery).data;
}

/** Whether something may be done in the project, by the names the server lists in `permissions`. */
export function useCan(permission: string): boolean {
  const me = useMe();
  return me?.permissions.includes(permission) ?? false;
}

/** Whether something may be done to the organisation as a whole. */
export function useCanInOrganization(permission: string): boolean {
  const me = useMe();
  return me?.organization_permissions.includes(permission) ?? false;
}
