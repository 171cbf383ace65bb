import type { AutomlJob, CreateExplanation, ExplanationKind, ExplanationMethod, ModelRef, RecordRow } from '../automl/api-provisional';

export const kindNames: Record<ExplanationKind, string> = {
  shap: 'SHAP values',
  effects: 'Effects',
  importance: 'Importance',
  interactions: 'Interactions',
  lime: 'LIME',
  anchor: 'Anchors',
  counterfactual: 'Counterfactuals',
};

/** What each kind answers. */
export const kindNotes: Record<ExplanationKind, string> = {
  shap: 'How much each column moves the prediction of each row, adding up exactly to what the model says.',
  effects: 'How the prediction changes on average, and row by row, when one column is set to other values.',
  importance: 'How much worse the model becomes when a column is shuffled, with intervals.',
  interactions: 'Which pairs of columns count for more, or less, together than alone.',
  lime: 'A linear model around each row, and how well it describes the surroundings.',
  anchor: 'Conditions under which the model keeps saying the same about a row, whatever else changes.',
  counterfactual: 'The least that would have to be different about a row for the model to say something else.',
};

export const methodNames: Record<ExplanationMethod, string> = { auto: 'The best for the model', tree: 'Exact, of trees', kernel: 'Kernel', permutation: 'Permutation' };

/** Kinds that look at each row for itself, which takes the longer the more rows there are. */
const rowByRow: readonly ExplanationKind[] = ['lime', 'anchor', 'counterfactual'];

export interface ExplainForm {
  kind: ExplanationKind;
  name: string;
  from: 'sample' | 'dataset';
  dataset: string;
  version: number | null;
  /** Counted from 1, as people count rows. */
  first: string;
  count: string;
  method: ExplanationMethod;
  columns: string[];
  target: string;
  /** A class, or two numbers: `10 to 20`. */
  wanted: string;
  seed: string;
}

export function explainForm(kind: ExplanationKind, dataset: string, version: number | null, sample: number): ExplainForm {
  // Shuffling needs the truth, and more rows than a sample has.
  const from = sample > 0 && kind !== 'importance' ? 'sample' : 'dataset';
  const rows = kind === 'importance' ? 1000 : rowByRow.includes(kind) ? 5 : 100;
  return { kind, name: '', from, dataset, version, first: '1', count: String(from === 'sample' ? Math.min(rows, sample) : rows), method: 'auto', columns: [], target: '', wanted: '', seed: '' };
}

export const nameMax = 200;

function wholeError(text: string, least: number): string | null {
  const n = Number(text);
  return text.trim() === '' || !Number.isSafeInteger(n) || n < least ? `A whole number from ${least}.` : null;
}

/** `10 to 20`, `10–20`, `10..20` or `10, 20`; null when it is not a range. */
export function readRange(text: string): [number, number] | null {
  const found = /^\s*(-?[\d.]+(?:e[+-]?\d+)?)\s*(?:to|–|\.\.|,)\s*(-?[\d.]+(?:e[+-]?\d+)?)\s*$/i.exec(text.replaceAll('−', '-'));
  const [low, high] = [Number(found?.[1] ?? Number.NaN), Number(found?.[2] ?? Number.NaN)];
  return low <= high ? [low, high] : null;
}

export type ExplainErrors = Partial<Record<keyof ExplainForm, string>>;

/** `numbers`: the model predicts numbers, or it is not known (null). */
export function explainErrors(form: ExplainForm, numbers: boolean | null): ExplainErrors {
  const errors: ExplainErrors = {};
  const put = (field: keyof ExplainForm, error: string | null) => {
    if (error) errors[field] = error;
  };
  if (form.from === 'dataset') {
    if (form.dataset === '') put('dataset', 'Rows of which dataset?');
    put('first', wholeError(form.first, 1));
  }
  put('count', wholeError(form.count, 1));
  if (form.seed.trim() !== '') put('seed', wholeError(form.seed, 0));
  if ([...form.name.trim()].length > nameMax) put('name', `At most ${nameMax} characters.`);
  if (form.kind === 'counterfactual') {
    if (form.wanted.trim() === '') {
      if (numbers === true) put('wanted', 'From which value to which?');
    } else if (numbers === true && !readRange(form.wanted)) put('wanted', 'Two numbers, the lower one first, such as 10 to 20.');
  }
  return errors;
}

/** What is sent. `sample` are the rows that stand for "the sample". */
export function explainBody(form: ExplainForm, model: ModelRef, sample: readonly RecordRow[], numbers: boolean | null): CreateExplanation {
  const version = form.version === null ? {} : { version: form.version };
  const range = numbers === false ? null : readRange(form.wanted);
  return {
    kind: form.kind,
    model,
    rows: form.from === 'sample' ? { records: sample.slice(0, Number(form.count)) } : { dataset_id: form.dataset, ...version, first: Number(form.first) - 1, count: Number(form.count) },
    ...(form.name.trim() ? { name: form.name.trim() } : {}),
    ...(form.kind === 'shap' && form.method !== 'auto' ? { method: form.method } : {}),
    ...(form.kind === 'effects' && form.columns.length > 0 ? { columns: form.columns } : {}),
    ...(form.kind === 'importance' && form.target ? { target: form.target } : {}),
    ...(form.kind === 'counterfactual' && form.wanted.trim() ? { wanted: range ?? form.wanted.trim() } : {}),
    ...(form.seed.trim() ? { seed: Number(form.seed) } : {}),
  };
}

/** Whether a job's model predicts numbers; null when the plan is not made yet. */
export function predictsNumbers(job: Pick<AutomlJob, 'plan'>): boolean | null {
  return job.plan ? job.plan.task === 'regression' : null;
}
