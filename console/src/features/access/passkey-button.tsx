import { Fingerprint } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { Me } from '~/api';
import { ApiError, describeError } from '~/app/errors';
import { Button } from '~/ui/button';
import { ErrorNote } from '~/ui/states';
import { passkeyProblem, passkeysWorkInForms, signInWithPasskey } from './webauthn';

/** The server forgets a challenge after five minutes; a page left open asks anew before that. */
const renewAfter = 4 * 60_000;

/** Signs in with a passkey: by the button, or from the list the browser shows under the e-mail field. */
export function PasskeyButton({ onEnter }: { onEnter: (me: Me) => Promise<void> }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const offer = useRef<AbortController | null>(null);
  const enter = useRef(onEnter);
  useEffect(() => {
    enter.current = onEnter;
  });

  useEffect(() => {
    if (busy) return;
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const listen = async () => {
      if (!(await passkeysWorkInForms()) || over) return;
      const controller = new AbortController();
      offer.current = controller;
      timer = setTimeout(() => {
        controller.abort();
        void listen();
      }, renewAfter);
      try {
        const me = await signInWithPasskey({ signal: controller.signal, conditional: true });
        if (!over) await enter.current(me);
      } catch (caught) {
        // Nobody asked for this; only what the server says to a passkey that was chosen is worth showing.
        if (!over && caught instanceof ApiError && caught.status === 401) setError(caught);
      }
    };
    void listen();
    return () => {
      over = true;
      clearTimeout(timer);
      offer.current?.abort();
    };
  }, [busy]);

  const press = async () => {
    offer.current?.abort();
    setBusy(true);
    setError(null);
    try {
      await onEnter(await signInWithPasskey({ signal: AbortSignal.timeout(renewAfter) }));
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };
  const problem = passkeyProblem(error);
  return (
    <div className="flex flex-col gap-2">
      <Button size="md" busy={busy} onClick={() => void press()}>
        {busy ? null : <Fingerprint aria-hidden className="size-4" />} Sign in with a passkey
      </Button>
      {error && (problem || error instanceof ApiError) ? <ErrorNote {...(problem ? { title: problem } : describeError(error))} /> : null}
    </div>
  );
}
