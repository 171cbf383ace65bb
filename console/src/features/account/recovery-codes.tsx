import { Copy, Download, Printer } from 'lucide-react';
import { useState } from 'react';
import { Button } from '~/ui/button';
import { canCopy } from '~/ui/copy';
import { saveBlob } from '~/ui/download';

/** The file that keeps the codes. */
export function recoveryFile(codes: readonly string[], origin: string): string {
  return [`Recovery codes for Rhiza at ${origin}`, 'Each works once, in place of a code of the authenticator app. Keep them where only you can read them.', '', ...codes, ''].join('\n');
}

/** Codes shown once: to copy, save or print before one goes on. */
export function RecoveryCodeList({ codes, onDone }: { codes: readonly string[]; onDone: () => void }) {
  const [kept, setKept] = useState(false);
  const [copied, setCopied] = useState(false);
  const text = recoveryFile(codes, location.origin);
  return (
    <div className="flex flex-col gap-4">
      <ol data-print className="grid grid-cols-2 gap-x-4 gap-y-1 rounded-lg border bg-sunken p-4 font-mono text-sm" aria-label="Recovery codes">
        {codes.map((code) => (
          <li key={code} className="select-all">
            {code}
          </li>
        ))}
      </ol>
      <div className="flex flex-wrap gap-2">
        {canCopy() ? (
          <Button
            onClick={() => {
              void navigator.clipboard.writeText(text).then(() => {
                setCopied(true);
                setKept(true);
              });
            }}
          >
            <Copy className="size-3.5" /> {copied ? 'Copied' : 'Copy'}
          </Button>
        ) : null}
        <Button
          onClick={() => {
            saveBlob(new Blob([text], { type: 'text/plain' }), 'rhiza-recovery-codes.txt');
            setKept(true);
          }}
        >
          <Download className="size-3.5" /> Download
        </Button>
        <Button
          onClick={() => {
            window.print();
            setKept(true);
          }}
        >
          <Printer className="size-3.5" /> Print
        </Button>
      </div>
      <label className="flex items-start gap-2">
        <input type="checkbox" className="mt-0.5 size-3.5 accent-(--accent)" checked={kept} onChange={(e) => setKept(e.target.checked)} />I have put the codes where I find them without this device.
      </label>
      <div className="text-right">
        <Button variant="primary" disabled={!kept} onClick={onDone}>
          Done
        </Button>
      </div>
    </div>
  );
}
