import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { createKey, deleteKey, listKeys, type Key } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { useProject } from '~/app/project';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { CodeBlock } from '~/ui/copy';
import { Dialog, FormDialog } from '~/ui/dialog';
import { Field, Input, Select } from '~/ui/field';
import { formatTime } from '~/ui/format';
import { Empty, Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { toast } from '~/ui/toast';
import { snippet } from '../home/snippet';

export function Keys() {
  const project = useProject();
  const client = useQueryClient();
  const keys = useInfiniteQuery({
    queryKey: ['keys', project],
    queryFn: async ({ pageParam }) => (await listKeys({ query: { limit: 100, ...(pageParam ? { cursor: pageParam } : {}) } })).data,
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  const items = keys.data?.pages.flatMap((p) => p.items) ?? [];
  const [creating, setCreating] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const [revoking, setRevoking] = useState<Key | null>(null);
  const fresh = () => client.invalidateQueries({ queryKey: ['keys'] });
  return (
    <>
      <Card
        flush
        title="API keys of this project"
        actions={
          <Button variant="primary" onClick={() => setCreating(true)}>
            <Plus className="size-3.5" /> New key
          </Button>
        }
      >
        {keys.isPending ? <Loading label="Loading keys" /> : null}
        {keys.isError && items.length === 0 ? <QueryError error={keys.error} onRetry={() => void keys.refetch()} /> : null}
        {keys.isSuccess && items.length === 0 ? (
          <Empty icon={<KeyRound />} title="No API keys yet">
            Scripts and services sign in with a key instead of a password. Make one for each, so that it can be revoked alone.
          </Empty>
        ) : null}
        {items.length > 0 ? (
          <Table label="API keys">
            <thead>
              <tr>
                <Th>Name</Th>
                <Th className="max-sm:hidden">Key</Th>
                <Th>Last used</Th>
                <Th className="max-sm:hidden">Expires</Th>
                <Th className="max-md:hidden">Created</Th>
                <Th>
                  <span className="sr-only">Actions</span>
                </Th>
              </tr>
            </thead>
            <tbody>
              {items.map((key) => (
                <Tr key={key.id}>
                  <Td className="font-medium wrap-anywhere">
                    {key.name}
                    <code className="block font-mono text-xs font-normal whitespace-nowrap text-faint sm:hidden">{key.prefix}…</code>
                  </Td>
                  <Td className="max-sm:hidden">
                    <code className="font-mono text-xs whitespace-nowrap">{key.prefix}…</code>
                  </Td>
                  <Td>
                    <Ago at={key.last_used_at} empty="never" />
                  </Td>
                  <Td className="max-sm:hidden">{key.expires_at ? <span title={formatTime(key.expires_at)}>{<Ago at={key.expires_at} />}</span> : <span className="text-faint">never</span>}</Td>
                  <Td className="max-md:hidden">
                    <Ago at={key.created_at} />
                  </Td>
                  <Td className="text-right">
                    {key.revoked_at ? (
                      <Badge tone="danger">Revoked</Badge>
                    ) : (
                      <Button variant="ghost" onClick={() => setRevoking(key)} aria-label={`Revoke ${key.name}`}>
                        Revoke
                      </Button>
                    )}
                  </Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        ) : null}
        {keys.hasNextPage ? (
          <div className="p-4 text-center">
            <Button busy={keys.isFetchingNextPage} onClick={() => void keys.fetchNextPage()}>
              Show more
            </Button>
          </div>
        ) : null}
      </Card>
      {creating ? (
        <CreateKey
          onClose={() => setCreating(false)}
          onMade={async (made) => {
            setSecret(made);
            await fresh();
          }}
        />
      ) : null}
      <Dialog
        open={secret !== null}
        onOpenChange={(open) => !open && setSecret(null)}
        title="Your new key"
        description="Copy it now: only its hash is kept, so it cannot be shown again."
        wide
      >
        <div className="flex flex-col gap-4">
          <CodeBlock label="key" code={secret ?? ''} />
          <div>
            <p className="mb-2 text-muted">In Python:</p>
            <CodeBlock label="Python code" code={snippet({ origin: location.origin, secret })} />
          </div>
          <div className="text-right">
            <Button variant="primary" onClick={() => setSecret(null)}>
              Done
            </Button>
          </div>
        </div>
      </Dialog>
      <FormDialog
        open={revoking !== null}
        onOpenChange={(open) => !open && setRevoking(null)}
        title={`Revoke ${revoking?.name ?? ''}?`}
        description="Everything that signs in with this key stops working at once. It cannot be undone."
        action="Revoke key"
        danger
        onSubmit={async () => {
          if (revoking) await deleteKey({ path: { key_id: revoking.id } });
          toast('done', `Revoked ${revoking?.name ?? 'the key'}`);
          await fresh();
        }}
      />
    </>
  );
}

const lifetimes = { never: null, '30 days': 30, '90 days': 90, '1 year': 365 } as const;

function CreateKey({ onClose, onMade }: { onClose: () => void; onMade: (secret: string) => Promise<void> }) {
  const [name, setName] = useState('');
  const [lifetime, setLifetime] = useState<keyof typeof lifetimes>('never');
  const problem = name.length > 200 ? 'At most 200 characters.' : null;
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="New API key"
      description="It may do in this project what a training script needs, and manages neither people nor keys."
      action="Create key"
      valid={name.trim() !== '' && !problem}
      onSubmit={async () => {
        const days = lifetimes[lifetime];
        const { data } = await createKey({ body: { name: name.trim(), ...(days ? { expires_at: new Date(Date.now() + days * 86_400_000).toISOString() } : {}) } });
        await onMade(data.secret);
      }}
    >
      <Field label="Name" error={problem} hint="What will use it: “training server”, say.">
        {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
      <Field label="Expires">
        {(ids) => (
          <Select
            {...ids}
            className="h-8! text-sm!"
            value={lifetime}
            onChange={(e) => setLifetime((Object.keys(lifetimes) as (keyof typeof lifetimes)[]).find((l) => l === e.target.value) ?? 'never')}
          >
            {Object.keys(lifetimes).map((l) => (
              <option key={l}>{l}</option>
            ))}
          </Select>
        )}
      </Field>
    </FormDialog>
  );
}
