// The server's own rules (crates/identity/src/people/model.rs), told while one types; the server has the last word.

export const passwordMin = 12;
const passwordMaxBytes = 1024;
export const nameMax = 120;

export function emailError(email: string): string | null {
  return /^[^\s@]+@[^\s@]+$/.test(email.trim()) ? null : 'This is not an e-mail address.';
}

/** A name that people choose: of a person, an organisation, a key. */
export function nameError(what: string, name: string): string | null {
  if (name.trim() === '') return `${what} is needed.`;
  return [...name.trim()].length > nameMax ? `At most ${nameMax} characters.` : null;
}

/** What a password must not be made of. */
export interface Own {
  email?: string;
  names?: string[];
}

export interface Rule {
  text: string;
  kept: boolean;
}

/** The rules, and whether the password keeps each. */
export function passwordRules(password: string, own: Own = {}): Rule[] {
  const folded = password.toLowerCase();
  const email = (own.email ?? '').trim().toLowerCase();
  const words = [email, email.split('@')[0] ?? '', ...(own.names ?? []).map((n) => n.trim().toLowerCase())];
  const common = isCommon(folded);
  return [
    { text: `At least ${passwordMin} characters: a few words work well`, kept: [...password].length >= passwordMin && new TextEncoder().encode(password).length <= passwordMaxBytes },
    { text: 'More than one short pattern repeated or counted through', kept: new Set(folded).size >= 5 && !isRun(folded) },
    { text: 'Not made of your name, e-mail address or organisation', kept: password !== '' && !words.some((word) => isMadeOf(folded, word)) },
    ...(common ? [{ text: 'Not one of the first passwords anybody tries', kept: false }] : []),
  ];
}

export function passwordError(password: string, own: Own = {}): string | null {
  if (new TextEncoder().encode(password).length > passwordMaxBytes) return `At most ${passwordMaxBytes} bytes.`;
  const [length, ...others] = passwordRules(password, own);
  if (length && !length.kept) return `At least ${passwordMin} characters, please: a few words work well.`;
  const broken = others.find((rule) => !rule.kept);
  return broken ? `${broken.text}, please.` : null;
}

function isMadeOf(password: string, word: string): boolean {
  return [...word].length >= 3 && password.includes(word) && !/\p{Alphabetic}/u.test(password.replaceAll(word, ''));
}

/** `abcdefghijklm`, `9876543210987`: each character the one after, or before, the last. */
function isRun(text: string): boolean {
  const codes = [...text].map((c) => c.codePointAt(0) ?? 0);
  const steps = codes.slice(1).map((code, at) => {
    const step = code - (codes[at] ?? 0);
    return step === -9 ? 1 : step === 9 ? -1 : step;
  });
  return steps.length > 0 && (steps.every((s) => s === 1) || steps.every((s) => s === -1));
}

// The start of the server's list: what people type when a form asks for twelve characters.
const common = new Set([
  'passwordpassword',
  'adminadminadmin',
  'administrator',
  'changemechangeme',
  'correcthorsebatterystaple',
  'letmeinletmein',
  'motdepasse123',
  'iloveyou1234',
  'password1234',
  'password12345',
  'password123456',
  'passwort1234',
  'qwerty123456',
  'qwertyuiop12',
  'qwertyuiop123',
  'qwertyuiopasdf',
  'welcome12345',
  '1q2w3e4r5t6y',
  '1qaz2wsx3edc',
]);

function isCommon(folded: string): boolean {
  return common.has(folded) || common.has(folded.replace(/[^\p{Alphabetic}\p{Number}]/gu, ''));
}
