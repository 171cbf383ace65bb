import { describe, expect, it } from 'vitest';
import type { AutomlCurves, AutomlJob, AutomlResults } from '~/api';
import { commonClasses, scoreLines, settingLines } from './compare';
import { metricName } from './names';
import { area, commonRange, confusionRows, curvePoints, fewPoints } from './report';
import { serveCommand, shellText } from './serve';
import { byImportance, changedColumns, odds, readCell, sliderStep } from './what-if';

const curves: AutomlCurves = {
  class: 'yes',
  roc: [
    { x: 0, y: 0 },
    { x: 0, y: 0.5 },
    { x: 1, y: 1 },
  ],
  precision_recall: [{ x: 0, y: 1 }],
  lift: [
    { share: 0.5, lift: 1.6, captured: 0.8 },
    { share: 1, lift: 1, captured: 1 },
  ],
  calibration: [
    { predicted: 0.1, observed: 0.2, count: 10 },
    { predicted: 0.5, observed: 0, count: 0 },
  ],
  calibration_error: 0.1,
};

describe('curves', () => {
  it('become points, without bins that nothing fell into', () => {
    expect(curvePoints(curves, 'captured')).toEqual([
      [0, 0],
      [0.5, 0.8],
      [1, 1],
    ]);
    expect(curvePoints(curves, 'calibration')).toEqual([[0.1, 0.2]]);
    expect(area(curvePoints(curves, 'roc'))).toBeCloseTo(0.75);
  });

  it('are thinned with both ends kept', () => {
    const points = Array.from({ length: 200 }, (_, i) => [i, i] as const);
    const few = fewPoints(points, 11);
    expect(few).toHaveLength(11);
    expect(few[0]).toEqual([0, 0]);
    expect(few.at(-1)).toEqual([199, 199]);
    expect(fewPoints(points.slice(0, 3), 11)).toHaveLength(3);
  });
});

it('confusion is read by the truth', () => {
  const rows = confusionRows({ classes: ['a', 'b'], counts: [[8, 2], [0, 0]] });
  expect(rows[0]).toEqual({ name: 'a', rows: 10, cells: [{ count: 8, share: 0.8 }, { count: 2, share: 0.2 }] });
  expect(rows[1]?.cells[1]?.share).toBe(0);
  expect(commonRange([{ truth: 3, predicted: -1 }])).toEqual([-1, 3]);
  expect(commonRange([])).toEqual([0, 1]);
});

it('metrics have names', () => {
  expect(metricName('roc_auc')).toBe('ROC AUC');
  expect(metricName('f1_macro')).toBe('F1 (macro)');
  expect(metricName('balanced_accuracy')).toBe('Balanced accuracy');
  expect(metricName('pinball@0.9')).toBe('Pinball loss at 0.9');
  expect(metricName('something')).toBe('Something');
});

describe('the command that asks a model', () => {
  it('survives every value in a shell', () => {
    expect(shellText("it's $HOME")).toBe("'it'\\''s $HOME'");
    const command = serveCommand({ origin: 'http://h', project: 'p', name: 'a b', version: '2', secret: null, record: { "o'clock": '`rm`' } });
    expect(command).toContain("'http://h/serving/a%20b/invocations?version=2'");
    expect(command).toContain('"Authorization: Bearer $RHIZA_API_KEY"');
    expect(command).toContain(`-d '{"dataframe_records":[{"o'\\''clock":"\`rm\`"}]}'`);
    expect(serveCommand({ origin: 'http://h', project: 'p', name: 'm', version: '1', secret: 'rz_x', record: {} })).toContain("'Authorization: Bearer rz_x'");
  });
});

describe('what if', () => {
  const age = { name: 'age', kind: 'numeric', levels: [], minimum: 18, maximum: 90 };

  it('moves in steps of the column', () => {
    expect(sliderStep(age, [{ age: 20 }])).toBe(1);
    expect(sliderStep({ ...age, minimum: 0.5 }, [{ age: 20.5 }])).toBe(0.4);
    expect(sliderStep({ ...age, maximum: 18 }, [])).toBe(1);
  });

  it('reads what is typed by the kind of the column', () => {
    expect(readCell('', 'numeric')).toBeNull();
    expect(readCell('1e2', 'numeric')).toBe(100);
    expect(readCell('ten', 'numeric')).toBeUndefined();
    expect(readCell('true', 'boolean')).toBe(true);
    expect(readCell('true', 'categorical')).toBe('true');
  });

  it('tells what changed, and in which direction', () => {
    expect(changedColumns({ a: 1, b: null }, { a: 1, b: null })).toEqual([]);
    expect(changedColumns({ a: 1 }, { a: 2, c: null })).toEqual(['a']);
    expect(odds({ predictions: ['a', 'b'], classes: ['a', 'b'], probabilities: [[0.9, 0.1], [0.3, 0.7]] })).toEqual([
      { name: 'b', before: 0.1, after: 0.7 },
      { name: 'a', before: 0.9, after: 0.3 },
    ]);
    expect(odds({ predictions: [1, 2] })).toBeNull();
    expect(byImportance([{ ...age, name: 'a' }, { ...age, name: 'b' }], [{ name: 'b', importance: 1, error: 0 }]).map((c) => c.name)).toEqual(['b', 'a']);
  });
});

describe('searches side by side', () => {
  const results = (scores: Record<string, number>, classes: string[] = []): AutomlResults => ({
    task: 'binary',
    classes,
    metric: 'roc_auc',
    greater_is_better: true,
    score: 1,
    best: { number: 0, name: '', family: '', score: 1 },
    rows: 1,
    stopped: false,
    members: [],
    columns: [],
    sample: [],
    sample_truth: [],
    hold_out: { rows: 1, scores, curves: classes.map((name) => ({ ...curves, class: name })), coverage_asked: 0.9, coverage_seen: 0.9 },
  });

  it('marks the best by the direction of each score', () => {
    const lines = scoreLines([results({ roc_auc: 0.8, log_loss: 0.4 }), results({ roc_auc: 0.9, log_loss: 0.5 }), undefined]);
    expect(lines.map((l) => [l.metric, l.best])).toEqual([
      ['roc_auc', 0.9],
      ['log_loss', 0.4],
    ]);
    expect(scoreLines([results({ mcc: 1 }), results({ mcc: 1 })])[0]?.best).toBeNull();
  });

  it('overlays only classes that all of them have', () => {
    expect(commonClasses([results({}, ['a', 'b']), results({}, ['b', 'c'])])).toEqual(['b']);
    expect(commonClasses([results({}, ['a']), undefined])).toEqual([]);
  });

  it('leaves out settings that none of them has', () => {
    const settings = { seconds: 60, trials: 200, seed: 0, hold_out: 0.2, ignore: [], blend: true };
    const job: AutomlJob = { automl_id: 'a', name: 'n', dataset_id: 'd', dataset_name: 'iris', version: 1, target: 'y', settings, state: 'queued', progress: 0, message: '', experiment_id: '1', run_id: 'r', trials: 0, seconds_used: 0, registered: [], created_by: 'u', created_at: '' };
    const lines = settingLines([job, { ...job, settings: { ...settings, seconds: 10 } }]);
    expect(lines.find((l) => l.name === 'Seconds asked')).toEqual({ name: 'Seconds asked', values: ['60', '10'], differs: true });
    expect(lines.some((l) => l.name === 'Ordered by')).toBe(false);
  });
});
