import type { StoredDataset } from '~/api';
import { client } from '~/api/client.gen';
import { currentProject } from '~/app/client';
import { toApiError } from '~/app/errors';

export interface Progress {
  sent: number;
  total: number;
}

/**
 * Sends a file and tells how much of it has gone. The generated client cannot: `fetch` says nothing about what it sends.
 * Rejects with an `ApiError`, or with an `AbortError` when `signal` stops it.
 */
export function uploadDataset(file: File, query: { name: string; format?: string }, tell: (progress: Progress) => void, signal: AbortSignal): Promise<StoredDataset> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', client.buildUrl({ url: '/api/v1/datasets', query: { ...query, file: file.name.slice(-200) } }));
    request.responseType = 'json';
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    const project = currentProject();
    if (project) request.setRequestHeader('X-Rhiza-Project', project);
    const failed = () => reject(toApiError(request.response, request.status, request.getResponseHeader('x-request-id')));
    request.upload.addEventListener('progress', (event) => tell({ sent: event.loaded, total: event.lengthComputable ? event.total : file.size }));
    request.addEventListener('load', () => (request.status >= 200 && request.status < 300 ? resolve(request.response as StoredDataset) : failed()));
    request.addEventListener('error', failed);
    request.addEventListener('abort', () => reject(new DOMException('The upload was stopped.', 'AbortError')));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}
