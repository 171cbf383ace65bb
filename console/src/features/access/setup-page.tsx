import { useQuery } from '@tanstack/react-query';
import { Link, useRouter } from '@tanstack/react-router';
import { setup } from '~/api';
import { describeError } from '~/app/errors';
import { forgetLinkToken, useLinkToken } from '~/app/link-token';
import { rememberMe, setupQuery } from '~/app/queries';
import { Button, buttonClass } from '~/ui/button';
import { CodeBlock } from '~/ui/copy';
import { Field, Input } from '~/ui/field';
import { ErrorNote, Loading } from '~/ui/states';
import { AccessFrame } from './frame';
import { NewPassword } from './password-field';
import { emailError, nameError, passwordError } from './rules';
import { useForm } from './use-form';

export function SetupPage() {
  const token = useLinkToken('/setup');
  const status = useQuery(setupQuery);
  if (status.isPending) {
    return (
      <AccessFrame title="Set up Rhiza">
        <Loading />
      </AccessFrame>
    );
  }
  if (status.isError) {
    return (
      <AccessFrame title="Set up Rhiza">
        <ErrorNote {...describeError(status.error)} onRetry={() => void status.refetch()} />
      </AccessFrame>
    );
  }
  if (!status.data.needed) {
    return (
      <AccessFrame title="Rhiza is set up" note="This server has its owner already.">
        <Link to="/sign-in" search={{}} className={buttonClass('primary', 'md', 'w-full')}>
          Sign in
        </Link>
      </AccessFrame>
    );
  }
  if (!token) {
    return (
      <AccessFrame title="Set up Rhiza" note="The first owner is made through the one-time link that the server prints when it starts. Look in its terminal for a line like this:">
        <CodeBlock label="Example of the link" code={`${location.origin}/setup?token=…`} />
      </AccessFrame>
    );
  }
  return <SetupForm token={token} />;
}

function SetupForm({ token }: { token: string }) {
  const router = useRouter();
  const form = useForm(
    { name: '', email: '', password: '', organization: '', project: 'Default' },
    {
      name: (name) => nameError('Your name', name),
      email: emailError,
      password: (password, all) => passwordError(password, { email: all.email, names: [all.name, all.organization] }),
      organization: (name) => nameError('A name', name),
      project: (name) => nameError('A name', name),
    },
    async (values) => {
      const { data } = await setup({
        body: { token, name: values.name.trim(), email: values.email.trim(), password: values.password, organization: values.organization.trim(), project: values.project.trim() },
      });
      forgetLinkToken();
      rememberMe(data);
      const project = data.projects[0]?.slug;
      await (project ? router.navigate({ to: '/p/$project', params: { project }, replace: true }) : router.navigate({ to: '/', replace: true }));
    },
  );
  return (
    <AccessFrame title="Set up Rhiza" note="You become the first owner of this server.">
      <form noValidate onSubmit={form.submit} className="flex flex-col gap-4">
        <Field label="Your name" error={form.shown('name')}>
          {(ids) => <Input {...ids} {...form.input('name')} autoComplete="name" />}
        </Field>
        <Field label="E-mail" error={form.shown('email')}>
          {(ids) => <Input {...ids} {...form.input('email')} type="email" autoComplete="username" inputMode="email" autoCapitalize="off" />}
        </Field>
        <Field label="Organisation" error={form.shown('organization')} hint="Your company or team.">
          {(ids) => <Input {...ids} {...form.input('organization')} autoComplete="organization" />}
        </Field>
        <Field label="First project" error={form.shown('project')} hint="Experiments and models live in projects.">
          {(ids) => <Input {...ids} {...form.input('project')} />}
        </Field>
        <NewPassword
          {...form.input('password')}
          value={form.values.password}
          own={{ email: form.values.email, names: [form.values.name, form.values.organization] }}
          error={form.shown('password')}
        />
        {form.error ? <ErrorNote {...describeError(form.error)} /> : null}
        <Button type="submit" variant="primary" size="md" busy={form.busy}>
          Create owner and sign in
        </Button>
      </form>
    </AccessFrame>
  );
}
