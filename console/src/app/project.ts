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

/** Whether the person's role allows something, by the names the server lists in `permissions`. */
export function useCan(permission: string): boolean {
  const me = useMe();
  return me?.permissions.includes(permission) ?? false;
}
