import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link2 } from 'lucide-react';
import { useState } from 'react';
import { deleteExternalIdentity, listExternalIdentities, type AuthOptions, type ExternalIdentity } from '~/api';
import { client } from '~/api/client.gen';
import { proved } from '~/app/confirm';
import { QueryError } from '~/app/fallbacks';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Loading } from '~/ui/states';
import { Ago } from '~/ui/time';

/** Accounts elsewhere that open this one. */
export function ExternalIdentities({ providers, confirmedUntil }: { providers: AuthOptions['providers']; confirmedUntil: string | null | undefined }) {
  const queries = useQueryClient();
  const identities = useQuery({ queryKey: ['external-identities'], queryFn: async () => (await listExternalIdentities()).data.items });
  // The browser leaves for the provider and comes back here, signed in as before.
  const connect = async (provider: string) => {
    if (!(await proved(confirmedUntil))) return;
    location.assign(client.buildUrl({ url: '/api/v1/auth/oidc/{provider}/start', path: { provider }, query: { link: true, return_to: location.pathname } }));
  };
  const [removing, setRemoving] = useState<ExternalIdentity | null>(null);
  return (
    <Card
      flush
      title={
        <>
          <Link2 aria-hidden className="size-4 text-faint" /> Connected accounts
        </>
      }
    >
      {identities.isPending ? <Loading label="Loading connected accounts" /> : null}
      {identities.isError ? <QueryError error={identities.error} onRetry={() => void identities.refetch()} /> : null}
      {identities.data?.length === 0 ? <p className="px-4 pt-4 text-muted">None yet.</p> : null}
      {identities.data && identities.data.length > 0 ? (
        <ul className="divide-y border-b">
          {identities.data.map((i) => (
            <li key={`${i.issuer} ${i.subject}`} className="flex items-center justify-between gap-3 px-4 py-2">
              <div className="min-w-0">
                <div className="font-medium wrap-anywhere">{i.email ?? i.subject}</div>
                <div className="text-xs text-muted wrap-anywhere">
                  {i.issuer}, connected <Ago at={i.created_at} />
                </div>
              </div>
              <Button variant="ghost" onClick={() => setRemoving(i)} aria-label={`Disconnect ${i.email ?? i.subject}`}>
                Disconnect
              </Button>
            </li>
          ))}
        </ul>
      ) : null}
      <div className="flex flex-wrap gap-2 p-4">
        {providers.map((p) => (
          <Button key={p.name} onClick={() => void connect(p.name)}>
            Connect {p.label}
          </Button>
        ))}
      </div>
      <FormDialog
        open={removing !== null}
        onOpenChange={(open) => !open && setRemoving(null)}
        title="Disconnect this account?"
        description={`${removing?.email ?? removing?.subject ?? ''} at ${removing?.issuer ?? ''} no longer opens your account. The last way in cannot be removed.`}
        action="Disconnect"
        danger
        onSubmit={async () => {
          if (removing) await deleteExternalIdentity({ query: { issuer: removing.issuer, subject: removing.subject } });
          await Promise.all([queries.invalidateQueries({ queryKey: ['external-identities'] }), queries.invalidateQueries({ queryKey: ['security'] })]);
        }}
      />
    </Card>
  );
}
