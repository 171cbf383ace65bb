import type { ErrorText } from '~/ui/states';

/** Every refusal of the server in one shape, whichever surface it came from. */
export class ApiError extends Error {
  override name = 'ApiError';
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields: { pointer: string; detail: string }[],
    readonly requestId: string | undefined,
    /** What the caller lacks, where that is the fault. */
    readonly permission?: string | undefined,
  ) {
    super(message);
  }
}

interface Body {
  detail?: unknown;
  title?: unknown;
  code?: unknown;
  request_id?: unknown;
  errors?: unknown;
  message?: unknown;
  error_code?: unknown;
  permission?: unknown;
}

/** Native problems (`detail`, `code`, `errors`) and MLflow's errors (`message`, `error_code`) as one. */
export function toApiError(body: unknown, status: number, requestIdHeader: string | null): ApiError {
  const b: Body = typeof body === 'object' && body !== null ? body : {};
  const text = [b.detail, b.message, b.title].find((t): t is string => typeof t === 'string' && t !== '');
  const code = [b.code, b.error_code].find((c): c is string => typeof c === 'string');
  const fields = Array.isArray(b.errors)
    ? b.errors.flatMap((e: { pointer?: unknown; detail?: unknown }) =>
        typeof e?.detail === 'string' ? [{ pointer: typeof e.pointer === 'string' ? e.pointer : '', detail: e.detail }] : [],
      )
    : [];
  const requestId = typeof b.request_id === 'string' ? b.request_id : (requestIdHeader ?? undefined);
  const permission = typeof b.permission === 'string' ? b.permission : undefined;
  return new ApiError(status, (code ?? 'internal').toLowerCase(), text ?? fallback(status), fields, requestId, permission);
}

function fallback(status: number): string {
  if (status === 0) return 'The server cannot be reached.';
  return `The server answered ${status}.`;
}

export function isStatus(error: unknown, status: number): boolean {
  return error instanceof ApiError && error.status === status;
}

const titles: Record<number, string> = {
  0: 'The server cannot be reached',
  401: 'You are signed out',
  402: 'The plan does not allow more',
  403: 'You may not do this',
  404: 'This does not exist',
  409: 'This conflicts with what is there',
  412: 'Someone changed this in the meantime',
  413: 'This is too large',
  429: 'Too many requests',
  500: 'The server failed',
  503: 'The server is not available just now',
};

/** What to show of an error: what happened, the faulty fields and the request id. */
export function describeError(error: unknown): ErrorText {
  if (error instanceof ApiError) {
    const lacks = error.status === 403 && error.permission !== 'confirmation' ? error.permission : undefined;
    return { title: error.message || titles[error.status] || 'Something went wrong', fields: error.fields, requestId: error.requestId, permission: lacks };
  }
  return { title: error instanceof Error ? error.message : String(error) };
}

/** The fault of one form field, by its JSON pointer. */
export function fieldError(error: unknown, pointer: string): string | null {
  if (!(error instanceof ApiError)) return null;
  return error.fields.find((f) => f.pointer === pointer)?.detail ?? null;
}
