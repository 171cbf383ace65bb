export const nameMax = 500;

/** The server's own rule for an experiment's name. */
export function nameError(name: string): string | null {
  if (name.trim() === '') return 'A name is needed.';
  return name.length > nameMax ? `A name has at most ${nameMax} characters.` : null;
}
