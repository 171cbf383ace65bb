import { getRouteApi } from '@tanstack/react-router';
import { signIn } from '~/api';
import { useEnter } from '~/app/enter';
import { describeError, isStatus } from '~/app/errors';
import { Button } from '~/ui/button';
import { Field, Input } from '~/ui/field';
import { ErrorNote } from '~/ui/states';
import { AccessFrame } from './frame';
import { ShownOnWish } from './password-field';
import { emailError } from './rules';
import { useForm } from './use-form';

const route = getRouteApi('/sign-in');

export function SignInPage() {
  const { next } = route.useSearch();
  const enter = useEnter();
  const form = useForm({ email: '', password: '' }, { email: emailError, password: (p) => (p ? null : 'A password is needed.') }, async (values) => {
    const { data } = await signIn({ body: { email: values.email.trim(), password: values.password } });
    await enter(data, next);
  });
  return (
    <AccessFrame title="Sign in to Rhiza">
      <form noValidate onSubmit={form.submit} className="flex flex-col gap-4">
        <Field label="E-mail" error={form.shown('email')}>
          {(ids) => <Input {...ids} {...form.input('email')} type="email" autoComplete="username" inputMode="email" autoCapitalize="off" />}
        </Field>
        <Field label="Password" error={form.shown('password')}>
          {(ids) => <ShownOnWish {...ids} {...form.input('password')} autoComplete="current-password" />}
        </Field>
        {form.error ? <ErrorNote {...describeError(form.error)} {...(isStatus(form.error, 401) ? { title: 'E-mail and password do not belong together.' } : {})} /> : null}
        <Button type="submit" variant="primary" size="md" busy={form.busy}>
          Sign in
        </Button>
      </form>
    </AccessFrame>
  );
}
