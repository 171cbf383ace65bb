import { getModelArtifact, getRunArtifact, listModelArtifacts, listRunArtifacts, type Artifact } from '~/api';
import { client } from '~/api/client.gen';
import { currentProject } from '~/app/client';

/** Where files are: under a run, or under a logged model. */
export interface ArtifactSource {
  kind: 'run' | 'model';
  id: string;
}

export async function listArtifacts(source: ArtifactSource, path: string, signal: AbortSignal): Promise<Artifact[]> {
  const items: Artifact[] = [];
  let cursor: string | null | undefined;
  do {
    const query = { path, limit: 200, ...(cursor ? { cursor } : {}) };
    const { data } =
      source.kind === 'run'
        ? await listRunArtifacts({ path: { run_id: source.id }, query, signal })
        : await listModelArtifacts({ path: { model_id: source.id }, query, signal });
    items.push(...data.items);
    cursor = data.next_cursor;
    // Beyond this nobody scrolls; the whole folder can still be fetched by the client.
  } while (cursor && items.length < 2000);
  return items;
}

/** The first `limit` bytes of a file. */
export async function readArtifact(source: ArtifactSource, path: string, limit: number, signal: AbortSignal): Promise<Blob> {
  const options = { query: { path }, headers: { Range: `bytes=0-${limit - 1}` }, parseAs: 'blob' as const, signal };
  const { data } =
    source.kind === 'run' ? await getRunArtifact({ path: { run_id: source.id }, ...options }) : await getModelArtifact({ path: { model_id: source.id }, ...options });
  return data as unknown as Blob;
}

/** A plain link: large files go from the server straight to disk. Links carry no header, so the project is in the address. */
export function downloadUrl(source: ArtifactSource, path: string): string {
  const project = currentProject();
  return client.buildUrl({
    url: source.kind === 'run' ? '/api/v1/tracking/runs/{run_id}/artifacts/content' : '/api/v1/tracking/models/{model_id}/artifacts/content',
    path: source.kind === 'run' ? { run_id: source.id } : { model_id: source.id },
    query: { path, download: true, ...(project ? { project } : {}) },
  });
}
