import { QueryClient } from '@tanstack/react-query';
import { getAuthOptions, getMe, getSetup, type Me } from '~/api';
import { currentProject } from './client';
import { ApiError } from './errors';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A refusal is an answer; only what may pass by itself is tried again.
      retry: (failures, error) => failures < 2 && (!(error instanceof ApiError) || error.status === 0 || error.status === 503),
    },
  },
});

let askedIn: string | null = null;

/** Who one is. What one may do depends on the project, so it is asked again when another project is entered. */
export const meQuery = {
  queryKey: ['me'],
  queryFn: async () => {
    askedIn = currentProject();
    return (await getMe()).data;
  },
  staleTime: 60_000,
};

/** Starts over with the person who has just come in: nothing of anybody else may be shown. */
export function rememberMe(me: Me) {
  queryClient.clear();
  askedIn = null;
  queryClient.setQueryData(meQuery.queryKey, me);
}

/** Asks anew what one may do, if it was not asked in the present project. */
export async function meInProject() {
  if (askedIn !== currentProject()) await queryClient.fetchQuery({ ...meQuery, staleTime: 0 });
}

export const setupQuery = {
  queryKey: ['setup'],
  queryFn: async () => (await getSetup()).data,
  staleTime: 0,
};

/** What the server offers to those who come in: registration, mail, passkeys, providers. */
export const authOptionsQuery = {
  queryKey: ['auth-options'],
  queryFn: async () => (await getAuthOptions()).data,
  staleTime: 60_000,
};
