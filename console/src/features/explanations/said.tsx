import { formatNumber } from '~/ui/format';
import { saidText } from './shape';

/** What a model says of a row: a number, or the output it gives most to and how much. */
export function Said({ of, outputs }: { of: readonly number[]; outputs: readonly string[] }) {
  return <span className="font-medium wrap-anywhere">{saidText(of, outputs, (n) => formatNumber(Number(n.toPrecision(4))))}</span>;
}
