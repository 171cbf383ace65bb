import { useEffect, useRef, useState, type FormEvent } from 'react';
import { confirmTotp, createTotp, type TotpProposal } from '~/api';
import { confirmed, needsConfirmation, useConfirming } from '~/app/confirm';
import { describeError } from '~/app/errors';
import { Button } from '~/ui/button';
import { CopyButton } from '~/ui/copy';
import { Dialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { ErrorNote, Loading } from '~/ui/states';
import { toast } from '~/ui/toast';
import { securityChanged } from './security';
import { RecoveryCodeList } from './recovery-codes';

/** A picture the server drew. As an image it can neither run anything nor reach into the page. */
export function svgImage(svg: string): string {
  return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
}

/** `JBSWY3DP…` in fours, for those who type it. */
export function inFours(secret: string): string {
  return secret.replace(/(.{4})(?=.)/g, '$1 ');
}

/** Setting up an authenticator app: scan, show a code, keep the recovery codes. */
export function TotpDialog({ onClose }: { onClose: () => void }) {
  const [proposal, setProposal] = useState<TotpProposal | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const [code, setCode] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const confirming = useConfirming();
  const begun = useRef(false);
  const leave = useRef(onClose);
  useEffect(() => {
    leave.current = onClose;
  });
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    confirmed(() => createTotp()).then(
      ({ data }) => setProposal(data),
      (caught: unknown) => (needsConfirmation(caught) ? leave.current() : setError(caught)),
    );
  }, []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      const { data } = await confirmed(() => confirmTotp({ body: { code: code.replace(/\s/g, '') } }));
      setCodes(data.recovery_codes);
      await securityChanged();
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };
  if (codes) {
    return (
      <Dialog open onOpenChange={() => undefined} title="Keep your recovery codes" description="The app is set up. If you lose it, one of these lets you in; each works once. They are shown only now.">
        <RecoveryCodeList
          codes={codes}
          onDone={() => {
            toast('done', 'Two-step sign-in is on');
            onClose();
          }}
        />
      </Dialog>
    );
  }
  return (
    <Dialog open={!confirming} onOpenChange={(open) => !open && !confirming && onClose()} title="Set up an authenticator app" description="Scan the picture with an app such as Aegis, 2FAS, Google Authenticator or your password manager, then type the code it shows.">
      {proposal ? (
        <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
          <img src={svgImage(proposal.qr_svg)} alt="QR code with the secret for your authenticator app" width={200} height={200} className="self-center rounded-lg border bg-white p-2" />
          <p className="text-center text-xs text-muted">
            No camera? Type this into the app:
            <span className="mt-1 flex items-center justify-center gap-1">
              <code className="font-mono text-ink select-all wrap-anywhere">{inFours(proposal.secret)}</code>
              <CopyButton text={proposal.secret} label="Copy the secret" />
            </span>
          </p>
          <Field label="Code of the app">
            {(ids) => <Input {...ids} value={code} onChange={(e) => setCode(e.target.value)} inputMode="numeric" autoComplete="one-time-code" className="font-mono tracking-widest" />}
          </Field>
          {error ? <ErrorNote {...describeError(error)} /> : null}
          <div className="flex justify-end gap-2">
            <Button onClick={onClose}>Cancel</Button>
            <Button type="submit" variant="primary" busy={busy} disabled={!/^\d{6}$/.test(code.replace(/\s/g, ''))}>
              Switch on
            </Button>
          </div>
        </form>
      ) : error ? (
        <ErrorNote {...describeError(error)} />
      ) : (
        <Loading label="Making a secret" />
      )}
    </Dialog>
  );
}
