import { client } from '~/api/client.gen';
import { toApiError } from './errors';

let project: string | null = null;

/** The project whose things the console shows; every request names it, as one session may enter several. */
export function setCurrentProject(slug: string | null) {
  project = slug;
}

export function currentProject(): string | null {
  return project;
}

client.setConfig({ baseUrl: '', throwOnError: true });
client.interceptors.request.use((request) => {
  if (project) request.headers.set('X-Rhiza-Project', project);
  return request;
});
client.interceptors.error.use((body, response) => {
  if (body instanceof DOMException && body.name === 'AbortError') return body;
  const answer: Response | undefined = response;
  return toApiError(body, answer?.status ?? 0, answer?.headers.get('x-request-id') ?? null);
});
