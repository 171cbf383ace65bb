import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { compareExplanations, getExplanation, listExplanations } from '~/api';
import { useProject } from '~/app/project';
import { isGoing } from '../automl/names';

/** How often what is being explained is looked at. */
const lookEvery = 1_000;

export interface ExplanationFilter {
  automl?: string | undefined;
  name?: string | undefined;
}

export function useExplanations({ automl, name }: ExplanationFilter) {
  const project = useProject();
  return useInfiniteQuery({
    queryKey: ['explanations', project, automl, name],
    queryFn: async ({ pageParam, signal }) =>
      (await listExplanations({ query: { limit: 100, ...(automl ? { automl_id: automl } : {}), ...(name ? { name } : {}), ...(pageParam ? { cursor: pageParam } : {}) }, signal })).data,
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => (query.state.data?.pages.some((p) => p.items.some((e) => isGoing(e.state))) ? lookEvery * 2 : false),
  });
}

/** One explanation, looked at again until there is a result or a reason why not. */
export function useExplanation(id: string | undefined) {
  const project = useProject();
  return useQuery({
    queryKey: ['explanation', project, id],
    queryFn: async () => (await getExplanation({ path: { explanation_id: id ?? '' } })).data,
    enabled: id !== undefined,
    refetchInterval: (query) => (isGoing(query.state.data?.state) ? lookEvery : false),
    // Once it is there it never changes.
    staleTime: (query) => (query.state.data && !isGoing(query.state.data.state) ? Number.POSITIVE_INFINITY : 0),
  });
}

export function useComparison(left: string | undefined, right: string | undefined) {
  const project = useProject();
  return useQuery({
    queryKey: ['explanation', project, 'compare', left, right],
    queryFn: async () => (await compareExplanations({ query: { left: left ?? '', right: right ?? '' } })).data,
    enabled: left !== undefined && right !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** After explanations came or went every list of them is asked for again. */
export function useRefreshExplanations() {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: ['explanations'] });
}
