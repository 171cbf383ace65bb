import { Link } from '@tanstack/react-router';
import { MailCheck } from 'lucide-react';
import { useState } from 'react';
import { forgotPassword } from '~/api';
import { describeError } from '~/app/errors';
import { Button } from '~/ui/button';
import { Field, Input } from '~/ui/field';
import { ErrorNote } from '~/ui/states';
import { AccessFrame, linkClass } from './frame';
import { emailError } from './rules';
import { useForm } from './use-form';

export function ForgotPage() {
  const [sent, setSent] = useState<string | null>(null);
  const form = useForm({ email: '' }, { email: emailError }, async ({ email }) => {
    await forgotPassword({ body: { email: email.trim() } });
    setSent(email.trim());
  });
  const back = (
    <Link to="/sign-in" search={{}} className={linkClass}>
      Back to signing in
    </Link>
  );
  if (sent) {
    return (
      <AccessFrame title="Look into your mail" foot={back}>
        <div className="flex flex-col items-center gap-3 text-center">
          <div className="flex size-10 items-center justify-center rounded-lg bg-accent-soft text-accent">
            <MailCheck aria-hidden className="size-5" />
          </div>
          <p role="status">
            If <strong className="wrap-anywhere">{sent}</strong> has an account here, a letter with a link to a new password is on its way. The link works for half an hour.
          </p>
          <Button onClick={() => setSent(null)}>Another address</Button>
        </div>
      </AccessFrame>
    );
  }
  return (
    <AccessFrame title="A new password" note="You get a letter with a link that lets you choose one." foot={back}>
      <form noValidate onSubmit={form.submit} className="flex flex-col gap-4">
        <Field label="E-mail" error={form.shown('email')}>
          {(ids) => <Input {...ids} {...form.input('email')} type="email" autoComplete="username" inputMode="email" autoCapitalize="off" />}
        </Field>
        {form.error ? <ErrorNote {...describeError(form.error)} /> : null}
        <Button type="submit" variant="primary" size="md" busy={form.busy}>
          Send the letter
        </Button>
      </form>
    </AccessFrame>
  );
}
