import { useQuery } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { confirmMyself, getMySecurity } from '~/api';
import { describeError, isStatus } from '~/app/errors';
import { Button } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { ErrorNote, Loading } from '~/ui/states';

/** Asks for the password or a code before something that matters. */
export default function ConfirmDialog({ onSettled }: { onSettled: (proved: boolean) => void }) {
  const security = useQuery({ queryKey: ['security'], queryFn: async () => (await getMySecurity()).data });
  const ways: ('code' | 'password')[] = [...(security.data?.totp ? (['code'] as const) : []), ...(security.data?.password ? (['password'] as const) : [])];
  const [chosen, setChosen] = useState<'code' | 'password' | null>(null);
  const way = chosen ?? ways[0];
  const other = ways.find((w) => w !== way);
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || text === '' || !way) return;
    setBusy(true);
    setError(null);
    try {
      await confirmMyself({ body: way === 'code' ? { code: text.trim() } : { password: text } });
      onSettled(true);
    } catch (caught) {
      setError(caught);
      setText('');
    } finally {
      setBusy(false);
    }
  };
  const wrong = way === 'code' ? 'This code is not the right one.' : 'This is not your password.';
  return (
    <Dialog open onOpenChange={(open) => !open && onSettled(false)} title="Confirm that it is you" description="This is asked before changes to how your account is protected.">
      {security.isPending ? <Loading label="Loading" /> : null}
      {security.isError ? <ErrorNote {...describeError(security.error)} /> : null}
      {security.data && ways.length === 0 ? (
        <div className="flex flex-col gap-3">
          <p>Your account has neither a password nor an authenticator app. Sign out and in again, then repeat this within ten minutes.</p>
          <div className="text-right">
            <Button onClick={() => onSettled(false)}>Close</Button>
          </div>
        </div>
      ) : null}
      {way ? (
        <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-3">
          {way === 'code' ? (
            <Field label="Code of your authenticator app">
              {(ids) => <Input {...ids} value={text} onChange={(e) => setText(e.target.value)} inputMode="numeric" autoComplete="one-time-code" />}
            </Field>
          ) : (
            <Field label="Your password">
              {(ids) => <Input {...ids} type="password" value={text} onChange={(e) => setText(e.target.value)} autoComplete="current-password" />}
            </Field>
          )}
          {error ? <ErrorNote {...describeError(error)} {...(isStatus(error, 401) ? { title: wrong } : {})} /> : null}
          <div className="mt-2 flex flex-wrap items-center justify-end gap-2">
            {other ? (
              <Button
                variant="ghost"
                className="mr-auto"
                onClick={() => {
                  setChosen(other);
                  setText('');
                  setError(null);
                }}
              >
                {other === 'code' ? 'Use a code instead' : 'Use the password instead'}
              </Button>
            ) : null}
            <Button onClick={() => onSettled(false)}>Cancel</Button>
            <Button type="submit" variant="primary" busy={busy} disabled={text === ''}>
              Confirm
            </Button>
          </div>
        </form>
      ) : null}
    </Dialog>
  );
}
