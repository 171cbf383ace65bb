import { useState } from 'react';
import { finishSignIn, type Challenge, type Me } from '~/api';
import { describeError, isStatus } from '~/app/errors';
import { Button } from '~/ui/button';
import { Field, Input } from '~/ui/field';
import { formatDuration, toMillis } from '~/ui/format';
import { ErrorNote } from '~/ui/states';
import { useNow } from '~/ui/time';
import { AccessFrame } from './frame';
import { useForm } from './use-form';

/** The second step of a sign-in: a code from the app, or one of the recovery codes. */
export function SecondFactor({ challenge, onEnter, onBack }: { challenge: Challenge; onEnter: (me: Me) => Promise<void>; onBack: () => void }) {
  const [recovery, setRecovery] = useState(!challenge.methods.includes('totp'));
  const now = useNow(1000);
  const left = (toMillis(challenge.expires_at) ?? now) - now;
  const form = useForm({ code: '' }, { code: (c) => (c.trim() === '' ? 'A code is needed.' : !recovery && !/^[\d\s]+$/.test(c) ? 'The code is six digits.' : null) }, async ({ code }) => {
    const typed = recovery ? code.trim() : code.replace(/\s/g, '');
    await onEnter((await finishSignIn({ body: { challenge: challenge.challenge, code: typed } })).data);
  });
  return (
    <AccessFrame title="One more step" note={recovery ? 'Type one of the recovery codes you kept when you set up two-step sign-in.' : 'Type the six digits that your authenticator app shows.'}>
      <form noValidate onSubmit={form.submit} className="flex flex-col gap-4">
        <Field label={recovery ? 'Recovery code' : 'Code'} error={form.shown('code')} hint={left > 0 ? `${formatDuration(Math.ceil(left / 1000) * 1000)} left.` : undefined}>
          {(ids) => (
            <Input
              {...ids}
              {...form.input('code')}
              key={recovery ? 'recovery' : 'totp'}
              inputMode={recovery ? 'text' : 'numeric'}
              autoComplete="one-time-code"
              autoCapitalize="off"
              spellCheck={false}
              className="font-mono tracking-widest"
              // The only thing on this page, and where one was typing a moment ago.
              // eslint-disable-next-line jsx-a11y/no-autofocus
              autoFocus
            />
          )}
        </Field>
        {left <= 0 ? <ErrorNote title="This took too long. Begin the sign-in again." /> : null}
        {form.error ? <ErrorNote {...describeError(form.error)} {...(isStatus(form.error, 401) ? { title: 'This code is not the right one, or was used already.' } : {})} /> : null}
        <Button type="submit" variant="primary" size="md" busy={form.busy} disabled={left <= 0}>
          Sign in
        </Button>
        <div className="flex justify-between gap-2">
          <Button variant="ghost" onClick={onBack}>
            Back
          </Button>
          {challenge.methods.includes('recovery_code') && challenge.methods.includes('totp') ? (
            <Button variant="ghost" onClick={() => setRecovery(!recovery)}>
              {recovery ? 'Use the app instead' : 'Use a recovery code'}
            </Button>
          ) : null}
        </div>
      </form>
    </AccessFrame>
  );
}
