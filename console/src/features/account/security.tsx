import { useQuery } from '@tanstack/react-query';
import { ShieldCheck, ShieldAlert } from 'lucide-react';
import { useState } from 'react';
import { changePassword, deleteTotp, getMySecurity, renewRecoveryCodes } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { useMe } from '~/app/project';
import { authOptionsQuery, meQuery, queryClient } from '~/app/queries';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { Dialog, FormDialog } from '~/ui/dialog';
import { Field } from '~/ui/field';
import { Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Ago } from '~/ui/time';
import { toast } from '~/ui/toast';
import { NewPassword, ShownOnWish } from '../access/password-field';
import { passwordError } from '../access/rules';
import { passkeysWork } from '../access/webauthn';
import { ExternalIdentities } from './external-identities';
import { Passkeys } from './passkeys';
import { RecoveryCodeList } from './recovery-codes';
import { TotpDialog } from './totp-dialog';

export const securityQuery = { queryKey: ['security'], queryFn: async () => (await getMySecurity()).data };

/** After a change to how one signs in: what is known of it, and what one may do. */
export function securityChanged() {
  return Promise.all([
    queryClient.invalidateQueries({ queryKey: securityQuery.queryKey }),
    queryClient.invalidateQueries({ queryKey: meQuery.queryKey }),
    queryClient.invalidateQueries({ queryKey: ['sessions'] }),
  ]);
}

export function SecurityPage() {
  const security = useQuery(securityQuery);
  const options = useQuery(authOptionsQuery);
  const [dialog, setDialog] = useState<'password' | 'totp' | 'totp-off' | 'renew' | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  if (security.isPending) return <Loading label="Loading" />;
  if (security.isError) return <QueryError error={security.error} onRetry={() => void security.refetch()} />;
  const { password, password_changed_at, totp, recovery_codes_left, external_identities, confirmed_until } = security.data;
  const close = () => setDialog(null);
  return (
    <div className="grid gap-4">
      <Card title="Password">
        <div className="flex flex-wrap items-center justify-between gap-3">
          <p className="min-w-0 flex-1 basis-52 text-muted">
            {password ? (
              <>
                Last changed <Ago at={password_changed_at} empty="when the account was made" />.
              </>
            ) : (
              'Your account has no password.'
            )}
          </p>
          <Button onClick={() => setDialog('password')}>{password ? 'Change password' : 'Set a password'}</Button>
        </div>
      </Card>
      <Card
        title={
          <>
            {totp ? <ShieldCheck aria-hidden className="size-4 text-ok" /> : <ShieldAlert aria-hidden className="size-4 text-warn" />} Authenticator app
            <Badge tone={totp ? 'accent' : 'neutral'}>{totp ? 'On' : 'Off'}</Badge>
          </>
        }
      >
        <div className="flex flex-wrap items-center justify-between gap-3">
          <p className="min-w-0 flex-1 basis-52 text-muted">{totp ? 'After your password, a code of the app is asked.' : 'A code that changes every half minute, asked after your password: who learns your password still cannot get in.'}</p>
          {totp ? <Button onClick={() => setDialog('totp-off')}>Switch off</Button> : <Button variant="primary" onClick={() => setDialog('totp')}>Set up</Button>}
        </div>
        {totp ? (
          <div className="mt-3 flex flex-wrap items-center justify-between gap-3 border-t pt-3">
            <p className="min-w-0 flex-1 basis-52 text-muted">
              Recovery codes for the day the app is lost: <span className={recovery_codes_left < 3 ? 'text-danger' : 'text-ink'}>{recovery_codes_left} left</span>.
            </p>
            <Button onClick={() => setDialog('renew')}>Make new codes</Button>
          </div>
        ) : null}
      </Card>
      {options.data?.passkeys && passkeysWork() ? <Passkeys /> : null}
      {options.data && (options.data.providers.length > 0 || external_identities > 0) ? <ExternalIdentities providers={options.data.providers} confirmedUntil={confirmed_until} /> : null}
      {dialog === 'password' ? <ChangePassword has={password} onClose={close} /> : null}
      {dialog === 'totp' ? <TotpDialog onClose={close} /> : null}
      <FormDialog
        open={dialog === 'totp-off'}
        onOpenChange={close}
        title="Switch the authenticator app off?"
        description="Your password alone is enough to get in then. The recovery codes stop working."
        action="Switch off"
        danger
        onSubmit={async () => {
          await deleteTotp();
          toast('done', 'The authenticator app is off');
          await securityChanged();
        }}
      />
      <FormDialog
        open={dialog === 'renew'}
        onOpenChange={close}
        title="Make new recovery codes?"
        description="The codes you have now stop working."
        action="Make new codes"
        onSubmit={async () => {
          setCodes((await renewRecoveryCodes()).data.recovery_codes);
          await securityChanged();
        }}
      />
      <Dialog open={codes !== null} onOpenChange={(open) => !open && setCodes(null)} title="Your new recovery codes" description="Each works once, in place of a code of the app. They are shown only now.">
        <RecoveryCodeList codes={codes ?? []} onDone={() => setCodes(null)} />
      </Dialog>
    </div>
  );
}

function ChangePassword({ has, onClose }: { has: boolean; onClose: () => void }) {
  const me = useMe();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const own = { email: me?.user?.email ?? '', names: [me?.user?.name ?? '', me?.organization.name ?? ''] };
  const problem = passwordError(next, own);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={has ? 'Change your password' : 'Set a password'}
      description="Your other sessions end."
      action={has ? 'Change password' : 'Set password'}
      valid={(!has || current !== '') && !problem}
      onSubmit={async () => {
        await changePassword({ body: { password: next, ...(has ? { current_password: current } : {}) } });
        toast('done', 'Your password is changed');
        await securityChanged();
      }}
    >
      {/* For password managers: whose password it is. */}
      <input type="text" name="username" autoComplete="username" value={me?.user?.email ?? ''} readOnly hidden />
      {has ? <Field label="Current password">{(ids) => <ShownOnWish {...ids} value={current} onChange={(e) => setCurrent(e.target.value)} autoComplete="current-password" />}</Field> : null}
      <NewPassword label="New password" value={next} onChange={(e) => setNext(e.target.value)} own={own} />
    </FormDialog>
  );
}
