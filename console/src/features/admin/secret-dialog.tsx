import { Button } from '~/ui/button';
import { CodeBlock } from '~/ui/copy';
import { Dialog } from '~/ui/dialog';
import { snippet } from '../home/snippet';

/** A key, the one time it is shown. */
export function SecretDialog({ secret, title = 'Your new key', note, onClose }: { secret: string | null; title?: string; note?: string; onClose: () => void }) {
  return (
    <Dialog open={secret !== null} onOpenChange={(open) => !open && onClose()} title={title} description={`Copy it now: only its hash is kept, so it cannot be shown again.${note ? ` ${note}` : ''}`} wide>
      <div className="flex flex-col gap-4">
        <CodeBlock label="key" code={secret ?? ''} />
        <div>
          <p className="mb-2 text-muted">In Python:</p>
          <CodeBlock label="Python code" code={snippet({ origin: location.origin, secret })} />
        </div>
        <div className="text-right">
          <Button variant="primary" onClick={onClose}>
            Done
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
