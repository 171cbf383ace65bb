import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { register, type AuthOptions } from '~/api';
import { describeError } from '~/app/errors';
import { authOptionsQuery } from '~/app/queries';
import { Button, buttonClass } from '~/ui/button';
import { Field, Input } from '~/ui/field';
import { ErrorNote, Loading } from '~/ui/states';
import { CheckMail } from './check-mail';
import { AccessFrame, linkClass, Or } from './frame';
import { NewPassword } from './password-field';
import { emailError, nameError, passwordError } from './rules';
import { Providers } from './sign-in-page';
import { useForm } from './use-form';

export function RegisterPage() {
  const options = useQuery(authOptionsQuery);
  const [sent, setSent] = useState<string | null>(null);
  if (sent) return <CheckMail email={sent} onBack={() => setSent(null)} />;
  if (!options.data) {
    return <AccessFrame title="Create an account">{options.isError ? <ErrorNote {...describeError(options.error)} onRetry={() => void options.refetch()} /> : <Loading />}</AccessFrame>;
  }
  if (options.data.registration === 'invite') {
    return (
      <AccessFrame title="By invitation only" note="Who administers an organisation on this server can invite you; the letter brings you here.">
        <Link to="/sign-in" search={{}} className={buttonClass('primary', 'md', 'w-full')}>
          Sign in
        </Link>
      </AccessFrame>
    );
  }
  return <RegisterForm options={options.data} onSent={setSent} />;
}

/** Why an address may not register here; null if it may. */
export function domainError(email: string, options: Pick<AuthOptions, 'registration' | 'registration_domains'>): string | null {
  const domain = email.trim().split('@').at(-1)?.toLowerCase() ?? '';
  if (options.registration !== 'domain' || options.registration_domains.some((d) => d.toLowerCase() === domain)) return null;
  return `Only addresses at ${options.registration_domains.join(', ')} can register here.`;
}

function RegisterForm({ options, onSent }: { options: AuthOptions; onSent: (email: string) => void }) {
  const form = useForm(
    { name: '', email: '', organization: '', password: '' },
    {
      name: (name) => nameError('Your name', name),
      email: (email) => emailError(email) ?? domainError(email, options),
      organization: (name) => (name.trim() === '' ? null : nameError('A name', name)),
      password: (password, all) => passwordError(password, { email: all.email, names: [all.name, all.organization] }),
    },
    async (values) => {
      const organization = values.organization.trim();
      await register({ body: { name: values.name.trim(), email: values.email.trim(), password: values.password, ...(organization ? { organization } : {}) } });
      onSent(values.email.trim());
    },
  );
  const { values } = form;
  return (
    <AccessFrame
      title="Create an account"
      note={options.registration === 'domain' ? `With an address at ${options.registration_domains.join(' or ')}.` : undefined}
      foot={
        <>
          Have one already?{' '}
          <Link to="/sign-in" search={{}} className={linkClass}>
            Sign in
          </Link>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        <form noValidate onSubmit={form.submit} className="flex flex-col gap-4">
          <Field label="Your name" error={form.shown('name')}>
            {(ids) => <Input {...ids} {...form.input('name')} autoComplete="name" />}
          </Field>
          <Field label="E-mail" error={form.shown('email')}>
            {(ids) => <Input {...ids} {...form.input('email')} type="email" autoComplete="username" inputMode="email" autoCapitalize="off" />}
          </Field>
          <Field label="Organisation" optional error={form.shown('organization')} hint="Your company or team; yours alone until you invite others.">
            {(ids) => <Input {...ids} {...form.input('organization')} autoComplete="organization" />}
          </Field>
          <NewPassword {...form.input('password')} value={values.password} own={{ email: values.email, names: [values.name, values.organization] }} error={form.shown('password')} />
          {form.error ? <ErrorNote {...describeError(form.error)} /> : null}
          <Button type="submit" variant="primary" size="md" busy={form.busy}>
            Create account
          </Button>
        </form>
        {options.providers.length > 0 ? (
          <>
            <Or />
            <Providers providers={options.providers} />
          </>
        ) : null}
      </div>
    </AccessFrame>
  );
}
