import type { AutomlJob, AutomlResults, AutomlTrials } from '~/api';
import { Card } from '~/ui/card';
import { useChartColours } from '../charts/colours';
import { Legend } from '../charts/legend';
import XyChart, { type XySeries } from '../charts/xy-chart';
import { Choice } from '../explanations/controls';
import { searchPoints } from './leaderboard';
import { metricName } from './names';
import { CurveChart } from './quality';
import { curvePoints, type CurveKind } from './report';

interface OverlaysProps {
  jobs: readonly AutomlJob[];
  trials: readonly (AutomlTrials | undefined)[];
  reports: readonly (AutomlResults | undefined)[];
  classes: readonly string[];
  chosen: string | undefined;
  onChoose: (name: string) => void;
}

const kinds: { kind: CurveKind; title: string; x: string; y: string }[] = [
  { kind: 'roc', title: 'ROC', x: 'False positive rate', y: 'True positive rate' },
  { kind: 'precision_recall', title: 'Precision and recall', x: 'Recall', y: 'Precision' },
  { kind: 'calibration', title: 'Calibration', x: 'Probability said', y: 'Share seen' },
];
const unit = { min: 0, max: 1, share: true };

/** The searches' curves on top of each other, as far as they are about the same thing. */
export default function Overlays({ jobs, trials, reports, classes, chosen, onChoose }: OverlaysProps) {
  const colours = useChartColours();
  const items = jobs.map((j, at) => ({ id: j.automl_id, name: j.name, colour: colours.of(at) }));
  return (
    <>
      <Legend label="Searches" items={items} />
      <div className="grid gap-4 lg:grid-cols-2">
        <Course jobs={jobs} trials={trials} />
        {chosen === undefined
          ? null
          : kinds.map(({ kind, title, x, y }, nth) => (
              <Card
                key={kind}
                title={title}
                actions={nth === 0 && classes.length > 1 ? <Choice label="Class" value={chosen} options={classes.map((c) => ({ value: c, name: c }))} onChange={onChoose} /> : null}
              >
                <CurveChart
                  kind={kind}
                  title={`${title} for ${chosen}`}
                  x={{ name: x, ...unit }}
                  y={{ name: y, ...unit }}
                  lines={reports.flatMap((r, at) => {
                    const curves = r?.hold_out?.curves.find((c) => c.class === chosen);
                    return curves ? [{ name: jobs[at]?.name ?? '', colour: colours.of(at), points: curvePoints(curves, kind) }] : [];
                  })}
                />
              </Card>
            ))}
      </div>
    </>
  );
}

/** How fast each search came to its best. Scores of different metrics share no axis. */
function Course({ jobs, trials }: Pick<OverlaysProps, 'jobs' | 'trials'>) {
  const colours = useChartColours();
  const metrics = new Set(jobs.flatMap((j) => j.plan?.metric ?? []));
  const [metric] = metrics;
  const series = jobs.map((j, at): XySeries => ({
    name: j.name,
    colour: colours.of(at),
    steps: true,
    points: searchPoints(trials[at]?.trials ?? [], j.plan?.greater_is_better ?? true).map((p) => [p.trial.number, p.best] as const),
  }));
  if (metric === undefined) return null;
  return (
    <Card title="Best until each trial">
      {metrics.size > 1 ? (
        <p className="py-8 text-center text-muted">These searches are ranked by different scores, which cannot share an axis.</p>
      ) : (
        <XyChart label={`Best ${metricName(metric)} until each trial of ${jobs.map((j) => j.name).join(', ')}`} x={{ name: 'Trial', whole: true }} y={{ name: metricName(metric) }} series={series} />
      )}
    </Card>
  );
}
