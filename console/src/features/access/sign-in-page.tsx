import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { signIn, type AuthOptions, type Challenge, type Me } from '~/api';
import { client } from '~/api/client.gen';
import { describeError, isStatus } from '~/app/errors';
import { safePath, useEnter } from '~/app/enter';
import { authOptionsQuery } from '~/app/queries';
import { Button, buttonClass } from '~/ui/button';
import { Field, Input } from '~/ui/field';
import { ErrorNote } from '~/ui/states';
import { CheckMail } from './check-mail';
import { AccessFrame, linkClass, Or } from './frame';
import { PasskeyButton } from './passkey-button';
import { ShownOnWish } from './password-field';
import { emailError } from './rules';
import { SecondFactor } from './second-factor';
import { useForm } from './use-form';
import { passkeysWork } from './webauthn';

const route = getRouteApi('/sign-in');

export function SignInPage() {
  const { next, error, done } = route.useSearch();
  const enter = useEnter();
  const options = useQuery(authOptionsQuery);
  const [challenge, setChallenge] = useState<Challenge | null>(handedOver);
  const [unverified, setUnverified] = useState<string | null>(null);
  const come = (me: Me) => enter(me, next);
  if (challenge) return <SecondFactor challenge={challenge} onEnter={come} onBack={() => setChallenge(null)} />;
  if (unverified) return <CheckMail email={unverified} title="Your address is not proven yet" onBack={() => setUnverified(null)} />;
  const passkeys = options.data?.passkeys === true && passkeysWork();
  const providers = options.data?.providers ?? [];
  return (
    <AccessFrame
      title="Sign in to Rhiza"
      foot={
        options.data && options.data.registration !== 'invite' ? (
          <>
            New here?{' '}
            <Link to="/register" className={linkClass}>
              Create an account
            </Link>
          </>
        ) : null
      }
    >
      <div className="flex flex-col gap-4">
        {error ? <ErrorNote title={error} /> : null}
        {done ? (
          <p role="status" className="rounded-lg bg-accent-soft px-3 py-2.5">
            {finished[done]}
          </p>
        ) : null}
        <PasswordForm passkeys={passkeys} mail={options.data?.mail === true} onEnter={come} onChallenge={setChallenge} onUnverified={setUnverified} />
        {passkeys || providers.length > 0 ? <Or /> : null}
        {passkeys ? <PasskeyButton onEnter={come} /> : null}
        {providers.length > 0 ? <Providers providers={providers} next={next} /> : null}
      </div>
    </AccessFrame>
  );
}

/** A sign-in at a provider whose second step is due: the server leads here with it in the fragment, which is sent to nobody. */
function handedOver(): Challenge | null {
  const said = new URLSearchParams(window.location.hash.slice(1));
  const [challenge, expires_at] = [said.get('challenge'), said.get('expires_at')];
  return challenge && expires_at ? { challenge, expires_at, methods: ['totp', 'recovery_code'] } : null;
}

/** What was done before one came to this page. */
const finished = {
  password: 'Your password is changed. Sign in with the new one.',
  email: 'Your new e-mail address is in use. Sign in with it.',
  deleted: 'Your account is deleted.',
} as const;

interface PasswordFormProps {
  passkeys: boolean;
  mail: boolean;
  onEnter: (me: Me) => Promise<void>;
  onChallenge: (challenge: Challenge) => void;
  onUnverified: (email: string) => void;
}

function PasswordForm({ passkeys, mail, onEnter, onChallenge, onUnverified }: PasswordFormProps) {
  const form = useForm({ email: '', password: '' }, { email: emailError, password: (p) => (p ? null : 'A password is needed.') }, async (values) => {
    const email = values.email.trim();
    try {
      const { data } = await signIn({ body: { email, password: values.password } });
      if ('challenge' in data) onChallenge(data);
      else await onEnter(data);
    } catch (caught) {
      // Said only to whoever knows the password: the address is to be proven first. (Over plain HTTP nobody gets so far.)
      if (mail && window.isSecureContext && isStatus(caught, 403)) onUnverified(email);
      else throw caught;
    }
  });
  return (
    <form noValidate onSubmit={form.submit} className="flex flex-col gap-4">
      <Field label="E-mail" error={form.shown('email')}>
        {(ids) => <Input {...ids} {...form.input('email')} type="email" autoComplete={passkeys ? 'username webauthn' : 'username'} inputMode="email" autoCapitalize="off" />}
      </Field>
      <Field label="Password" error={form.shown('password')}>
        {(ids) => <ShownOnWish {...ids} {...form.input('password')} autoComplete="current-password" />}
      </Field>
      {form.error ? <ErrorNote {...describeError(form.error)} {...(isStatus(form.error, 401) ? { title: 'E-mail and password do not belong together.' } : {})} /> : null}
      <Button type="submit" variant="primary" size="md" busy={form.busy}>
        Sign in
      </Button>
      {mail ? (
        <Link to="/forgot-password" className="self-center text-xs text-muted underline underline-offset-2 hover:text-ink">
          Forgot your password?
        </Link>
      ) : null}
    </form>
  );
}

/** Plain links: signing in elsewhere leaves this page and comes back to it. */
export function Providers({ providers, next, invitation }: { providers: AuthOptions['providers']; next?: string | undefined; invitation?: string }) {
  return (
    <div className="flex flex-col gap-2">
      {providers.map((provider) => (
        <a
          key={provider.name}
          className={buttonClass('secondary', 'md', 'w-full')}
          href={client.buildUrl({ url: '/api/v1/auth/oidc/{provider}/start', path: { provider: provider.name }, query: { return_to: safePath(next), ...(invitation ? { invitation } : {}) } })}
        >
          Continue with {provider.label}
        </a>
      ))}
    </div>
  );
}
