// Reading what the address bar holds. Anything not understood is dropped, never an error: links get edited by hand.

export function asString(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return typeof value === 'number' ? String(value) : undefined;
}

export function asStrings(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) {
    const one = asString(value);
    return one === undefined ? undefined : [one];
  }
  const strings = value.flatMap((v) => asString(v) ?? []);
  return strings.length > 0 ? strings : undefined;
}

export function asOneOf<const T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((a) => a === value);
}

export function asNumber(value: unknown, min: number, max: number): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? Math.min(max, Math.max(min, value)) : undefined;
}

/** Leaves undefined values out, so that they do not show in the address. */
export function compact<T extends object>(search: T): Partial<T> {
  return Object.fromEntries(Object.entries(search).filter(([, v]) => v !== undefined)) as Partial<T>;
}
