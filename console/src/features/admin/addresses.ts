import { emailError } from '../access/rules';

/** The addresses in a pasted text, each once: by lines, commas or semicolons, also as `Name <address>`. */
export function readAddresses(text: string): { good: string[]; bad: string[] } {
  const pieces = text
    .split(/[\n,;]+/)
    .map((piece) => (/<([^<>]+)>/.exec(piece)?.[1] ?? piece).trim())
    .filter((piece) => piece !== '')
    // Addresses without anything between them but blanks; a name with blanks stays whole and is refused.
    .flatMap((piece) => (piece.split(/\s+/).every((word) => emailError(word) === null) ? piece.split(/\s+/) : [piece]));
  const seen = new Set<string>();
  const good: string[] = [];
  const bad: string[] = [];
  for (const piece of pieces) {
    const key = piece.toLowerCase();
    if (seen.has(key)) continue;
    seen.add(key);
    (emailError(piece) === null ? good : bad).push(piece);
  }
  return { good, bad };
}
