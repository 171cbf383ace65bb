import { useQuery } from '@tanstack/react-query';
import { Stamp } from 'lucide-react';
import { listAuditCheckpoints } from '~/api';
import { describeError } from '~/app/errors';
import { Card } from '~/ui/card';
import { CopyButton } from '~/ui/copy';
import { formatCount } from '~/ui/format';
import { ErrorNote, Loading } from '~/ui/states';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';

/** The signed statements about entries that were dropped, and the keys to check them with. */
export function Checkpoints() {
  const query = useQuery({ queryKey: ['audit-checkpoints'], queryFn: async () => (await listAuditCheckpoints({ query: { limit: 100 } })).data });
  return (
    <Card
      flush
      title={
        <>
          <Stamp aria-hidden className="size-4 text-faint" /> Checkpoints
        </>
      }
    >
      {query.isPending ? <Loading label="Loading checkpoints" /> : null}
      {query.isError ? <ErrorNote className="m-4" {...describeError(query.error)} onRetry={() => void query.refetch()} /> : null}
      {query.data?.items.length === 0 ? <p className="p-4 text-muted">The whole chain is here: no entry has been dropped. When the policy of retention drops old ones, a signed checkpoint says which, so that the rest can still be checked.</p> : null}
      {query.data && query.data.items.length > 0 ? (
        <Table label="Checkpoints">
          <thead>
            <tr>
              <Th>When</Th>
              <Th className="text-right">Up to no.</Th>
              <Th>Dropped</Th>
              <Th className="max-sm:hidden">Policy</Th>
              <Th className="max-md:hidden">Signature</Th>
            </tr>
          </thead>
          <tbody>
            {query.data.items.map((c) => (
              <Tr key={c.sequence}>
                <Td>
                  <Ago at={c.time} />
                </Td>
                <Td className="text-right">{c.sequence.toLocaleString('en-US')}</Td>
                <Td>{formatCount(c.dropped, 'entry', 'entries')}</Td>
                <Td className="max-sm:hidden">older than {formatCount(c.retention_days, 'day')}</Td>
                <Td className="max-md:hidden">
                  <Short text={c.signature} label="signature" />
                </Td>
              </Tr>
            ))}
          </tbody>
        </Table>
      ) : null}
      {query.data && query.data.keys.length > 0 ? (
        <ul className="border-t px-4 py-2.5 text-xs text-muted">
          {query.data.keys.map((key) => (
            <li key={key.id} className="flex flex-wrap items-center gap-x-1.5">
              {key.algorithm} public key of this installation: <Short text={key.public_key} label="public key" />
            </li>
          ))}
        </ul>
      ) : null}
    </Card>
  );
}

function Short({ text, label }: { text: string; label: string }) {
  return (
    <span className="inline-flex items-center gap-1">
      <code className="font-mono text-xs" title={text}>
        {text.slice(0, 16)}…
      </code>
      <CopyButton text={text} label={`Copy ${label}`} />
    </span>
  );
}
