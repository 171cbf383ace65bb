import { useSyncExternalStore } from 'react';
import { ApiError } from './errors';

interface Wait {
  settle: (proved: boolean) => void;
}

let waiting: readonly Wait[] = [];
const listeners = new Set<() => void>();

function publish(next: readonly Wait[]) {
  waiting = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether the person is asked just now to show who they are. */
export function useConfirming(): boolean {
  return useSyncExternalStore(subscribe, () => waiting.length > 0);
}

export function settleConfirmation(proved: boolean) {
  const all = waiting;
  publish([]);
  for (const wait of all) wait.settle(proved);
}

/** Whether the server wants to see again who is asking. */
export function needsConfirmation(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403 && error.permission === 'confirmation';
}

function ask(): Promise<boolean> {
  return new Promise((settle) => publish([...waiting, { settle }]));
}

/** For what leaves this page, where no refusal could be caught: asks first, if the last proof is too old. */
export async function proved(until: string | null | undefined): Promise<boolean> {
  return Date.parse(until ?? '') > Date.now() + 5_000 || ask();
}

/** Does something; if the server wants to know first that it is really you, asks, and does it again. */
export async function confirmed<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!needsConfirmation(error)) throw error;
    if (!(await ask())) throw error;
    return action();
  }
}
