import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { acceptInvitation, getInvitation, getMe, register, signIn, signOut, type Challenge, type InvitationOffer, type Me } from '~/api';
import { useEnter } from '~/app/enter';
import { describeError, isStatus } from '~/app/errors';
import { forgetLinkToken, useLinkToken } from '~/app/link-token';
import { authOptionsQuery, queryClient } from '~/app/queries';
import { Button, buttonClass } from '~/ui/button';
import { Field, Input } from '~/ui/field';
import { ErrorNote, Loading } from '~/ui/states';
import { AccessFrame, Or } from './frame';
import { NewPassword, ShownOnWish } from './password-field';
import { nameError, passwordError } from './rules';
import { SecondFactor } from './second-factor';
import { Providers } from './sign-in-page';
import { useForm } from './use-form';

/** The page behind the link of an invitation: register, or sign in, and be in. */
export function InvitationPage() {
  const token = useLinkToken('/invitation');
  const invitation = useQuery({
    queryKey: ['invitation', token],
    queryFn: async () => (await getInvitation({ body: { token: token ?? '' } })).data,
    enabled: token !== null,
    staleTime: Infinity,
  });
  const present = useQuery({
    queryKey: ['invitation-me', token],
    // Nobody being signed in is the usual answer here, not a fault.
    queryFn: async () => getMe().then(({ data }) => data, (error) => (isStatus(error, 401) ? null : Promise.reject(error))),
    enabled: token !== null,
  });
  if (!token) {
    return (
      <AccessFrame title="Your invitation" note="Open the link in the letter once more.">
        <Link to="/sign-in" search={{}} className={buttonClass('primary', 'md', 'w-full')}>
          To the sign-in page
        </Link>
      </AccessFrame>
    );
  }
  if (invitation.isError) {
    return (
      <AccessFrame title="This invitation does not work" note="It may have been used, withdrawn, or have run out. Ask for a new one.">
        <ErrorNote {...describeError(invitation.error)} />
      </AccessFrame>
    );
  }
  if (!invitation.data || present.isPending) {
    return (
      <AccessFrame title="Your invitation">
        <Loading label="Reading the invitation" />
      </AccessFrame>
    );
  }
  return <Invited token={token} invitation={invitation.data} present={present.data ?? null} onSignedOut={() => void present.refetch()} />;
}

interface InvitedProps {
  token: string;
  invitation: InvitationOffer;
  present: Me | null;
  onSignedOut: () => void;
}

function Invited({ token, invitation, present, onSignedOut }: InvitedProps) {
  const enter = useEnter();
  const [challenge, setChallenge] = useState<Challenge | null>(null);
  const done = async (me: Me) => {
    forgetLinkToken();
    await enter(me);
  };
  const accept = async () => done((await acceptInvitation({ body: { token } })).data);
  if (challenge) return <SecondFactor challenge={challenge} onBack={() => setChallenge(null)} onEnter={accept} />;
  const note = (
    <>
      {invitation.inviter} invites you as <strong className="text-ink">{invitation.role}</strong>, with the address <span className="text-ink">{invitation.email}</span>.
    </>
  );
  const title = `Join ${invitation.organization}`;
  if (present?.user && present.user.email.toLowerCase() === invitation.email.toLowerCase()) {
    return (
      <AccessFrame title={title} note={note}>
        <AcceptButton onAccept={accept} />
      </AccessFrame>
    );
  }
  if (present) {
    return (
      <AccessFrame title={title} note={note}>
        <p className="mb-4">
          You are signed in as <strong className="wrap-anywhere">{present.user?.email}</strong>, but the invitation is for another address.
        </p>
        <SignOutFirst onSignedOut={onSignedOut} />
      </AccessFrame>
    );
  }
  return (
    <AccessFrame title={title} note={note}>
      {invitation.account_exists ? <SignInAndAccept email={invitation.email} onChallenge={setChallenge} onSignedIn={accept} /> : <RegisterAndAccept token={token} invitation={invitation} onEnter={done} />}
      {invitation.account_exists ? null : <ComeFromProvider token={token} />}
    </AccessFrame>
  );
}

/** Who has no account yet may bring one of a provider that vouches for the invited address. */
function ComeFromProvider({ token }: { token: string }) {
  const options = useQuery(authOptionsQuery);
  const providers = options.data?.providers ?? [];
  return providers.length > 0 ? (
    <div className="mt-4 flex flex-col gap-4">
      <Or />
      <Providers providers={providers} invitation={token} />
    </div>
  ) : null;
}

function AcceptButton({ onAccept }: { onAccept: () => Promise<void> }) {
  const form = useForm({}, {}, onAccept);
  return (
    <form onSubmit={form.submit} className="flex flex-col gap-4">
      {form.error ? <ErrorNote {...describeError(form.error)} /> : null}
      <Button type="submit" variant="primary" size="md" busy={form.busy}>
        Accept the invitation
      </Button>
    </form>
  );
}

function SignOutFirst({ onSignedOut }: { onSignedOut: () => void }) {
  const form = useForm({}, {}, async () => {
    await signOut();
    queryClient.removeQueries({ queryKey: ['me'] });
    onSignedOut();
  });
  return (
    <form onSubmit={form.submit} className="flex flex-col gap-4">
      {form.error ? <ErrorNote {...describeError(form.error)} /> : null}
      <Button type="submit" variant="primary" size="md" busy={form.busy}>
        Sign out and go on
      </Button>
    </form>
  );
}

function SignInAndAccept({ email, onChallenge, onSignedIn }: { email: string; onChallenge: (challenge: Challenge) => void; onSignedIn: () => Promise<void> }) {
  const form = useForm({ password: '' }, { password: (p) => (p ? null : 'A password is needed.') }, async ({ password }) => {
    const { data } = await signIn({ body: { email, password } });
    if ('challenge' in data) onChallenge(data);
    else await onSignedIn();
  });
  return (
    <form noValidate onSubmit={form.submit} className="flex flex-col gap-4">
      <p>You have an account here already. Sign in to accept.</p>
      <Field label="E-mail">{(ids) => <Input {...ids} value={email} readOnly type="email" autoComplete="username" />}</Field>
      <Field label="Password" error={form.shown('password')}>
        {(ids) => <ShownOnWish {...ids} {...form.input('password')} autoComplete="current-password" />}
      </Field>
      {form.error ? <ErrorNote {...describeError(form.error)} {...(isStatus(form.error, 401) ? { title: 'This is not the password of your account.' } : {})} /> : null}
      <Button type="submit" variant="primary" size="md" busy={form.busy}>
        Sign in and accept
      </Button>
    </form>
  );
}

function RegisterAndAccept({ token, invitation, onEnter }: { token: string; invitation: InvitationOffer; onEnter: (me: Me) => Promise<void> }) {
  const { email, organization } = invitation;
  const form = useForm(
    { name: '', password: '' },
    { name: (name) => nameError('Your name', name), password: (password, all) => passwordError(password, { email, names: [all.name, organization] }) },
    async ({ name, password }) => {
      const { data } = await register({ body: { email, name: name.trim(), password, invitation: token } });
      if ('user' in data) await onEnter(data);
    },
  );
  return (
    <form noValidate onSubmit={form.submit} className="flex flex-col gap-4">
      <Field label="E-mail">{(ids) => <Input {...ids} value={email} readOnly type="email" autoComplete="username" />}</Field>
      <Field label="Your name" error={form.shown('name')}>
        {(ids) => <Input {...ids} {...form.input('name')} autoComplete="name" />}
      </Field>
      <NewPassword {...form.input('password')} value={form.values.password} own={{ email, names: [form.values.name, organization] }} error={form.shown('password')} />
      {form.error ? <ErrorNote {...describeError(form.error)} /> : null}
      <Button type="submit" variant="primary" size="md" busy={form.busy}>
        Create account and join
      </Button>
    </form>
  );
}
