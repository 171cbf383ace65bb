/** The server's own rules, so that a form can say so while one types. */
export const modelNameMax = 256;
export const descriptionMax = 5000;
export const stages = ['None', 'Staging', 'Production', 'Archived'] as const;

export function modelNameError(name: string): string | null {
  if (name.trim() === '') return 'A name is needed.';
  if (/[/:]/.test(name)) return 'A name has no “/” and no “:”.';
  return name.length > modelNameMax ? `A name has at most ${modelNameMax} characters.` : null;
}

export function aliasError(alias: string): string | null {
  if (alias === '') return 'An alias is needed.';
  if (alias.length > 255) return 'An alias has at most 255 characters.';
  if (!/^[\w-]+$/.test(alias)) return 'An alias has letters, digits, “_” and “-” only.';
  if (/^v\d+$/i.test(alias)) return '“v” and a number would read like a version.';
  return alias.toLowerCase() === 'latest' ? '“latest” always means the newest version.' : null;
}
