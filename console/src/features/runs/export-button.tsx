import { Download } from 'lucide-react';
import { useRef, useState } from 'react';
import { describeError } from '~/app/errors';
import { Button } from '~/ui/button';
import { saveBlob } from '~/ui/download';
import { formatCount } from '~/ui/format';
import { toast } from '~/ui/toast';
import { exportRuns, type Wanted } from './data';

/** All runs that match, as CSV with exact values; long exports show how far they are and can be stopped. */
export function ExportButton({ wanted, name }: { wanted: Wanted; name: string }) {
  const [rows, setRows] = useState<number | null>(null);
  const stop = useRef<AbortController>(null);
  const start = async () => {
    const controller = new AbortController();
    stop.current = controller;
    setRows(0);
    try {
      saveBlob(await exportRuns(wanted, setRows, controller.signal), `${name.replaceAll(/[^\w.-]+/g, '-') || 'runs'}.csv`);
    } catch (error) {
      if (!controller.signal.aborted) {
        const { title, requestId } = describeError(error);
        toast('failed', `The export stopped: ${title}`, requestId ? `Request ${requestId}` : undefined);
      }
    } finally {
      setRows(null);
    }
  };
  if (rows !== null) {
    return (
      <Button onClick={() => stop.current?.abort()}>
        Stop <span className="text-faint">{formatCount(rows, 'run')}</span>
      </Button>
    );
  }
  return (
    <Button onClick={() => void start()} aria-label="Export as CSV">
      <Download className="size-3.5" />
      CSV
    </Button>
  );
}
