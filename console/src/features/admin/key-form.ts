/** How long a key works. */
export const lifetimes = { never: null, '7 days': 7, '30 days': 30, '90 days': 90, '1 year': 365 } as const;
export type Lifetime = keyof typeof lifetimes;

export function asLifetime(text: string): Lifetime {
  return (Object.keys(lifetimes) as Lifetime[]).find((l) => l === text) ?? 'never';
}

/** The networks of a text, one a line or with commas between; and what of it is none. */
export function readNetworks(text: string): { networks: string[]; bad: string[] } {
  const words = [...new Set(text.split(/[\s,;]+/).filter((w) => w !== ''))];
  return { networks: words.filter(isNetwork), bad: words.filter((w) => !isNetwork(w)) };
}

/** Whether a text looks like an address or a network; the server reads it properly. */
function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  if (rest.length > 0) return false;
  const v4 = /^\d{1,3}(\.\d{1,3}){3}$/.test(address) && address.split('.').every((part) => Number(part) <= 255);
  const v6 = address.includes(':') && /^[\da-fA-F:.]+$/.test(address);
  if (!v4 && !v6) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (v4 ? 32 : 128));
}
