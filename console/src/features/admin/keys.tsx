import { useQueryClient } from '@tanstack/react-query';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { deleteKey, listKeys, rotateKey, type Key } from '~/api';
import { useCan, useProject } from '~/app/project';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Field, Select } from '~/ui/field';
import { formatTime } from '~/ui/format';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { Empty } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { toast } from '~/ui/toast';
import { CreateKeyDialog } from './create-key';
import { SecretDialog } from './secret-dialog';
import { formSelect, Listing, ReadOnly, usePages } from './shared';

export function Keys() {
  const project = useProject();
  const client = useQueryClient();
  const may = useCan('keys:manage');
  const list = usePages(['keys', project], async (page) => (await listKeys({ query: page })).data);
  const [creating, setCreating] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const [revoking, setRevoking] = useState<Key | null>(null);
  const [rotating, setRotating] = useState<Key | null>(null);
  const fresh = () => client.invalidateQueries({ queryKey: ['keys'] });
  const made = async (text: string) => {
    setSecret(text);
    await fresh();
  };
  return (
    <>
      <Card
        flush
        title="API keys of this project"
        actions={
          may ? (
            <Button variant="primary" onClick={() => setCreating(true)}>
              <Plus className="size-3.5" /> New key
            </Button>
          ) : null
        }
      >
        {may ? null : <ReadOnly permission="keys:manage" what="Making keys" />}
        <Listing
          list={list}
          label="keys"
          empty={
            <Empty icon={<KeyRound />} title="No API keys yet">
              Scripts and services sign in with a key instead of a password. Make one for each, so that it can be revoked alone.
            </Empty>
          }
        >
          {(items) => <KeysTable items={items} onRotate={setRotating} onRevoke={setRevoking} />}
        </Listing>
      </Card>
      {creating ? <CreateKeyDialog onClose={() => setCreating(false)} onMade={made} /> : null}
      {rotating ? <Rotate secretOf={rotating} onClose={() => setRotating(null)} onMade={made} /> : null}
      <SecretDialog secret={secret} onClose={() => setSecret(null)} />
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

interface KeysTableProps {
  items: Key[];
  onRotate: (key: Key) => void;
  onRevoke: (key: Key) => void;
}

function KeysTable({ items, onRotate, onRevoke }: KeysTableProps) {
  return (
    <Table label="API keys">
      <thead>
        <tr>
          <Th>Name</Th>
          <Th className="max-md:hidden">May be used for</Th>
          <Th>Last used</Th>
          <Th className="max-sm:hidden">Expires</Th>
          <Th className="max-lg:hidden">Created</Th>
          <Th className="w-10">
            <span className="sr-only">Actions</span>
          </Th>
        </tr>
      </thead>
      <tbody>
        {items.map((key) => (
          <Tr key={key.id}>
            <Td>
              <div className="flex flex-wrap items-center gap-1.5 font-medium wrap-anywhere">
                {key.name}
                {key.service_account_id ? <Badge>Service account</Badge> : null}
                {key.project_id ? null : <Badge tone="accent">All projects</Badge>}
              </div>
              <code className="font-mono text-xs whitespace-nowrap text-faint">{key.prefix}…</code>
            </Td>
            <Td className="max-w-72 max-md:hidden">
              <Scopes scopes={key.scopes} />
              {key.allowed_networks ? <div className="font-mono text-xs text-muted wrap-anywhere">from {key.allowed_networks.join(', ')}</div> : null}
            </Td>
            <Td>
              <Ago at={key.last_used_at} empty="never" />
            </Td>
            <Td className="max-sm:hidden">
              {key.expires_at ? (
                <span title={formatTime(key.expires_at)}>
                  <Ago at={key.expires_at} />
                </span>
              ) : (
                <span className="text-faint">never</span>
              )}
            </Td>
            <Td className="max-lg:hidden">
              <Ago at={key.created_at} />
            </Td>
            <Td className="text-right">
              {key.revoked_at ? (
                <Badge tone="danger">Revoked</Badge>
              ) : (
                <ActionsMenu name={key.name}>
                  <MenuItem onSelect={() => onRotate(key)}>Rotate…</MenuItem>
                  <MenuItem danger onSelect={() => onRevoke(key)}>
                    Revoke…
                  </MenuItem>
                </ActionsMenu>
              )}
            </Td>
          </Tr>
        ))}
      </tbody>
    </Table>
  );
}

/** Scopes in one line; all of them in the tooltip. */
export function Scopes({ scopes }: { scopes: string[] }) {
  if (scopes.includes('*')) return <>Everything</>;
  const shown = scopes.slice(0, 2);
  return (
    <span title={scopes.join('\n')} className="text-xs">
      {shown.join(', ')}
      {scopes.length > shown.length ? <span className="text-faint"> and {scopes.length - shown.length} more</span> : null}
    </span>
  );
}

const overlaps = { 'at once': 0, 'in an hour': 3600, 'in a day': 86_400, 'in a week': 604_800 } as const;
type Overlap = keyof typeof overlaps;

function Rotate({ secretOf: key, onClose, onMade }: { secretOf: Key; onClose: () => void; onMade: (secret: string) => Promise<void> }) {
  const [overlap, setOverlap] = useState<Overlap>('in a day');
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Rotate ${key.name}`}
      description="You get a new key that can do exactly the same. The old one goes on working for a while, so that nothing stops."
      action="Make the new key"
      onSubmit={async () => onMade((await rotateKey({ path: { key_id: key.id }, body: { overlap_seconds: overlaps[overlap] } })).data.secret)}
    >
      <Field label="The old key ends">
        {(ids) => (
          <Select {...ids} className={formSelect} value={overlap} onChange={(e) => setOverlap((Object.keys(overlaps) as Overlap[]).find((o) => o === e.target.value) ?? 'in a day')}>
            {Object.keys(overlaps).map((o) => (
              <option key={o}>{o}</option>
            ))}
          </Select>
        )}
      </Field>
    </FormDialog>
  );
}
