import { expect, it, vi } from 'vitest';
import { confirmed, settleConfirmation } from './confirm';
import { ApiError } from './errors';

const wanted = new ApiError(403, 'permission_denied', 'Show again who you are.', [], undefined, 'confirmation');

it('does the action again once the person has shown who they are', async () => {
  const action = vi.fn().mockRejectedValueOnce(wanted).mockResolvedValueOnce('done');
  const result = confirmed(action);
  await vi.waitFor(() => expect(action).toHaveBeenCalledTimes(1));
  await Promise.resolve();
  settleConfirmation(true);
  expect(await result).toBe('done');
});

it('gives up with the refusal when they do not', async () => {
  const action = vi.fn().mockRejectedValue(wanted);
  const result = confirmed(action);
  result.catch(() => undefined);
  await vi.waitFor(() => expect(action).toHaveBeenCalledTimes(1));
  await Promise.resolve();
  settleConfirmation(false);
  await expect(result).rejects.toBe(wanted);
  expect(action).toHaveBeenCalledTimes(1);
});

it('asks nobody about other refusals', async () => {
  const other = new ApiError(403, 'permission_denied', 'No.', [], undefined, 'models:review');
  await expect(confirmed(() => Promise.reject(other))).rejects.toBe(other);
});
