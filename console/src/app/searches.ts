// The address of each page: every filter, order and choice of columns is in it, so that any view can be shared.
import { asNumber, asOneOf, asString, asStrings, compact } from './search';

type Raw = Record<string, unknown>;

/** The first of several parts of a page is what is open without a word in the address: one address for one view. */
function behind<T extends string>(parts: readonly T[]): T[] {
  return parts.slice(1);
}

export const lifecycles = ['active', 'deleted', 'all'] as const;
export type Lifecycle = (typeof lifecycles)[number];

export function experimentsSearch(s: Raw) {
  return compact({ q: asString(s['q']), view: asOneOf(s['view'], lifecycles) });
}

export function runsSearch(s: Raw) {
  return compact({
    filter: asString(s['filter']),
    /** One clause of MLflow's order_by, such as `metrics.loss ASC`. */
    sort: asString(s['sort']),
    /** Column ids (see columns.ts); absent means the default choice. */
    cols: asStrings(s['cols']),
    view: asOneOf(s['view'], lifecycles),
    /** `true` lists child runs on their own instead of under their parents. */
    flat: s['flat'] === true ? true : undefined,
  });
}
export type RunsSearch = ReturnType<typeof runsSearch>;

export const runTabs = ['overview', 'metrics', 'system', 'artifacts'] as const;
export const xAxes = ['step', 'time', 'relative'] as const;
export type XAxis = (typeof xAxes)[number];

function chartSearch(s: Raw) {
  return {
    x: asOneOf(s['x'], xAxes),
    smooth: asNumber(s['smooth'], 0, 0.99),
    log: s['log'] === true ? true : undefined,
    /** Substring that metric names must contain. */
    q: asString(s['q']),
  };
}
export type ChartSearch = Partial<ReturnType<typeof chartSearch>>;

export function runSearch(s: Raw) {
  return compact({ tab: asOneOf(s['tab'], behind(runTabs)), path: asString(s['path']), ...chartSearch(s) });
}

export const compareTabs = ['summary', 'curves', 'parallel', 'scatter'] as const;
export function compareSearch(s: Raw) {
  return compact({
    runs: asStrings(s['runs']),
    tab: asOneOf(s['tab'], behind(compareTabs)),
    /** Show only the rows in which the runs differ. */
    diff: s['diff'] === true ? true : undefined,
    axes: asStrings(s['axes']),
    colour: asString(s['colour']),
    sx: asString(s['sx']),
    sy: asString(s['sy']),
    ...chartSearch(s),
  });
}

export const datasetTabs = ['columns', 'issues', 'relations', 'rows', 'versions', 'about'] as const;
export type DatasetTab = (typeof datasetTabs)[number];
export function datasetSearch(s: Raw) {
  return compact({
    /** Absent means the newest. */
    version: asNumber(s['version'], 1, Number.MAX_SAFE_INTEGER),
    tab: asOneOf(s['tab'], behind(datasetTabs)),
    /** The column that is to be predicted. */
    target: asString(s['target']),
  });
}

export const automlStates = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export function automlSearch(s: Raw) {
  return compact({ dataset: asString(s['dataset']), state: asOneOf(s['state'], automlStates) });
}

export function startAutomlSearch(s: Raw) {
  return compact({ dataset: asString(s['dataset']), version: asNumber(s['version'], 1, Number.MAX_SAFE_INTEGER), target: asString(s['target']) });
}

export const automlTabs = ['overview', 'search', 'quality', 'explanations', 'try', 'use'] as const;
export type AutomlTab = (typeof automlTabs)[number];
export const explanationKinds = ['shap', 'effects', 'importance', 'interactions', 'lime', 'anchor', 'counterfactual'] as const;

/** What is looked at within an explanation. */
function explanationParts(s: Raw) {
  return {
    output: asString(s['output']),
    column: asString(s['column']),
    row: asNumber(s['row'], 0, Number.MAX_SAFE_INTEGER),
  };
}
export type ExplanationParts = Partial<ReturnType<typeof explanationParts>>;

export function explanationSearch(s: Raw) {
  return compact(explanationParts(s));
}

export function automlJobSearch(s: Raw) {
  return compact({
    tab: asOneOf(s['tab'], behind(automlTabs)),
    kind: asOneOf(s['kind'], behind(explanationKinds)),
    /** Which explanation; absent means the newest of its kind. */
    explanation: asString(s['explanation']),
    ...explanationParts(s),
  });
}

export function explanationsSearch(s: Raw) {
  return compact({ automl: asString(s['automl']), name: asString(s['name']) });
}

export function modelSearch(s: Raw) {
  return compact({ path: asString(s['path']) });
}

export function auditSearch(s: Raw) {
  return compact({
    action: asString(s['action']),
    actor: asString(s['actor']),
    subject: asString(s['subject']),
    address: asString(s['address']),
    text: asString(s['text']),
    /** Days, such as `2026-11-21`. */
    since: asString(s['since']),
    until: asString(s['until']),
    /** The sequence number of the entry that is open. */
    entry: asNumber(s['entry'], 0, Number.MAX_SAFE_INTEGER),
  });
}
export type AuditSearch = ReturnType<typeof auditSearch>;
