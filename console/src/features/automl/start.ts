import type { AutomlTask, ColumnProfile, DatasetProfile, StartAutoml } from '~/api';
import { formatCount } from '~/ui/format';
import { classMetrics, families, numberMetrics } from './names';

/** What a form holds while it is filled in: numbers as they are typed. */
export interface StartForm {
  dataset: string;
  /** Null: the newest. */
  version: number | null;
  target: string;
  name: string;
  task: AutomlTask | '';
  metric: string;
  seconds: string;
  trials: string;
  seed: string;
  folds: string;
  /** In percent. */
  holdOut: string;
  time: string;
  group: string;
  ignore: string[];
  families: string[];
  blend: boolean;
  experiment: string;
}

export const nameMax = 200;
export const trialsMax = 1000;
export const secondsMax = 86_400;

export function emptyForm(dataset = '', version: number | null = null, target = ''): StartForm {
  return { dataset, version, target, name: '', task: '', metric: '', seconds: '60', trials: '', seed: '', folds: '', holdOut: '20', time: '', group: '', ignore: [], families: [...families], blend: true, experiment: '' };
}

/** A whole number within bounds; null when there is nothing wrong. */
function wholeError(text: string, least: number, most: number): string | null {
  if (text.trim() === '') return null;
  const n = Number(text);
  if (!Number.isInteger(n) || n < least || n > most) return `A whole number from ${least.toLocaleString('en-US')} to ${most.toLocaleString('en-US')}.`;
  return null;
}

export function secondsError(text: string): string | null {
  const n = Number(text);
  return text.trim() === '' || !(n >= 1 && n <= secondsMax) ? 'From 1 second to a day (86,400).' : null;
}

export function trialsError(text: string): string | null {
  return wholeError(text, 1, trialsMax);
}

/** The server's rule for names that may be left open. */
export function wordsError(text: string): string | null {
  if ([...text.trim()].length > nameMax) return `At most ${nameMax} characters.`;
  return /\p{Cc}/u.test(text.trim()) ? 'No control characters.' : null;
}

export type StartErrors = Partial<Record<keyof StartForm, string>>;

/** What the server would refuse, found while one types. `profile` is absent until the data is known. */
export function startErrors(form: StartForm, profile?: DatasetProfile): StartErrors {
  const errors: StartErrors = {};
  const put = (field: keyof StartForm, error: string | null) => {
    if (error) errors[field] = error;
  };
  const column = (name: string) => profile?.columns.find((c) => c.name === name);
  if (form.dataset === '') put('dataset', 'What is to be learnt from?');
  if (form.target === '') put('target', 'Which column is to be predicted?');
  else if (profile && !column(form.target)) put('target', 'There is no such column in this version.');
  const target = column(form.target);
  if (target) put('target', targetAdvice(target, form.task).find((a) => a.stops)?.text ?? null);
  put('seconds', secondsError(form.seconds));
  put('trials', trialsError(form.trials));
  put('seed', wholeError(form.seed, 0, Number.MAX_SAFE_INTEGER));
  put('folds', wholeError(form.folds, 1, 20));
  const share = Number(form.holdOut);
  if (form.holdOut.trim() === '' || !(share >= 0 && share <= 50)) put('holdOut', 'From 0 to 50 percent.');
  put('name', wordsError(form.name));
  put('experiment', wordsError(form.experiment));
  if (form.families.length === 0) put('families', 'At least one kind of model.');
  if (form.time !== '' && form.time === form.target) put('time', 'The target cannot order the rows.');
  const time = column(form.time);
  if (time && time.type !== 'numeric' && time.type !== 'datetime') put('time', 'Rows are ordered by points in time or by numbers.');
  if (form.group !== '' && form.group === form.target) put('group', 'The target cannot group the rows.');
  if (profile && target) {
    const left = profile.columns.filter((c) => c.name !== form.target && c.name !== form.group && !form.ignore.includes(c.name));
    if (left.length === 0) put('ignore', 'There is no column left to learn from.');
  }
  if (form.metric !== '') {
    const task = form.task || (target ? likelyTask(target) : null);
    if (task && !metricsOf(task).includes(form.metric)) put('metric', task === 'regression' ? 'It scores classes, and a number is predicted.' : 'It scores numbers, and classes are predicted.');
  }
  return errors;
}

/** What is sent. Whatever was left as it was is left to the server. */
export function startBody(form: StartForm): StartAutoml {
  const number = (text: string) => (text.trim() === '' ? undefined : Number(text));
  const text = (value: string) => value.trim() || undefined;
  const body = {
    dataset_id: form.dataset,
    version: form.version ?? undefined,
    target: form.target,
    name: text(form.name),
    experiment: text(form.experiment),
    task: form.task || undefined,
    metric: form.metric || undefined,
    seconds: number(form.seconds),
    trials: number(form.trials),
    seed: number(form.seed),
    folds: number(form.folds),
    hold_out: Number(form.holdOut) / 100,
    time_column: form.time || undefined,
    group_column: form.group || undefined,
    ignore: form.ignore.length > 0 ? form.ignore : undefined,
    families: form.families.length < families.length ? form.families : undefined,
    blend: form.blend ? undefined : false,
  };
  return Object.fromEntries(Object.entries(body).filter(([, v]) => v !== undefined)) as StartAutoml;
}

export function metricsOf(task: AutomlTask | null): readonly string[] {
  if (task === 'regression') return numberMetrics;
  if (task === null) return [...classMetrics, ...numberMetrics];
  // Without an average, precision and the like are those of the second of two classes.
  return task === 'binary' ? classMetrics.filter((m) => !m.endsWith('_weighted')) : classMetrics.filter((m) => !/^(f1|precision|recall)$/.test(m));
}

/** Up to so many different whole numbers are classes, if there are ten rows for each. */
const classValues = 20;
const classRows = 10;
/** More different values than this are names, not classes. */
const classesMax = 200;
const rowsMin = 10;

/** What the server will take the target for; null when its values have to be looked at to know. */
export function likelyTask(column: ColumnProfile): AutomlTask | null {
  if (column.type === 'datetime' || column.constant) return null;
  if (column.distinct === 2) return 'binary';
  if (column.type !== 'numeric') return 'multiclass';
  if (column.distinct > classValues || column.count < classRows * column.distinct) return 'regression';
  return null;
}

export interface Advice {
  text: string;
  /** The server would refuse. */
  stops?: boolean;
  warns?: boolean;
}

/** What there is to say about a column as something to be predicted. */
export function targetAdvice(column: ColumnProfile, task: AutomlTask | ''): Advice[] {
  if (column.count === 0) return [{ stops: true, text: 'No row has a value in it.' }];
  if (column.constant) return [{ stops: true, text: 'Every row has the same value: there is nothing to predict.' }];
  if (column.type === 'datetime') return [{ stops: true, text: 'Points in time cannot be predicted: numbers and classes can.' }];
  if (column.count < rowsMin) return [{ stops: true, text: `Only ${formatCount(column.count, 'row')} with a value; at least ${rowsMin} are needed.` }];
  const classes = task === '' ? likelyTask(column) !== 'regression' && likelyTask(column) !== null : task !== 'regression';
  const tooMany = column.distinct > classesMax || column.distinct * 2 > column.count;
  if (task === 'regression' && column.type !== 'numeric') return [{ stops: true, text: 'A number is to be predicted, and its values are no numbers.' }];
  if (task === 'regression' && column.infinite > 0) return [{ stops: true, text: `${formatCount(column.infinite, 'value')} in it ${column.infinite === 1 ? 'is' : 'are'} infinite.` }];
  if (task === 'binary' && column.distinct !== 2) return [{ stops: true, text: `It has ${column.distinct.toLocaleString('en-US')} classes, not two.` }];
  if (classes && tooMany) return [{ stops: true, text: `${column.distinct.toLocaleString('en-US')} different values in ${formatCount(column.count, 'row')} are no classes.` }];
  const advice: Advice[] = [];
  if (column.identifier) advice.push({ warns: true, text: 'Nearly every row has a value of its own, as names and numbers of things have. Is this what should be predicted?' });
  if (column.missing > 0) advice.push({ text: `${formatCount(column.missing, 'row')} without a value will be left out.` });
  const rarest = column.top.length === column.distinct ? column.top.at(-1) : undefined;
  if (classes && rarest && rarest.count < rowsMin) advice.push({ warns: true, text: `Only ${formatCount(rarest.count, 'row')} of “${rarest.value}”: too few to judge it by.` });
  return advice;
}

/** Columns that name things rather than tell about them: a model would learn them by heart. */
export function namesOfThings(profile: DatasetProfile, form: Pick<StartForm, 'target' | 'group' | 'time' | 'ignore'>): string[] {
  const spoken = [form.target, form.group, form.time, ...form.ignore];
  return profile.columns.filter((c) => c.identifier && !spoken.includes(c.name)).map((c) => c.name);
}
