import { useQuery, useQueryClient } from '@tanstack/react-query';
import { MailPlus, Plus } from 'lucide-react';
import { useState } from 'react';
import { createInvitation, listInvitations, listTeams, resendInvitation, revokeInvitation, type Invitation } from '~/api';
import { describeError } from '~/app/errors';
import { useCanInOrganization } from '~/app/project';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Checkbox, Field, Textarea } from '~/ui/field';
import { ActionsMenu, MenuItem } from '~/ui/menu';
import { Empty } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago, useNow } from '~/ui/time';
import { toMillis } from '~/ui/format';
import { toast } from '~/ui/toast';
import { readAddresses } from './addresses';
import { formSelect, Listing, ReadOnly, RoleSelect, usePages } from './shared';

export function InvitationsPage() {
  const list = usePages(['invitations'], async (page) => (await listInvitations({ query: page })).data);
  const manage = useCanInOrganization('members:manage');
  const client = useQueryClient();
  const fresh = () => client.invalidateQueries({ queryKey: ['invitations'] });
  const [inviting, setInviting] = useState(false);
  const [withdrawing, setWithdrawing] = useState<Invitation | null>(null);
  const now = useNow(60_000);
  const resend = async (invitation: Invitation) => {
    try {
      await resendInvitation({ path: { invitation_id: invitation.id } });
      toast('done', `Sent again to ${invitation.email}`);
      await fresh();
    } catch (error) {
      const { title, requestId } = describeError(error);
      toast('failed', title, requestId && `Request ${requestId}`);
    }
  };
  return (
    <>
      <Card
        flush
        title="Invitations"
        actions={
          manage ? (
            <Button variant="primary" onClick={() => setInviting(true)}>
              <Plus className="size-3.5" /> Invite people
            </Button>
          ) : null
        }
      >
        {manage ? null : <ReadOnly permission="members:manage" what="Inviting people" />}
        <Listing
          list={list}
          label="invitations"
          empty={
            <Empty icon={<MailPlus />} title="No invitation is open">
              Invite people by e-mail. Each gets a letter with a link of their own, and joins with the role you choose.
            </Empty>
          }
        >
          {(items) => (
            <Table label="Invitations">
              <thead>
                <tr>
                  <Th>Address</Th>
                  <Th>Role</Th>
                  <Th className="max-sm:hidden">Sent</Th>
                  <Th className="max-sm:hidden">Ends</Th>
                  {manage ? (
                    <Th className="w-10">
                      <span className="sr-only">Actions</span>
                    </Th>
                  ) : null}
                </tr>
              </thead>
              <tbody>
                {items.map((i) => (
                  <Tr key={i.id}>
                    <Td className="font-medium wrap-anywhere">{i.email}</Td>
                    <Td>{i.role_name}</Td>
                    <Td className="max-sm:hidden">
                      <Ago at={i.created_at} />
                    </Td>
                    <Td className="max-sm:hidden">{(toMillis(i.expires_at) ?? 0) < now ? <Badge tone="warn">Has run out</Badge> : <Ago at={i.expires_at} />}</Td>
                    {manage ? (
                      <Td className="text-right">
                        <ActionsMenu name={i.email}>
                          <MenuItem onSelect={() => void resend(i)}>Send again</MenuItem>
                          <MenuItem danger onSelect={() => setWithdrawing(i)}>
                            Withdraw…
                          </MenuItem>
                        </ActionsMenu>
                      </Td>
                    ) : null}
                  </Tr>
                ))}
              </tbody>
            </Table>
          )}
        </Listing>
      </Card>
      {inviting ? <Invite onClose={() => setInviting(false)} onDone={fresh} /> : null}
      <FormDialog
        open={withdrawing !== null}
        onOpenChange={(open) => !open && setWithdrawing(null)}
        title="Withdraw the invitation?"
        description={`The link in the letter to ${withdrawing?.email ?? ''} stops working at once.`}
        action="Withdraw"
        danger
        onSubmit={async () => {
          if (withdrawing) await revokeInvitation({ path: { invitation_id: withdrawing.id } });
          await fresh();
        }}
      />
    </>
  );
}

/** Several people at once: each gets an own invitation; those that fail stay in the box with the reason. */
function Invite({ onClose, onDone }: { onClose: () => void; onDone: () => Promise<unknown> }) {
  const teams = useQuery({ queryKey: ['teams', 'all'], queryFn: async () => (await listTeams({ query: { limit: 200 } })).data.items });
  const [text, setText] = useState('');
  const [role, setRole] = useState('viewer');
  const [chosen, setChosen] = useState<string[]>([]);
  const [failed, setFailed] = useState<{ email: string; why: string }[]>([]);
  const { good, bad } = readAddresses(text);
  const problem = bad.length > 0 ? `${bad.join(', ')}: not an e-mail address.` : good.length > 50 ? 'At most 50 at a time.' : null;
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Invite people"
      description="Each gets a letter with a link that works once."
      action={good.length > 1 ? `Send ${good.length} invitations` : 'Send invitation'}
      valid={good.length > 0 && !problem}
      onSubmit={async () => {
        const missed: { email: string; why: string; error: unknown }[] = [];
        for (const email of good) {
          try {
            await createInvitation({ body: { email, role, ...(chosen.length > 0 ? { teams: chosen } : {}) } });
          } catch (error) {
            missed.push({ email, why: describeError(error).title, error });
          }
        }
        await onDone();
        const sent = good.length - missed.length;
        if (sent > 0) toast('done', sent === 1 ? 'One invitation sent' : `${sent} invitations sent`);
        setFailed(missed);
        setText(missed.map((m) => m.email).join('\n'));
        if (missed[0]) throw missed[0].error;
      }}
    >
      <Field label="E-mail addresses" error={problem} hint="One a line, or with commas between.">
        {(ids) => <Textarea {...ids} rows={3} value={text} onChange={(e) => setText(e.target.value)} inputMode="email" autoCapitalize="off" spellCheck={false} />}
      </Field>
      {failed.length > 1 ? (
        <ul className="flex flex-col gap-1 text-xs text-danger">
          {failed.map((f) => (
            <li key={f.email} className="wrap-anywhere">
              {f.email}: {f.why}
            </li>
          ))}
        </ul>
      ) : null}
      <Field label="Role">{(ids) => <RoleSelect {...ids} className={formSelect} value={role} onChange={(e) => setRole(e.target.value)} />}</Field>
      {teams.data && teams.data.length > 0 ? (
        <fieldset>
          <legend className="mb-1 text-xs font-medium text-muted">Teams</legend>
          <div className="flex max-h-32 flex-col gap-1.5 overflow-y-auto">
            {teams.data.map((t) => (
              <Checkbox key={t.id} label={t.name} showLabel checked={chosen.includes(t.id)} onChange={(e) => setChosen(e.target.checked ? [...chosen, t.id] : chosen.filter((c) => c !== t.id))} />
            ))}
          </div>
        </fieldset>
      ) : null}
    </FormDialog>
  );
}
