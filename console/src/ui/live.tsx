import type { LiveState } from '~/app/stream';
import { Badge } from './status';

/** Whether what is shown follows the server just now. */
export function Live({ state }: { state: LiveState }) {
  if (state === 'off') return null;
  if (state === 'broken') return <Badge tone="warn">Reconnecting…</Badge>;
  return (
    <span role="status">
      <Badge tone="accent">{state === 'live' ? 'Live' : 'Connecting…'}</Badge>
    </span>
  );
}
