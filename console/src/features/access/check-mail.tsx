import { Link } from '@tanstack/react-router';
import { MailCheck } from 'lucide-react';
import { useState } from 'react';
import { resendVerification } from '~/api';
import { describeError } from '~/app/errors';
import { Button } from '~/ui/button';
import { ErrorNote } from '~/ui/states';
import { useNow } from '~/ui/time';
import { AccessFrame, linkClass } from './frame';

const pause = 30_000;

/** The letter is on its way; it can be asked for again. */
export function CheckMail({ email, title = 'Look into your mail', onBack }: { email: string; title?: string; onBack: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [sentAt, setSentAt] = useState(() => Date.now());
  const [again, setAgain] = useState(false);
  const now = useNow(1000);
  const wait = Math.max(0, Math.ceil((sentAt + pause - now) / 1000));
  const resend = async () => {
    setBusy(true);
    setError(null);
    try {
      await resendVerification({ body: { email } });
      setSentAt(Date.now());
      setAgain(true);
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };
  return (
    <AccessFrame
      title={title}
      foot={
        <Link to="/sign-in" search={{}} className={linkClass} onClick={onBack}>
          Back to signing in
        </Link>
      }
    >
      <div className="flex flex-col items-center gap-3 text-center">
        <div className="flex size-10 items-center justify-center rounded-lg bg-accent-soft text-accent">
          <MailCheck aria-hidden className="size-5" />
        </div>
        <p>
          A letter is on its way to <strong className="wrap-anywhere">{email}</strong>. Open the link in it to prove that the address is yours; it works for two days.
        </p>
        <p className="text-xs text-muted">Nothing there? Look into the folder for spam, or have it sent once more.</p>
        {again ? (
          <p role="status" className="text-xs text-ok">
            Sent again.
          </p>
        ) : null}
        {error ? <ErrorNote className="w-full" {...describeError(error)} /> : null}
        <Button busy={busy} disabled={wait > 0} onClick={() => void resend()}>
          {wait > 0 ? `Send again in ${wait} s` : 'Send again'}
        </Button>
      </div>
    </AccessFrame>
  );
}
