import type { AutomlJob, CreateExplanation, ExplanationKind, ModelChoice, ShapMethod } from '~/api';
import { wordsError } from '../automl/start';

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

export const methodNames: Record<ShapMethod, string> = { auto: 'The best for the model', tree: 'Exact, of trees', kernel: 'Kernel', permutation: 'Permutation' };

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
  method: ShapMethod;
  columns: string[];
  target: string;
  /** What is wanted of counterfactuals: a class, or a number to reach from below or from above. */
  want: 'class' | 'at_least' | 'at_most';
  wanted: string;
  seed: string;
}

export function explainForm(kind: ExplanationKind, dataset: string, version: number | null, sample: number): ExplainForm {
  // Shuffling needs the truth, and more rows than a sample has.
  const from = sample > 0 && kind !== 'importance' ? 'sample' : 'dataset';
  const rows = kind === 'importance' ? 1000 : rowByRow.includes(kind) ? 5 : 100;
  return { kind, name: '', from, dataset, version, first: '1', count: String(from === 'sample' ? Math.min(rows, sample) : rows), method: 'auto', columns: [], target: '', want: 'class', wanted: '', seed: '' };
}

export const columnsMax = 20;

/** Each row of some kinds takes thousands of predictions. */
export function rowsMax(kind: ExplanationKind): number {
  return kind === 'anchor' || kind === 'counterfactual' ? 20 : 1000;
}

function wholeError(text: string, least: number, most = Number.MAX_SAFE_INTEGER): string | null {
  const n = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(n) && n >= least && n <= most) return null;
  return most < Number.MAX_SAFE_INTEGER ? `A whole number from ${least} to ${most.toLocaleString('en-US')}.` : `A whole number from ${least}.`;
}

/** How something is wanted of a model: numbers are reached, classes are named. `numbers` is null when it is not known. */
export function wantOf(form: Pick<ExplainForm, 'want'>, numbers: boolean | null): ExplainForm['want'] {
  if (numbers === false) return 'class';
  return numbers === true && form.want === 'class' ? 'at_least' : form.want;
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
  put('count', wholeError(form.count, 1, rowsMax(form.kind)));
  if (form.seed.trim() !== '') put('seed', wholeError(form.seed, 0));
  put('name', wordsError(form.name));
  if (form.kind === 'effects' && form.columns.length > columnsMax) put('columns', `At most ${columnsMax} columns.`);
  if (form.kind === 'counterfactual' && wantOf(form, numbers) !== 'class') {
    const n = Number(form.wanted);
    put('wanted', form.wanted.trim() === '' || !Number.isFinite(n) ? 'Which number?' : null);
  }
  return errors;
}

/** What is sent. `sample` are the rows that stand for "the sample". */
export function explainBody(form: ExplainForm, model: ModelChoice, sample: readonly Record<string, unknown>[], numbers: boolean | null): CreateExplanation {
  const version = form.version === null ? {} : { version: form.version };
  const want = wantOf(form, numbers);
  return {
    kind: form.kind,
    model,
    rows: form.from === 'sample' ? { records: sample.slice(0, Number(form.count)) } : { dataset_id: form.dataset, ...version, first: Number(form.first) - 1, count: Number(form.count) },
    ...(form.name.trim() ? { name: form.name.trim() } : {}),
    ...(form.kind === 'shap' && form.method !== 'auto' ? { method: form.method } : {}),
    ...(form.kind === 'effects' && form.columns.length > 0 ? { columns: form.columns } : {}),
    ...(form.kind === 'importance' && form.target ? { target: form.target } : {}),
    ...(form.kind === 'counterfactual' && form.wanted.trim() ? { wanted: want === 'class' ? { class: form.wanted.trim() } : { [want]: Number(form.wanted) } } : {}),
    ...(form.seed.trim() ? { seed: Number(form.seed) } : {}),
  };
}

/** Whether a job's model predicts numbers; null when the plan is not made yet. */
export function predictsNumbers(job: Pick<AutomlJob, 'plan'>): boolean | null {
  return job.plan ? job.plan.task === 'regression' : null;
}
