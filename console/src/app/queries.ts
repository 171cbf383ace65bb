import { QueryClient } from '@tanstack/react-query';
import { getMe, getSetup } from '~/api';
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

export const meQuery = {
  queryKey: ['me'],
  queryFn: async () => (await getMe()).data,
  staleTime: 60_000,
};

export const setupQuery = {
  queryKey: ['setup'],
  queryFn: async () => (await getSetup()).data,
  staleTime: 0,
};
