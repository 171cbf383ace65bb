import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { createKey, listServiceAccounts, type CreateKey } from '~/api';
import { useCan, useCanInOrganization, useMe } from '~/app/project';
import { FormDialog } from '~/ui/dialog';
import { Checkbox, Field, Input, Select, Textarea } from '~/ui/field';
import { nameError } from '../access/rules';
import { asLifetime, lifetimes, readNetworks, type Lifetime } from './key-form';
import { PermissionPicker } from './permission-picker';
import { permissionsQuery } from './roles';
import { formSelect } from './shared';

interface CreateKeyProps {
  /** The service account the key is for, if that is settled. */
  account?: { id: string; name: string };
  onClose: () => void;
  onMade: (secret: string) => Promise<void>;
}

export function CreateKeyDialog({ account, onClose, onMade }: CreateKeyProps) {
  const mine = useMe()?.permissions ?? [];
  const mayManage = useCanInOrganization('members:manage');
  const mayKey = useCan('keys:manage');
  const [name, setName] = useState('');
  const [lifetime, setLifetime] = useState<Lifetime>('90 days');
  const [reach, setReach] = useState<'usual' | 'all' | 'chosen'>('usual');
  const [scopes, setScopes] = useState<readonly string[]>([]);
  const [networks, setNetworks] = useState('');
  const [wide, setWide] = useState(false);
  const [actsFor, setActsFor] = useState(account?.id ?? '');
  const permissions = useQuery({ ...permissionsQuery, enabled: reach === 'chosen' });
  const accounts = useQuery({
    queryKey: ['service-accounts', 'all'],
    queryFn: async () => (await listServiceAccounts({ query: { limit: 200 } })).data.items,
    enabled: mayManage && !account,
  });
  const problem = name === '' ? null : nameError('A name', name);
  const read = readNetworks(networks);
  const networkProblem = read.bad.length > 0 ? `${read.bad.join(', ')}: not an address or network.` : read.networks.length > 100 ? 'At most 100.' : null;
  const body = (): CreateKey => {
    const days = lifetimes[lifetime];
    return {
      name: name.trim(),
      ...(days ? { expires_at: new Date(Date.now() + days * 86_400_000).toISOString() } : {}),
      ...(reach === 'all' ? { scopes: ['*'] } : reach === 'chosen' ? { scopes: [...scopes] } : {}),
      ...(read.networks.length > 0 ? { allowed_networks: read.networks } : {}),
      ...(wide ? { organization_wide: true } : {}),
      ...(actsFor ? { service_account_id: actsFor } : {}),
    };
  };
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={account ? `New key for ${account.name}` : 'New API key'}
      description="It can do no more than whom it acts for, and its secret is shown once."
      action="Create key"
      wide={reach === 'chosen'}
      valid={mayKey && name.trim() !== '' && !problem && !networkProblem && (reach !== 'chosen' || scopes.length > 0)}
      onSubmit={async () => onMade((await createKey({ body: body() })).data.secret)}
    >
      <Field label="Name" error={problem} hint="What will use it: “training server”, say.">
        {(ids) => <Input {...ids} value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label="Expires">
          {(ids) => (
            <Select {...ids} className={formSelect} value={lifetime} onChange={(e) => setLifetime(asLifetime(e.target.value))}>
              {Object.keys(lifetimes).map((l) => (
                <option key={l} value={l}>
                  {l === 'never' ? 'never' : `in ${l}`}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {mayManage && !account && accounts.data && accounts.data.length > 0 ? (
          <Field label="Acts for">
            {(ids) => (
              <Select {...ids} className={formSelect} value={actsFor} onChange={(e) => setActsFor(e.target.value)}>
                <option value="">Yourself</option>
                {accounts.data.map((a) => (
                  <option key={a.id} value={a.id} disabled={!!a.disabled_at}>
                    {a.name}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        ) : null}
      </div>
      <Field label="May be used for">
        {(ids) => (
          <Select {...ids} className={formSelect} value={reach} onChange={(e) => setReach(e.target.value === 'all' ? 'all' : e.target.value === 'chosen' ? 'chosen' : 'usual')}>
            <option value="usual">What a training script needs</option>
            <option value="all">Everything that whom it acts for may do</option>
            <option value="chosen">What I choose…</option>
          </Select>
        )}
      </Field>
      {reach === 'chosen' && permissions.data ? (
        <PermissionPicker label={`Scopes (${scopes.length} chosen)`} permissions={permissions.data.filter((p) => mine.includes(p.name))} mine={mine} chosen={scopes} onChange={setScopes} />
      ) : null}
      <Field label="From these networks only" optional error={networkProblem} hint="Addresses or networks, such as 10.0.0.0/8; empty for anywhere.">
        {(ids) => <Textarea {...ids} rows={2} value={networks} onChange={(e) => setNetworks(e.target.value)} className="font-mono" spellCheck={false} autoCapitalize="off" />}
      </Field>
      <Checkbox label="For all projects of the organisation" showLabel checked={wide} onChange={(e) => setWide(e.target.checked)} />
    </FormDialog>
  );
}
