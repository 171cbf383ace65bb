// The MLflow search grammar, as far as an input line needs it: where the caret is, what may come there, and how a
// key or a text is written. The server parses; this only helps typing.

export type Entity = 'metrics' | 'params' | 'tags' | 'attributes' | 'datasets';

export interface Vocabulary {
  metrics: readonly string[];
  params: readonly string[];
  tags: readonly string[];
  attributes: readonly string[];
}

type Kind = 'word' | 'string' | 'number' | 'operator' | 'comma' | 'paren';
export interface Token {
  kind: Kind;
  text: string;
  start: number;
  end: number;
  /** False for a quoted text or name that has no closing quote yet. */
  closed: boolean;
}

const numeric = ['<', '<=', '=', '!=', '>', '>='];
const textual = ['=', '!=', 'LIKE', 'ILIKE'];
const numericAttributes = new Set(['start_time', 'end_time', 'created']);
const entities: Record<string, Entity> = {
  metric: 'metrics',
  metrics: 'metrics',
  param: 'params',
  params: 'params',
  parameter: 'params',
  parameters: 'params',
  tag: 'tags',
  tags: 'tags',
  attribute: 'attributes',
  attributes: 'attributes',
  attr: 'attributes',
  run: 'attributes',
  dataset: 'datasets',
  datasets: 'datasets',
};

/** A text in quotes. The grammar has no escape: a text with both kinds of quote keeps only what can be written. */
export function quoteText(text: string): string {
  if (!text.includes("'")) return `'${text}'`;
  return text.includes('"') ? `'${text.replaceAll("'", '')}'` : `"${text}"`;
}

/** A pattern that matches names containing the text. */
export function likePattern(text: string): string {
  return quoteText(`%${text}%`);
}

/** `metrics.loss`, or with backticks when the key is not a plain word. */
export function writeKey(entity: Entity, key: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) return `${entity}.${key}`;
  return key.includes('`') ? `${entity}."${key}"` : `${entity}.\`${key}\``;
}

export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let i = 0;
  const push = (kind: Kind, end: number, closed = true) => {
    tokens.push({ kind, text: text.slice(i, end), start: i, end, closed });
    i = end;
  };
  while (i < text.length) {
    const c = text[i] ?? '';
    if (/\s/.test(c)) i += 1;
    else if (c === "'" || c === '"') {
      const close = text.indexOf(c, i + 1);
      push('string', close < 0 ? text.length : close + 1, close >= 0);
    } else if (c === ',') push('comma', i + 1);
    else if (c === '(' || c === ')') push('paren', i + 1);
    else if (/[<>=!]/.test(c)) push('operator', i + (/[<>=!]=/.test(text.slice(i, i + 2)) ? 2 : 1));
    else {
      const { end, closed } = wordEnd(text, i);
      push(/^[-+]?\.?\d/.test(text.slice(i, end)) ? 'number' : 'word', end, closed);
    }
  }
  return tokens;
}

/** A word runs to a blank, an operator or a bracket; a quoted part after a dot belongs to it. */
function wordEnd(text: string, start: number): { end: number; closed: boolean } {
  let i = start;
  while (i < text.length) {
    const c = text[i] ?? '';
    if (c === '`' || (c === '"' && i > start)) {
      const close = text.indexOf(c, i + 1);
      if (close < 0) return { end: text.length, closed: false };
      i = close + 1;
    } else if (/[\s<>=!,()']/.test(c)) break;
    else i += 1;
  }
  return { end: Math.max(i, start + 1), closed: true };
}

/** Which of the four kinds an identifier names; a bare word is an attribute. */
export function readKey(word: string): { entity: Entity; key: string } | null {
  const dot = word.indexOf('.');
  if (dot < 0) return { entity: 'attributes', key: unquote(word) };
  const entity = entities[word.slice(0, dot).toLowerCase()];
  return entity ? { entity, key: unquote(word.slice(dot + 1)) } : null;
}

function unquote(text: string): string {
  return text.replace(/^[`"]|[`"]$/g, '');
}

export interface Suggestion {
  /** What is put into the line. */
  insert: string;
  label: string;
  note: string;
}
export interface Completion {
  start: number;
  end: number;
  suggestions: Suggestion[];
}

/** What may be typed at the caret: a key, an operator, `AND`, or (for a known status) a value. */
export function complete(text: string, caret: number, vocabulary: Vocabulary, max = 50): Completion {
  const before = tokenize(text.slice(0, caret));
  const last = before.at(-1);
  const touching = last && last.end === caret && last.kind !== 'operator' && last.kind !== 'comma' && last.kind !== 'paren' ? last : undefined;
  const settled = touching ? before.slice(0, -1) : before;
  const clause = settled.slice(settled.findLastIndex((t) => isWord(t, 'AND')) + 1);
  const start = touching?.start ?? caret;
  const typed = touching?.text ?? '';
  const end = touching ? (tokenize(text).find((t) => t.start === touching.start)?.end ?? caret) : caret;
  const answer = (suggestions: Suggestion[]): Completion => ({ start, end: Math.max(end, caret), suggestions: suggestions.slice(0, max) });

  if (clause.length === 0) return answer(keySuggestions(typed, vocabulary));
  const key = clause[0]?.kind === 'word' ? readKey(clause[0].text) : null;
  if (clause.length === 1) {
    return answer(match(typed, operatorsFor(key).map((o) => ({ insert: `${o} `, label: o, note: 'operator' }))));
  }
  if (clauseEnds(clause)) return answer(match(typed, [{ insert: 'AND ', label: 'AND', note: 'another condition' }]));
  if (key?.entity === 'attributes' && key.key === 'status') {
    return answer(match(typed.replace(/^['"]/, ''), statuses.map((s) => ({ insert: `'${s}' `, label: s, note: 'status' }))));
  }
  return answer([]);
}

const statuses = ['RUNNING', 'FINISHED', 'FAILED', 'KILLED', 'SCHEDULED'];

function isWord(token: Token | undefined, word: string): boolean {
  return token?.kind === 'word' && token.text.toUpperCase() === word;
}

/** Whether key, operator and value are all there. */
function clauseEnds(clause: readonly Token[]): boolean {
  const [, operator, ...rest] = clause;
  if (isWord(operator, 'IS')) return isWord(rest.at(-1), 'NULL');
  if (isWord(operator, 'IN') || isWord(operator, 'NOT')) return rest.at(-1)?.text === ')';
  return rest.length > 0;
}

function operatorsFor(key: { entity: Entity; key: string } | null): string[] {
  if (!key) return [...numeric, 'LIKE', 'ILIKE'];
  if (key.entity === 'metrics') return numeric;
  if (key.entity === 'attributes') {
    if (numericAttributes.has(key.key)) return numeric;
    return key.key === 'run_id' ? [...textual, 'IN', 'NOT IN'] : textual;
  }
  return key.entity === 'datasets' ? textual : [...textual, 'IS NULL', 'IS NOT NULL'];
}

function keySuggestions(typed: string, vocabulary: Vocabulary): Suggestion[] {
  const all: Suggestion[] = [];
  const add = (entity: Entity, keys: readonly string[], note: string) => {
    for (const key of keys) all.push({ insert: `${writeKey(entity, key)} `, label: `${entity}.${key}`, note });
  };
  add('metrics', vocabulary.metrics, 'metric');
  add('params', vocabulary.params, 'parameter');
  add('attributes', vocabulary.attributes, 'attribute');
  add('tags', vocabulary.tags, 'tag');
  return match(typed.replace(/[`"]/g, ''), all);
}

/** Those containing what was typed, the ones that begin with it (or whose key does) first. */
function match(typed: string, all: Suggestion[]): Suggestion[] {
  const t = typed.toLowerCase();
  if (t === '') return all;
  const rank = (s: Suggestion) => {
    const label = s.label.toLowerCase();
    if (label.startsWith(t)) return 0;
    if (label.slice(label.indexOf('.') + 1).startsWith(t)) return 1;
    return label.includes(t) ? 2 : 3;
  };
  return all
    .map((s) => ({ s, rank: rank(s) }))
    .filter((x) => x.rank < 3)
    .sort((a, b) => a.rank - b.rank)
    .map((x) => x.s);
}

/** The character the server points at in its complaint, if it says one. */
export function faultPosition(detail: string): number | null {
  const found = /at (?:position|character|column) (\d+)/.exec(detail);
  return found ? Number(found[1]) : null;
}
