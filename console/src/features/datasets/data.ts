import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import {
  getDataset,
  getDatasetProfile,
  getDatasetVersion,
  getJob,
  listDatasets,
  listDatasetVersions,
  previewDatasetVersion,
  profileDatasetVersion,
  type DatasetProfile,
  type DatasetVersion,
} from '~/api';
import { client } from '~/api/client.gen';
import { currentProject } from '~/app/client';
import { useCan, useProject } from '~/app/project';

/** How often what is being read is looked at. */
const lookEvery = 1_000;

export function useDatasets(q: string) {
  const project = useProject();
  return useInfiniteQuery({
    queryKey: ['datasets', project, q],
    queryFn: async ({ pageParam, signal }) =>
      (await listDatasets({ query: { limit: 100, ...(q ? { q } : {}), ...(pageParam ? { cursor: pageParam } : {}) }, signal })).data,
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => (query.state.data?.pages.some((p) => p.items.some((d) => isReading(d.latest))) ? lookEvery : false),
  });
}

export function isReading(version: DatasetVersion | undefined): boolean {
  return version?.state === 'reading';
}

export function useDataset(id: string) {
  const project = useProject();
  return useQuery({
    queryKey: ['dataset', project, id],
    queryFn: async () => (await getDataset({ path: { dataset_id: id } })).data,
    enabled: id !== '',
    refetchInterval: (query) => (isReading(query.state.data?.latest) ? lookEvery : false),
  });
}

/** One version with its columns and profile, looked at again until it has been read. */
export function useVersion(id: string, version: number | undefined) {
  const project = useProject();
  return useQuery({
    queryKey: ['dataset', project, id, 'version', version],
    queryFn: async () => (await getDatasetVersion({ path: { dataset_id: id, version: String(version) } })).data,
    enabled: version !== undefined,
    refetchInterval: (query) => (isReading(query.state.data) ? lookEvery : false),
    // Once it has been read it never changes.
    staleTime: (query) => (query.state.data?.state === 'ready' ? Number.POSITIVE_INFINITY : 0),
    placeholderData: keepPreviousData,
  });
}

export function useVersions(id: string) {
  const project = useProject();
  return useInfiniteQuery({
    queryKey: ['dataset', project, id, 'versions'],
    queryFn: async ({ pageParam, signal }) =>
      (await listDatasetVersions({ path: { dataset_id: id }, query: { limit: 100, ...(pageParam ? { cursor: pageParam } : {}) }, signal })).data,
    enabled: id !== '',
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: (query) => (query.state.data?.pages.some((p) => p.items.some(isReading)) ? lookEvery : false),
  });
}

export function usePreview(id: string, version: number) {
  const project = useProject();
  return useQuery({
    queryKey: ['dataset', project, id, 'preview', version],
    queryFn: async () => (await previewDatasetVersion({ path: { dataset_id: id, version: String(version) } })).data,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** What the job that reads a version is doing. */
export function useReadingJob(id: string | null | undefined) {
  const project = useProject();
  return useQuery({
    queryKey: ['job', project, id],
    queryFn: async () => (await getJob({ path: { id: id ?? '' } })).data,
    enabled: Boolean(id),
    refetchInterval: lookEvery,
  });
}

/** The profile that looks at a target; for those who may write, it is made when there is none. */
export function useTargetProfile(id: string, version: number, target: string | undefined) {
  const project = useProject();
  const may = useCan('experiments:write');
  return useQuery({
    queryKey: ['dataset', project, id, 'profile', version, target],
    queryFn: ({ signal }) => targetProfile(id, String(version), target ?? '', may, signal),
    enabled: target !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
}

async function targetProfile(id: string, version: string, target: string, may: boolean, signal: AbortSignal): Promise<DatasetProfile> {
  const path = { dataset_id: id, version };
  const made = async () => (await getDatasetProfile({ path, query: { target }, signal })).data;
  if (!may) return made();
  const asked = (await profileDatasetVersion({ path, body: { target }, signal })).data;
  if (asked.profile) return asked.profile;
  for (;;) {
    const job = (await getJob({ path: { id: asked.job_id ?? '' }, signal })).data;
    if (job.state === 'succeeded') return made();
    if (job.state === 'failed' || job.state === 'cancelled') throw new Error(job.error ?? 'Looking at the target was stopped.');
    await pause(lookEvery / 2, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason instanceof Error ? signal.reason : new Error('stopped'));
    });
  });
}

/** After any change to datasets everything that shows them is asked for again. */
export function useRefreshDatasets() {
  const queries = useQueryClient();
  return () => Promise.all([queries.invalidateQueries({ queryKey: ['datasets'] }), queries.invalidateQueries({ queryKey: ['dataset'] })]);
}

/** A plain link: large files go from the server straight to disk. Links carry no header, so the project is in the address. */
export function contentUrl(id: string, version: number): string {
  const project = currentProject();
  return client.buildUrl({
    url: '/api/v1/datasets/{dataset_id}/versions/{version}/content',
    path: { dataset_id: id, version },
    query: project ? { project } : {},
  });
}
