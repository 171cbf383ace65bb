import type { WorkState } from '~/api';
import { Badge } from '~/ui/status';
import { familyColour, familyName, stateNames } from './names';
import { useChartColours } from '../charts/colours';

const tones = { queued: 'neutral', running: 'accent', succeeded: 'neutral', failed: 'danger', cancelled: 'warn' } as const;

export function JobState({ state }: { state: WorkState }) {
  return <Badge tone={tones[state]}>{stateNames[state]}</Badge>;
}

/** A family's name with its colour on every picture. */
export function Family({ family }: { family: string }) {
  const colours = useChartColours();
  return (
    <span className="inline-flex items-center gap-1.5 whitespace-nowrap">
      <span aria-hidden className="size-2.5 shrink-0 rounded-full" style={{ backgroundColor: colours.of(familyColour(family)) }} />
      {familyName(family)}
    </span>
  );
}
