import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';
import { setup } from '~/api';
import { describeError } from '~/app/errors';
import { meQuery, queryClient, setupQuery } from '~/app/queries';
import { Button, buttonClass } from '~/ui/button';
import { CodeBlock } from '~/ui/copy';
import { Field, Input } from '~/ui/field';
import { ErrorNote, Loading } from '~/ui/states';
import { AccessFrame } from './frame';
import { emailError, passwordError, passwordMin } from './rules';
import { useForm } from './use-form';

const route = getRouteApi('/setup');
const needed = (what: string) => (value: string) => (value.trim() === '' ? `${what} is needed.` : value.length > 200 ? 'At most 200 characters.' : null);

export function SetupPage() {
  const { token } = route.useSearch();
  const status = useQuery(setupQuery);
  useEffect(() => {
    document.title = 'Set up · Rhiza';
  }, []);
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
    { name: needed('Your name'), email: emailError, password: passwordError, organization: needed('A name'), project: needed('A name') },
    async (values) => {
      const { data } = await setup({
        body: { token, name: values.name.trim(), email: values.email.trim(), password: values.password, organization: values.organization.trim(), project: values.project.trim() },
      });
      queryClient.clear();
      queryClient.setQueryData(meQuery.queryKey, data);
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
        <Field label="Password" error={form.shown('password')} hint={`At least ${passwordMin} characters.`}>
          {(ids) => <Input {...ids} {...form.input('password')} type="password" autoComplete="new-password" />}
        </Field>
        <Field label="Organisation" error={form.shown('organization')} hint="Your company or team.">
          {(ids) => <Input {...ids} {...form.input('organization')} autoComplete="organization" />}
        </Field>
        <Field label="First project" error={form.shown('project')} hint="Experiments and models live in projects.">
          {(ids) => <Input {...ids} {...form.input('project')} />}
        </Field>
        {form.error ? <ErrorNote {...describeError(form.error)} /> : null}
        <Button type="submit" variant="primary" size="md" busy={form.busy}>
          Create owner and sign in
        </Button>
      </form>
    </AccessFrame>
  );
}
