import {
  getModelArtifact,
  getModelVersionArtifact,
  getRunArtifact,
  listModelArtifacts,
  listModelVersionArtifacts,
  listRunArtifacts,
  type ArtifactEntry,
} from '~/api';
import { client } from '~/api/client.gen';
import { currentProject } from '~/app/client';

/** Where files are: under a run, a logged model, or a registered version. */
export type ArtifactSource = { kind: 'run' | 'model'; id: string } | { kind: 'version'; name: string; version: string };

/** Tells one source from another in the keys of queries. */
export function sourceKey(source: ArtifactSource): string {
  return source.kind === 'version' ? `version ${source.version} ${source.name}` : `${source.kind} ${source.id}`;
}

export async function listArtifacts(source: ArtifactSource, path: string, signal: AbortSignal): Promise<ArtifactEntry[]> {
  const options = { query: { path }, signal };
  switch (source.kind) {
    case 'run':
      return (await listRunArtifacts({ path: { run_id: source.id }, ...options })).data.items;
    case 'model':
      return (await listModelArtifacts({ path: { model_id: source.id }, ...options })).data.items;
    case 'version':
      return (await listModelVersionArtifacts({ path: { name: source.name, version: source.version }, ...options })).data.items;
  }
}

/** The first `limit` bytes of a file. */
export async function readArtifact(source: ArtifactSource, path: string, limit: number, signal: AbortSignal): Promise<Blob> {
  const options = { query: { path }, headers: { Range: `bytes=0-${limit - 1}` }, parseAs: 'blob' as const, signal };
  switch (source.kind) {
    case 'run':
      return (await getRunArtifact({ path: { run_id: source.id }, ...options })).data;
    case 'model':
      return (await getModelArtifact({ path: { model_id: source.id }, ...options })).data;
    case 'version':
      return (await getModelVersionArtifact({ path: { name: source.name, version: source.version }, ...options })).data;
  }
}

/** A plain link: large files go from the server straight to disk. Links carry no header, so the project is in the address. */
export function downloadUrl(source: ArtifactSource, path: string): string {
  const project = currentProject();
  const query = { path, download: true, ...(project ? { project } : {}) };
  switch (source.kind) {
    case 'run':
      return client.buildUrl({ url: '/api/v1/tracking/runs/{run_id}/artifacts/content', path: { run_id: source.id }, query });
    case 'model':
      return client.buildUrl({ url: '/api/v1/tracking/models/{model_id}/artifacts/content', path: { model_id: source.id }, query });
    case 'version':
      return client.buildUrl({
        url: '/api/v1/tracking/registered-models/{name}/versions/{version}/artifacts/content',
        path: { name: source.name, version: source.version },
        query,
      });
  }
}
