import { formatNumber } from '~/ui/format';
import type { SaidPrediction } from '../automl/api-provisional';

/** What a model said of a row: a class, a number, or a number for each output. */
export function Said({ of }: { of: SaidPrediction }) {
  const number = (n: number) => formatNumber(Number(n.toPrecision(5)));
  return <span className="font-medium wrap-anywhere">{typeof of === 'string' ? of : typeof of === 'number' ? number(of) : of.map(number).join(', ')}</span>;
}
