import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { getAutomlJob, getAutomlResults, listAutomlJobs, listAutomlTrials, streamAutomlEvents, type AutomlJob, type AutomlTrials, type WorkState } from '~/api';
import { client } from '~/api/client.gen';
import { currentProject } from '~/app/client';
import { useProject } from '~/app/project';
import { follow, type LiveState } from '~/app/stream';
import { withTrial } from './leaderboard';
import { isGoing } from './names';

/** How often a list with searches under way is asked for again; a search's own page follows its events. */
const lookEvery = 2_000;

export interface JobFilter {
  dataset?: string | undefined;
  state?: WorkState | undefined;
}

export function useJobs({ dataset, state }: JobFilter) {
  const project = useProject();
  return useInfiniteQuery({
    queryKey: ['automl', project, 'jobs', dataset, state],
    queryFn: async ({ pageParam, signal }) =>
      (await listAutomlJobs({ query: { limit: 100, ...(dataset ? { dataset_id: dataset } : {}), ...(state ? { state } : {}), ...(pageParam ? { cursor: pageParam } : {}) }, signal })).data,
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => (query.state.data?.pages.some((p) => p.items.some((j) => isGoing(j.state))) ? lookEvery : false),
  });
}

function jobKey(project: string, id: string) {
  return ['automl', project, 'job', id] as const;
}

function trialsKey(project: string, id: string) {
  return ['automl', project, 'trials', id] as const;
}

export function jobQuery(project: string, id: string) {
  return { queryKey: jobKey(project, id), queryFn: async () => (await getAutomlJob({ path: { automl_id: id } })).data };
}

export function useJob(id: string) {
  return useQuery(jobQuery(useProject(), id));
}

export function trialsQuery(project: string, id: string) {
  return { queryKey: trialsKey(project, id), queryFn: async () => (await listAutomlTrials({ path: { automl_id: id } })).data };
}

export function useTrials(id: string) {
  return useQuery(trialsQuery(useProject(), id));
}

/** `run` keeps results of a search that was resumed apart from those it had before. */
export function resultsQuery(project: string, id: string, finished: string | null | undefined) {
  return {
    queryKey: ['automl', project, 'results', id, finished ?? null] as const,
    queryFn: async () => (await getAutomlResults({ path: { automl_id: id } })).data,
    staleTime: Number.POSITIVE_INFINITY,
  };
}

export function useResults(job: AutomlJob) {
  return useQuery({ ...resultsQuery(useProject(), job.automl_id, job.finished_at), enabled: job.state === 'succeeded' });
}

/** While the search goes on: its events, put into what is known of it. Reconnects by itself. */
export function useLiveJob(id: string, job: AutomlJob | undefined): LiveState {
  const queries = useQueryClient();
  const project = useProject();
  const [state, setState] = useState<LiveState>('off');
  const going = isGoing(job?.state);
  useEffect(() => {
    if (!going) return;
    const controller = new AbortController();
    void follow({
      open: (options) => streamAutomlEvents({ path: { automl_id: id }, ...options }),
      onEvent: (event) => {
        if (event.type === 'job') queries.setQueryData(jobKey(project, id), event.job);
        else {
          const plan = queries.getQueryData<AutomlJob>(jobKey(project, id))?.plan;
          queries.setQueryData<AutomlTrials>(trialsKey(project, id), (board) => withTrial(board, event.trial, plan?.greater_is_better));
        }
      },
      onState: setState,
      onBroken: () => void askAgain(queries, project, id),
      signal: controller.signal,
    });
    return () => {
      controller.abort();
      setState('off');
      // The weights of the blend come with the end.
      void askAgain(queries, project, id);
      void queries.invalidateQueries({ queryKey: ['automl', project, 'jobs'] });
    };
  }, [queries, project, id, going]);
  return state;
}

function askAgain(queries: QueryClient, project: string, id: string) {
  return Promise.all([queries.invalidateQueries({ queryKey: jobKey(project, id) }), queries.invalidateQueries({ queryKey: trialsKey(project, id) })]);
}

/** After any change to searches everything that shows them is asked for again. */
export function useRefreshAutoml() {
  const queries = useQueryClient();
  return () => Promise.all([queries.invalidateQueries({ queryKey: ['automl'] }), queries.invalidateQueries({ queryKey: ['runs'] })]);
}

/** A plain link to the model's file. Links carry no header, so the project is in the address. */
export function modelUrl(id: string): string {
  const project = currentProject();
  return client.buildUrl({ url: '/api/v1/automl/jobs/{automl_id}/model', path: { automl_id: id }, query: { format: 'rhiza', ...(project ? { project } : {}) } });
}
