import { Link, useRouter } from '@tanstack/react-router';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { confirmEmail, resetPassword, verifyEmail, type Challenge } from '~/api';
import { useEnter } from '~/app/enter';
import { describeError } from '~/app/errors';
import { forgetLinkToken, useLinkToken } from '~/app/link-token';
import { queryClient } from '~/app/queries';
import { Button, buttonClass } from '~/ui/button';
import { ErrorNote, Loading } from '~/ui/states';
import { AccessFrame } from './frame';
import { NewPassword } from './password-field';
import { passwordError } from './rules';
import { SecondFactor } from './second-factor';
import { useForm } from './use-form';

/** The link brought no secret: it was used, or the page was loaded again. */
function NoToken({ title, children }: { title: string; children: ReactNode }) {
  return (
    <AccessFrame title={title} note={children}>
      <Link to="/sign-in" search={{}} className={buttonClass('primary', 'md', 'w-full')}>
        To the sign-in page
      </Link>
    </AccessFrame>
  );
}

/** Posts the token of a link once, as soon as the page is there. */
function useOnce(token: string | null, post: (token: string) => Promise<void>) {
  const [error, setError] = useState<unknown>(null);
  const posted = useRef<string | null>(null);
  useEffect(() => {
    if (!token || posted.current === token) return;
    posted.current = token;
    post(token).then(forgetLinkToken, setError);
  }, [token, post]);
  return error;
}

export function VerifyEmailPage() {
  const token = useLinkToken('/verify-email');
  const enter = useEnter();
  const [challenge, setChallenge] = useState<Challenge | null>(null);
  const [post] = useState(() => async (secret: string) => {
    const { data } = await verifyEmail({ body: { token: secret } });
    if ('challenge' in data) setChallenge(data);
    else await enter(data);
  });
  const error = useOnce(token, post);
  if (challenge) return <SecondFactor challenge={challenge} onEnter={enter} onBack={() => setChallenge(null)} />;
  if (!token) return <NoToken title="Prove your address">Open the link in the letter once more; it works once.</NoToken>;
  return (
    <AccessFrame title={error ? 'This link does not work' : 'Proving your address'}>
      {error ? (
        <div className="flex flex-col gap-4">
          <ErrorNote {...describeError(error)} />
          <Link to="/sign-in" search={{}} className={buttonClass('primary', 'md', 'w-full')}>
            Sign in to get another letter
          </Link>
        </div>
      ) : (
        <Loading label="Asking the server" />
      )}
    </AccessFrame>
  );
}

export function ConfirmEmailPage() {
  const token = useLinkToken('/confirm-email');
  const router = useRouter();
  const [post] = useState(() => async (secret: string) => {
    await confirmEmail({ body: { token: secret } });
    queryClient.clear();
    await router.navigate({ to: '/sign-in', search: { done: 'email' }, replace: true });
  });
  const error = useOnce(token, post);
  if (!token) return <NoToken title="Confirm your new address">Open the link in the letter once more; it works once.</NoToken>;
  return (
    <AccessFrame title={error ? 'This link does not work' : 'Confirming your new address'}>
      {error ? (
        <div className="flex flex-col gap-4">
          <ErrorNote {...describeError(error)} />
          <Link to="/" className={buttonClass('primary', 'md', 'w-full')}>
            To the console
          </Link>
        </div>
      ) : (
        <Loading label="Asking the server" />
      )}
    </AccessFrame>
  );
}

export function ResetPasswordPage() {
  const token = useLinkToken('/reset-password');
  const router = useRouter();
  const form = useForm({ password: '' }, { password: (p) => passwordError(p) }, async ({ password }) => {
    if (!token) return;
    await resetPassword({ body: { token, password } });
    forgetLinkToken();
    queryClient.clear();
    await router.navigate({ to: '/sign-in', search: { done: 'password' }, replace: true });
  });
  if (!token) return <NoToken title="Choose a new password">Open the link in the letter once more, or ask for another one: it works once, for half an hour.</NoToken>;
  return (
    <AccessFrame title="Choose a new password" note="You are signed out everywhere, so that only you can get in.">
      <form noValidate onSubmit={form.submit} className="flex flex-col gap-4">
        <NewPassword label="New password" {...form.input('password')} value={form.values.password} error={form.shown('password')} />
        {form.error ? <ErrorNote {...describeError(form.error)} /> : null}
        <Button type="submit" variant="primary" size="md" busy={form.busy}>
          Change password
        </Button>
      </form>
    </AccessFrame>
  );
}
