import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Box, Download, KeyRound } from 'lucide-react';
import { useState } from 'react';
import { createKey, downloadAutomlModel, type AutomlJob, type AutomlRegistered, type AutomlResults } from '~/api';
import { describeError } from '~/app/errors';
import { Needs } from '~/app/needs';
import { useProject } from '~/app/project';
import { DeniedHint, Why } from '~/app/why';
import { Button, buttonClass } from '~/ui/button';
import { Card } from '~/ui/card';
import { CodeBlock } from '~/ui/copy';
import { saveBlob } from '~/ui/download';
import { Select } from '~/ui/field';
import { formatBytes } from '~/ui/format';
import { ErrorNote } from '~/ui/states';
import { Badge } from '~/ui/status';
import { modelUrl } from './data';
import { RegisterDialog } from './register-dialog';
import { ownColumns, serveCommand } from './serve';

/** What a finished model is for: a name in the registry, an address that answers, a file to take along. */
export default function UseTab({ job, results }: { job: AutomlJob; results: AutomlResults }) {
  const [registering, setRegistering] = useState(false);
  return (
    <div className="grid max-w-4xl gap-4">
      <Card
        title="In the registry"
        actions={
          <Needs permission="models:write" instead={<DeniedHint permission="models:write" label="Why can I not register it?" />}>
            <Button variant={job.registered.length === 0 ? 'primary' : 'secondary'} onClick={() => setRegistering(true)}>
              <Box className="size-3.5" /> Register
            </Button>
          </Needs>
        }
      >
        {job.registered.length === 0 ? (
          <p className="text-muted">A registered model has a name, numbered versions and aliases, and answers at an address of its own.</p>
        ) : (
          <ul className="flex flex-wrap gap-2">
            {job.registered.map((r) => (
              <li key={`${r.name} ${r.version}`}>
                <RegisteredLink registered={r} />
              </li>
            ))}
          </ul>
        )}
      </Card>
      {job.registered.length > 0 ? <Serve job={job} results={results} /> : null}
      <Files job={job} />
      {registering ? <RegisterDialog job={job} onClose={() => setRegistering(false)} /> : null}
    </div>
  );
}

function RegisteredLink({ registered }: { registered: AutomlRegistered }) {
  const project = useProject();
  return (
    <Link to="/p/$project/models/$name/versions/$version" params={{ project, name: registered.name, version: registered.version }} className="hover:underline">
      <Badge tone="accent">
        {registered.name} v{registered.version}
      </Badge>
    </Link>
  );
}

/** The lines that ask the registered model about the first row of the sample. */
function Serve({ job, results }: { job: AutomlJob; results: AutomlResults }) {
  const project = useProject();
  const newest = job.registered.length - 1;
  const [chosen, setChosen] = useState<number | null>(null);
  const key = useMutation({ mutationFn: async () => (await createKey({ body: { name: 'curl' } })).data });
  const registered = job.registered[chosen ?? newest];
  const row = results.sample[0];
  if (!registered || !row) return null;
  const secret = key.data?.secret ?? null;
  return (
    <Card
      title="Ask it"
      actions={
        job.registered.length > 1 ? (
          <Select aria-label="Which version" value={chosen ?? newest} onChange={(e) => setChosen(Number(e.target.value))}>
            {job.registered.map((r, at) => (
              <option key={`${r.name} ${r.version}`} value={at}>
                {r.name} v{r.version}
              </option>
            ))}
          </Select>
        ) : null
      }
    >
      <div className="flex flex-col gap-3">
        <CodeBlock label="Command" code={serveCommand({ origin: location.origin, project, name: registered.name, version: registered.version, secret, record: ownColumns(row, results.columns) })} />
        {key.isError ? <ErrorNote {...describeError(key.error)} /> : null}
        <div className="flex flex-wrap items-center gap-x-3 gap-y-2 text-xs text-muted">
          {secret ? (
            <p role="status">
              The key is in the command above. It is shown only now; it can be revoked under{' '}
              <Link to="/p/$project/admin/keys" params={{ project }} className="text-accent underline underline-offset-2">
                API keys
              </Link>
              .
            </p>
          ) : (
            <>
              <Needs permission="keys:manage" instead={<Why permission="keys:manage" label="Why can I not make a key?" />}>
                <Button onClick={() => key.mutate()} busy={key.isPending}>
                  <KeyRound className="size-3.5" /> Make an API key
                </Button>
              </Needs>
              <span>
                Or put one of yours into <code className="font-mono">RHIZA_API_KEY</code>. The row is the first of the sample.
              </span>
            </>
          )}
        </div>
      </div>
    </Card>
  );
}

function Files({ job }: { job: AutomlJob }) {
  const onnx = useMutation({
    mutationFn: async () => {
      const { data } = await downloadAutomlModel({ path: { automl_id: job.automl_id }, query: { format: 'onnx' }, parseAs: 'blob' });
      saveBlob(data, `${job.name.replace(/[^\w.-]+/g, '-')}.onnx`);
    },
  });
  return (
    <Card title="As a file">
      <div className="flex flex-wrap items-center gap-2">
        <a href={modelUrl(job.automl_id)} download className={buttonClass()}>
          <Download className="size-3.5" /> Rhiza model{job.model_bytes ? <span className="text-faint">{formatBytes(job.model_bytes)}</span> : null}
        </a>
        {/* Not every model can be written as ONNX: the server says why. */}
        {onnx.isError ? null : (
          <Button busy={onnx.isPending} onClick={() => onnx.mutate()}>
            <Download className="size-3.5" /> ONNX
          </Button>
        )}
      </div>
      {onnx.isError ? <ErrorNote className="mt-3" {...describeError(onnx.error)} onRetry={() => onnx.reset()} /> : null}
      <p className="mt-3 mb-2 text-xs text-faint">The file needs no server, and no code is in it:</p>
      <CodeBlock label="Commands for the file" code={'rhiza predict model.rhiza new.csv\nrhiza explain model.rhiza new.csv --rows 5'} />
    </Card>
  );
}
