// The types and calls of AutoML and explanations under the names the generated client gives them. It stands here only until
// `~/api` has them; then every import of this file becomes one of `~/api`.
import type { Options as Given, TDataShape } from '~/api/client';
import { client } from '~/api/client.gen';

type Options<T extends TDataShape> = Given<T, true>;
interface Path<P> {
  body?: never;
  path: P;
  query?: never;
  url: string;
}

export type AutomlTask = 'binary' | 'multiclass' | 'regression';
export type AutomlState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export type AutomlSettings = {
  experiment?: string | null;
  task?: AutomlTask | null;
  metric?: string | null;
  seconds?: number | null;
  trials?: number | null;
  seed?: number | null;
  folds?: number | null;
  hold_out?: number | null;
  time_column?: string | null;
  group_column?: string | null;
  ignore?: Array<string> | null;
  families?: Array<string> | null;
  blend?: boolean | null;
};
export type StartAutoml = AutomlSettings & { dataset_id: string; version?: number | null; target: string; name?: string | null };

export type AutomlPlan = {
  task: AutomlTask;
  classes: Array<string>;
  metric: string;
  greater_is_better: boolean;
  rows: number;
  rows_without_target: number;
  hold_out_rows: number;
  folds: number;
  judging_rows: number;
  columns: Array<string>;
};
export type AutomlBest = { number: number; name: string; family: string; score: number; deviation?: number | null };
export type AutomlRegistration = { name: string; version: string };
export type AutomlJob = {
  automl_id: string;
  name: string;
  dataset_id: string;
  dataset_name: string;
  version: number;
  target: string;
  settings: AutomlSettings;
  state: AutomlState;
  error?: string | null;
  progress: number;
  message: string;
  experiment_id: string;
  run_id: string;
  plan?: AutomlPlan | null;
  trials: number;
  best?: AutomlBest | null;
  seconds_used: number;
  score?: number | null;
  model_bytes?: number | null;
  registered: Array<AutomlRegistration>;
  created_by: string;
  created_at: string;
  started_at?: string | null;
  finished_at?: string | null;
};
export type AutomlTrial = {
  number: number;
  name: string;
  family: string;
  state: 'scored' | 'failed';
  score?: number | null;
  deviation?: number | null;
  fold_scores: Array<number | null>;
  weight: number;
  seconds?: number | null;
  learning_rows: number;
  params: { [key: string]: unknown };
  detail?: string | null;
  error?: string | null;
  run_id: string;
  at: string;
};
export type AutomlTrials = { metric?: string | null; greater_is_better?: boolean | null; trials: Array<AutomlTrial> };
export type AutomlEvent = { type: 'job'; job: AutomlJob } | { type: 'trial'; trial: AutomlTrial };

export type CurvePoint = { x: number; y: number };
export type ClassCurves = {
  class: string;
  roc: Array<CurvePoint>;
  precision_recall: Array<CurvePoint>;
  lift: Array<{ share: number; lift: number; captured: number }>;
  calibration: Array<{ predicted: number; observed: number; count: number }>;
  calibration_error: number;
};
export type AutomlReport = {
  rows: number;
  scores: { [metric: string]: number };
  confusion?: { classes: Array<string>; counts: Array<Array<number>> } | null;
  curves: Array<ClassCurves>;
  residuals?: { quantiles: Array<number>; points: Array<{ truth: number; predicted: number }> } | null;
  coverage_asked: number;
  coverage_seen: number;
};
export type ModelColumn = { name: string; kind: string; levels?: Array<string> | null; minimum?: number | null; maximum?: number | null; median?: number | null };
export type ColumnImportance = { name: string; importance: number; error: number };
export type Cell = string | number | boolean | null;
export type RecordRow = { [column: string]: Cell };
export type AutomlResults = {
  task: AutomlTask;
  classes: Array<string>;
  metric: string;
  greater_is_better: boolean;
  score: number;
  best: AutomlBest;
  rows: number;
  seconds: number;
  stopped: boolean;
  members: Array<{ number: number; name: string; family: string; weight: number }>;
  hold_out?: AutomlReport | null;
  columns: Array<ModelColumn>;
  importance?: Array<ColumnImportance> | null;
  sample: Array<RecordRow>;
};
export type AutomlPredictions = {
  predictions: Array<string | number>;
  probabilities?: Array<Array<number>> | null;
  classes?: Array<string> | null;
  intervals?: Array<[number, number]> | null;
};

export type ModelRef = { automl_id: string } | { name: string; version?: string | null; alias?: string | null } | { run_id: string; path: string };
export type ExplanationKind = 'shap' | 'lime' | 'importance' | 'effects' | 'counterfactual' | 'anchor' | 'interactions';
export type ExplanationMethod = 'auto' | 'tree' | 'kernel' | 'permutation';
export type ExplanationRows = { dataset_id: string; version?: number | null; first?: number | null; count?: number | null } | { records: Array<RecordRow> };
export type CreateExplanation = {
  name?: string | null;
  model: ModelRef;
  rows: ExplanationRows;
  background?: { dataset_id: string; version?: number | null } | null;
  kind: ExplanationKind;
  method?: ExplanationMethod | null;
  columns?: Array<string> | null;
  target?: string | null;
  wanted?: string | [number, number] | null;
  seed?: number | null;
};
type Attributions = {
  method: string;
  of: string;
  features: Array<string>;
  outputs: Array<string>;
  base_values: Array<number>;
  /** Rows × features × outputs. */
  values: Array<Array<Array<number>>>;
  standard_errors?: Array<Array<Array<number>>> | null;
  predictions: Array<Array<number>>;
  cells: Array<Array<Cell>>;
  global: Array<{ name: string; mean_magnitude: Array<number> }>;
};
export type ShapResult = Attributions & { kind: 'shap' };
export type LimeResult = Attributions & { kind: 'lime'; r2?: Array<Array<number>> | null };
export type ImportanceResult = { kind: 'importance'; metric: string; base_score: number; columns: Array<{ name: string; importance: number; low: number; high: number }> };
export type EffectColumn = { name: string; kind: string; grid: Array<number | string>; average: Array<Array<number>>; ale?: Array<Array<number>> | null; ice: Array<Array<number>> };
/** `ice_output` is not in the contract: without it, lines of single rows are drawn for models of one output only. */
export type EffectsResult = { kind: 'effects'; outputs: Array<string>; columns: Array<EffectColumn>; ice_output?: string | null };
export type SaidPrediction = number | string | Array<number>;
export type CounterfactualResult = {
  kind: 'counterfactual';
  rows: Array<{ cells: RecordRow | Array<Cell>; prediction: SaidPrediction; found: Array<{ changes: Array<{ column: string; from: Cell; to: Cell }>; prediction: SaidPrediction }> }>;
};
export type AnchorResult = { kind: 'anchor'; rows: Array<{ prediction: SaidPrediction; rule: Array<{ column: string; text: string }>; precision: number; coverage: number }> };
export type InteractionsResult = { kind: 'interactions'; features: Array<string>; outputs: Array<string>; strength: Array<Array<number>> };
export type ExplanationResult = ShapResult | LimeResult | ImportanceResult | EffectsResult | CounterfactualResult | AnchorResult | InteractionsResult;
export type Explanation = {
  explanation_id: string;
  name: string;
  model: ModelRef;
  model_label: string;
  kind: ExplanationKind;
  state: AutomlState;
  error?: string | null;
  request: { [key: string]: unknown };
  created_by: string;
  created_at: string;
  finished_at?: string | null;
  result?: ExplanationResult | null;
};
export type ExplanationComparison = { columns: Array<{ name: string; left: number; right: number; left_rank: number; right_rank: number }>; correlation: number };

interface Page<T> {
  items: Array<T>;
  next_cursor?: string | null;
}
type JobPath = Path<{ automl_id: string }>;
type ExplanationPath = Path<{ explanation_id: string }>;
interface Body<B> {
  body: B;
  path?: never;
  query?: never;
  url: string;
}
interface Query<Q> {
  body?: never;
  path?: never;
  query?: Q;
  url: string;
}
const json = { 'Content-Type': 'application/json' };
const jobs = '/api/v1/automl/jobs';
const job = `${jobs}/{automl_id}`;
const explanations = '/api/v1/explanations';
const explanation = `${explanations}/{explanation_id}`;

export const startAutoml = (options: Options<Body<StartAutoml>>) => client.post<{ 202: AutomlJob }, unknown, true>({ url: jobs, ...options, headers: { ...json, ...options.headers } });
export const listAutomlJobs = (options?: Options<Query<{ dataset_id?: string; state?: AutomlState; limit?: number; cursor?: string }>>) => client.get<{ 200: Page<AutomlJob> }, unknown, true>({ url: jobs, ...options });
export const getAutomlJob = (options: Options<JobPath>) => client.get<{ 200: AutomlJob }, unknown, true>({ url: job, ...options });
export const listAutomlTrials = (options: Options<JobPath>) => client.get<{ 200: AutomlTrials }, unknown, true>({ url: `${job}/trials`, ...options });
export const getAutomlResults = (options: Options<JobPath>) => client.get<{ 200: AutomlResults }, unknown, true>({ url: `${job}/results`, ...options });
export const downloadAutomlModel = (options: Options<Omit<JobPath, 'query'> & { query?: { format?: 'rhiza' | 'onnx' } }>) => client.get<{ 200: Blob }, unknown, true>({ url: `${job}/model`, ...options });
export const streamAutomlEvents = (options: Options<JobPath>) => client.sse.get<{ 200: AutomlEvent }, unknown, true>({ url: `${job}/events`, ...options });
export const cancelAutoml = (options: Options<JobPath>) => client.post<{ 200: AutomlJob }, unknown, true>({ url: `${job}/cancel`, ...options });
export const resumeAutoml = (options: Options<Omit<JobPath, 'body'> & { body: { seconds?: number | null; trials?: number | null } }>) =>
  client.post<{ 202: AutomlJob }, unknown, true>({ url: `${job}/resume`, ...options, headers: { ...json, ...options.headers } });
export const registerAutomlModel = (options: Options<Omit<JobPath, 'body'> & { body: { name: string; description?: string | null; alias?: string | null } }>) =>
  client.post<{ 201: AutomlRegistration }, unknown, true>({ url: `${job}/register`, ...options, headers: { ...json, ...options.headers } });
export const deleteAutomlJob = (options: Options<JobPath>) => client.delete<{ 204: void }, unknown, true>({ url: job, ...options });
export const predictWithAutomlModel = (options: Options<Omit<JobPath, 'body'> & { body: { records: Array<RecordRow> } }>) =>
  client.post<{ 200: AutomlPredictions }, unknown, true>({ url: `${job}/predict`, ...options, headers: { ...json, ...options.headers } });

export const createExplanation = (options: Options<Body<CreateExplanation>>) => client.post<{ 202: Explanation }, unknown, true>({ url: explanations, ...options, headers: { ...json, ...options.headers } });
export const listExplanations = (options?: Options<Query<{ automl_id?: string; name?: string; limit?: number; cursor?: string }>>) => client.get<{ 200: Page<Explanation> }, unknown, true>({ url: explanations, ...options });
export const getExplanation = (options: Options<ExplanationPath>) => client.get<{ 200: Explanation }, unknown, true>({ url: explanation, ...options });
export const deleteExplanation = (options: Options<ExplanationPath>) => client.delete<{ 204: void }, unknown, true>({ url: explanation, ...options });
export const compareExplanations = (options: Options<Omit<Query<never>, 'query'> & { query: { left: string; right: string } }>) => client.get<{ 200: ExplanationComparison }, unknown, true>({ url: `${explanations}/compare`, ...options });
