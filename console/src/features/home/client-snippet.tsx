import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { KeyRound } from 'lucide-react';
import { createKey } from '~/api';
import { describeError } from '~/app/errors';
import { Needs } from '~/app/needs';
import { useProject } from '~/app/project';
import { Why } from '~/app/why';
import { Button } from '~/ui/button';
import { CodeBlock } from '~/ui/copy';
import { ErrorNote } from '~/ui/states';
import { snippet } from './snippet';

/** The lines of Python that log a run to this server; a press makes a key and puts it in. */
export function ClientSnippet({ experiment }: { experiment?: string }) {
  const project = useProject();
  const key = useMutation({ mutationFn: async () => (await createKey({ body: { name: 'Python' } })).data });
  const secret = key.data?.secret ?? null;
  return (
    <div className="flex flex-col gap-3 text-left">
      <CodeBlock label="Python code" code={snippet({ origin: location.origin, secret, experiment })} />
      {key.isError ? <ErrorNote {...describeError(key.error)} /> : null}
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2 text-xs text-muted">
        {secret ? (
          <p role="status">
            The key is in the code above. It is shown only now; it can be revoked under{' '}
            <Link to="/p/$project/admin/keys" params={{ project }} className="text-accent underline underline-offset-2">
              API keys
            </Link>
            .
          </p>
        ) : (
          <>
            <Needs permission="keys:manage">
              <Button onClick={() => key.mutate()} busy={key.isPending}>
                <KeyRound className="size-3.5" /> Make an API key
              </Button>
            </Needs>
            <span>
              <Needs permission="keys:manage" instead={<Why permission="keys:manage" label="Why can I not make a key?" />}>
                It is put into the code.
              </Needs>{' '}
              Needs <code className="font-mono">pip install mlflow</code>.
            </span>
          </>
        )}
      </div>
    </div>
  );
}
