export type Change = 'added' | 'removed' | 'changed' | 'same';

export interface Difference {
  path: string;
  change: Change;
  before: string | null;
  after: string | null;
}

/** What differs between a thing before and after, field by field; lists are compared whole. */
export function differences(before: unknown, after: unknown): Difference[] {
  const old = flat(before);
  const now = flat(after);
  return [...new Set([...old.keys(), ...now.keys()])].map((path) => {
    const was = old.get(path) ?? null;
    const is = now.get(path) ?? null;
    const change: Change = was === null ? 'added' : is === null ? 'removed' : was === is ? 'same' : 'changed';
    return { path, change, before: was, after: is };
  });
}

function flat(value: unknown): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (path: string, part: unknown) => {
    if (part === undefined || (path === '' && part === null)) return;
    if (typeof part === 'object' && part !== null && !Array.isArray(part) && Object.keys(part).length > 0) {
      for (const [key, inner] of Object.entries(part)) walk(path === '' ? key : `${path}.${key}`, inner);
    } else {
      found.set(path, typeof part === 'string' ? part : JSON.stringify(part));
    }
  };
  walk('', value);
  return found;
}

/** The start of a day as the server wants it, in the reader's own time zone. */
export function dayStart(day: string | undefined, plus = 0): string | undefined {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? '');
  if (!parts) return undefined;
  const date = new Date(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]) + plus);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
