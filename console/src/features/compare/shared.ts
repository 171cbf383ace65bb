import type { RunRow } from '~/api';
import type { compareSearch } from '~/app/searches';
import type { ChartColours } from '../charts/colours';
import type { Fact } from './model';

type Search = ReturnType<typeof compareSearch>;

/** What every tab of the comparison works with. */
export interface CompareProps {
  runs: readonly RunRow[];
  all: readonly Fact[];
  search: Search;
  patch: (change: Partial<Search>) => void;
  colours: ChartColours;
  axes: readonly string[];
}
