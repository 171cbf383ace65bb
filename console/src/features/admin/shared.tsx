import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Lock } from 'lucide-react';
import type { ComponentProps, ReactNode } from 'react';
import { listRoles, type AccessRole } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { useMe } from '~/app/project';
import { Why } from '~/app/why';
import { Button } from '~/ui/button';
import { Select } from '~/ui/field';
import { Loading } from '~/ui/states';

interface PageOf<T> {
  items: T[];
  next_cursor?: string | null;
}

/** A list of the server's, page after page. */
export function usePages<T>(queryKey: readonly unknown[], read: (page: { limit: number; cursor?: string }, signal: AbortSignal) => Promise<PageOf<T>>) {
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => read({ limit: 100, ...(pageParam ? { cursor: pageParam } : {}) }, signal),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: (previous) => previous,
  });
  return { query, items: query.data?.pages.flatMap((p) => p.items) ?? [] };
}

interface ListingProps<T> {
  list: { query: ReturnType<typeof useInfiniteQuery<PageOf<T>, Error>> | ReturnType<typeof usePages<T>>['query']; items: T[] };
  label: string;
  empty: ReactNode;
  children: (items: T[]) => ReactNode;
}

/** What a list shows while it is read, when that fails, when it is empty, and when there is more. */
export function Listing<T>({ list: { query, items }, label, empty, children }: ListingProps<T>) {
  return (
    <>
      {query.isPending ? <Loading label={`Loading ${label}`} /> : null}
      {query.isError && items.length === 0 ? <QueryError error={query.error} onRetry={() => void query.refetch()} /> : null}
      {query.isSuccess && items.length === 0 ? empty : null}
      {items.length > 0 ? children(items) : null}
      {query.hasNextPage ? (
        <div className="p-4 text-center">
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Show more
          </Button>
        </div>
      ) : null}
    </>
  );
}

/** Says that one may look here but not change, and why. */
export function ReadOnly({ permission, what }: { permission: string; what: string }) {
  return (
    <p className="flex flex-wrap items-center gap-x-1.5 border-b px-4 py-2 text-xs text-muted">
      <Lock aria-hidden className="size-3.5 shrink-0 text-faint" /> {what} needs <code className="font-mono">{permission}</code>.
      <Why permission={permission} />
    </p>
  );
}

export const rolesQuery = { queryKey: ['roles'], queryFn: async () => (await listRoles()).data.items, staleTime: 30_000 };

/** A role by name, the organisation's own ones included. */
export function useRoleName(): (role: string) => string {
  const { data } = useQuery(rolesQuery);
  return (role) => data?.find((r) => r.id === role)?.name ?? role;
}

/** Whether `mine` covers all that a role includes: a role can give nothing its giver lacks. */
export function canGive(role: Pick<AccessRole, 'permissions'>, mine: readonly string[]): boolean {
  return role.permissions.every((p) => mine.includes(p));
}

/** The roles that may be given, by name. Those that include what one lacks oneself are shown but shut. */
export function RoleSelect({ value, className, ...rest }: ComponentProps<'select'> & { value: string }) {
  const { data } = useQuery(rolesQuery);
  const mine = useMe()?.organization_permissions ?? [];
  return (
    <Select {...rest} value={value} className={className}>
      {data?.some((r) => r.id === value) ? null : <option value={value}>{value}</option>}
      {data?.map((role) => (
        <option key={role.id} value={role.id} disabled={role.id !== value && !canGive(role, mine)}>
          {role.name}
        </option>
      ))}
    </Select>
  );
}

/** A select as large as the inputs of a form. */
export const formSelect = 'h-8! w-full max-w-none! text-sm! pointer-coarse:h-10!';
