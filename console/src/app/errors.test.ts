import { describe, expect, it } from 'vitest';
import { ApiError, describeError, fieldError, toApiError } from './errors';

describe('toApiError', () => {
  it('reads a native problem', () => {
    const error = toApiError(
      { title: 'Invalid argument', detail: 'The filter is wrong.', code: 'invalid_argument', request_id: 'r1', errors: [{ pointer: '/filter', detail: 'unexpected end at position 7' }] },
      422,
      'other',
    );
    expect(error).toBeInstanceOf(ApiError);
    expect(error.message).toBe('The filter is wrong.');
    expect(error.requestId).toBe('r1');
    expect(fieldError(error, '/filter')).toContain('position 7');
    expect(fieldError(error, '/name')).toBeNull();
  });
  it('reads an MLflow error and takes the request id from the header', () => {
    const error = toApiError({ error_code: 'RESOURCE_ALREADY_EXISTS', message: 'Experiment exists.' }, 400, 'r2');
    expect(error.code).toBe('resource_already_exists');
    expect(describeError(error)).toEqual({ title: 'Experiment exists.', fields: [], requestId: 'r2', permission: undefined });
  });
  it('keeps which permission lacked, and says it unless only a confirmation does', () => {
    const denied = toApiError({ detail: 'No.', code: 'permission_denied', permission: 'models:review' }, 403, null);
    expect(describeError(denied).permission).toBe('models:review');
    const confirm = toApiError({ detail: 'Again.', code: 'permission_denied', permission: 'confirmation' }, 403, null);
    expect(confirm.permission).toBe('confirmation');
    expect(describeError(confirm).permission).toBeUndefined();
  });
  it('says something when the body says nothing', () => {
    expect(toApiError('', 0, null).message).toBe('The server cannot be reached.');
    expect(toApiError(null, 502, null).message).toBe('The server answered 502.');
  });
});
