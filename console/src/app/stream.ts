export type LiveState = 'off' | 'connecting' | 'live' | 'broken';

/** What every following of a stream asks of the generated client. */
export interface StreamOptions {
  signal: AbortSignal;
  sseDefaultRetryDelay: number;
  sseMaxRetryDelay: number;
  onSseError: () => void;
}

interface Following<E> {
  open: (options: StreamOptions) => Promise<{ stream: AsyncIterable<E> }>;
  onEvent: (event: E) => void;
  onState: (state: LiveState) => void;
  /** The connection broke: what was sent meanwhile may be lost. */
  onBroken: () => void;
  signal: AbortSignal;
}

/** Follows a server's events until `signal` says stop, through lost connections and restarts of the server. */
export async function follow<E>({ open, onEvent, onState, onBroken, signal }: Following<E>): Promise<void> {
  try {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      onState('connecting');
      const { stream } = await open({
        signal,
        sseDefaultRetryDelay: 1000,
        sseMaxRetryDelay: 10_000,
        onSseError: () => {
          if (signal.aborted) return;
          onState('broken');
          onBroken();
        },
      });
      for await (const event of stream) {
        if (signal.aborted) return;
        onState('live');
        onEvent(event);
      }
      // The server closed the stream in good order, as it does when it restarts.
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, Math.min(10_000, 1000 * 2 ** attempt)));
    }
  } catch {
    if (!signal.aborted) onState('broken');
  }
}
