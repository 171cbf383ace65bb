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

let leave: () => void = () => undefined;

/** What happens when the server no longer knows the session, whatever was asked of it. */
export function onSignedOut(handler: () => void) {
  leave = handler;
}

client.setConfig({ baseUrl: '', throwOnError: true });
client.interceptors.request.use((request) => {
  if (project) request.headers.set('X-Rhiza-Project', project);
  return request;
});
client.interceptors.error.use((body, response, request) => {
  if (body instanceof DOMException && body.name === 'AbortError') return body;
  const answer: Response | undefined = response;
  // Who one is, is asked before a page is entered: the router answers that refusal itself.
  if (answer?.status === 401 && location.pathname.startsWith('/p/') && new URL(request.url).pathname !== '/api/v1/me') leave();
  return toApiError(body, answer?.status ?? 0, answer?.headers.get('x-request-id') ?? null);
});
