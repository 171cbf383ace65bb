import { formatNumber } from '~/ui/format';

/** Five significant digits: more say nothing about a model. */
export function score(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : formatNumber(Number(value.toPrecision(5)));
}
