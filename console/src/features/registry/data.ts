import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { getModelVersionLineage, mlflowGetLoggedModel, mlflowGetModelVersion, mlflowGetRegisteredModel, mlflowSearchModelVersions, mlflowSearchRegisteredModels, searchModelRegistrations, type MlflowModelVersion, type MlflowRegisteredModel, type ModelRegistration } from '~/api';
import { useProject } from '~/app/project';
import { likePattern, quoteText } from '../runs/grammar';

export function useModels(q: string) {
  const project = useProject();
  return useInfiniteQuery({
    queryKey: ['models', project, q],
    queryFn: async ({ pageParam, signal }) =>
      (await mlflowSearchRegisteredModels({ query: { max_results: 100, ...(q ? { filter: `name ILIKE ${likePattern(q)}` } : {}), ...(pageParam ? { page_token: pageParam } : {}) }, signal })).data,
    initialPageParam: '',
    getNextPageParam: (last) => last.next_page_token || undefined,
    placeholderData: keepPreviousData,
  });
}

export function useModel(name: string) {
  const project = useProject();
  return useQuery({
    queryKey: ['model', project, name],
    queryFn: async () => (await mlflowGetRegisteredModel({ query: { name } })).data.registered_model,
  });
}

export function useVersions(name: string) {
  const project = useProject();
  return useQuery({
    queryKey: ['versions', project, name],
    queryFn: async (): Promise<MlflowModelVersion[]> => {
      const all: MlflowModelVersion[] = [];
      let page_token: string | undefined;
      do {
        const { data } = await mlflowSearchModelVersions({
          query: { filter: `name = ${quoteText(name)}`, max_results: 1000, order_by: ['version_number DESC'], ...(page_token ? { page_token } : {}) },
        });
        all.push(...(data.model_versions ?? []));
        page_token = data.next_page_token || undefined;
      } while (page_token && all.length < 5000);
      return all;
    },
  });
}

export function useVersion(name: string, version: string) {
  const project = useProject();
  return useQuery({
    queryKey: ['version', project, name, version],
    queryFn: async () => (await mlflowGetModelVersion({ query: { name, version } })).data.model_version,
  });
}

export function useLoggedModel(modelId: string) {
  const project = useProject();
  return useQuery({
    queryKey: ['logged-model', project, modelId],
    queryFn: async () => (await mlflowGetLoggedModel({ path: { model_id: modelId } })).data.model,
    enabled: modelId !== '',
  });
}

/** Where a version comes from: its run, that run's data, and the logged model it is. */
export function useLineage(name: string, version: string) {
  const project = useProject();
  return useQuery({
    queryKey: ['version', project, name, version, 'lineage'],
    queryFn: async () => (await getModelVersionLineage({ path: { name, version } })).data,
  });
}

/** The registered versions that are these logged models. */
export function useRegistrations(modelIds: readonly string[]) {
  const project = useProject();
  return useQuery({
    queryKey: ['versions', project, 'of-models', modelIds],
    queryFn: async () => {
      const items: ModelRegistration[] = [];
      for (let i = 0; i < modelIds.length; i += 200) items.push(...(await searchModelRegistrations({ body: { model_ids: modelIds.slice(i, i + 200) } })).data.items);
      return items;
    },
    enabled: modelIds.length > 0,
    placeholderData: keepPreviousData,
  });
}

/** After any change to the registry everything that shows it is asked for again. */
export function useRefreshRegistry() {
  const client = useQueryClient();
  return () => Promise.all(['models', 'model', 'versions', 'version', 'logged-model', 'logged-models', 'runs'].map((key) => client.invalidateQueries({ queryKey: [key] })));
}

/** The aliases of one version, told from the model's own list. */
export function aliasesOf(model: MlflowRegisteredModel | undefined, version: string | undefined): string[] {
  return (model?.aliases ?? []).flatMap((a) => (a.version === version ? [a.alias] : []));
}
