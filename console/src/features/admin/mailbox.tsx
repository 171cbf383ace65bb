import { useQuery } from '@tanstack/react-query';
import { Inbox } from 'lucide-react';
import { Fragment, useState } from 'react';
import type { Mail } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Card } from '~/ui/card';
import { Dialog } from '~/ui/dialog';
import { Empty, Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { splitLinks } from './links';
import { mailboxQuery } from './mailbox-query';

const states: Record<string, { label: string; tone: 'neutral' | 'accent' | 'danger' }> = {
  queued: { label: 'Waiting', tone: 'neutral' },
  sent: { label: 'Sent', tone: 'accent' },
  shown: { label: 'Shown here', tone: 'neutral' },
  failed: { label: 'Failed', tone: 'danger' },
};

export function MailboxPage() {
  const mails = useQuery({ ...mailboxQuery, refetchInterval: 3_000 });
  const [open, setOpen] = useState<Mail | null>(null);
  return (
    <>
      <Card flush title="Mailbox of this development server">
        <p className="border-b px-4 py-2 text-xs text-muted">Letters of this organisation and to its members. A server in production sends them and shows nobody what is in them.</p>
        {mails.isPending ? <Loading label="Loading letters" /> : null}
        {mails.isError ? <QueryError error={mails.error} onRetry={() => void mails.refetch()} /> : null}
        {mails.data?.length === 0 ? (
          <Empty icon={<Inbox />} title="No letters yet">
            Invitations, proofs of addresses and new passwords appear here.
          </Empty>
        ) : null}
        {mails.data && mails.data.length > 0 ? (
          <Table label="Letters">
            <thead>
              <tr>
                <Th>Subject</Th>
                <Th className="max-sm:hidden">To</Th>
                <Th className="max-sm:hidden">State</Th>
                <Th>Written</Th>
              </tr>
            </thead>
            <tbody>
              {mails.data.map((mail) => (
                <Tr key={mail.id}>
                  <Td className="min-w-40">
                    {mail.text ? (
                      <button type="button" className="text-left font-medium hover:underline" onClick={() => setOpen(mail)}>
                        {mail.subject ?? mail.template}
                      </button>
                    ) : (
                      <span className="text-muted">{mail.subject ?? mail.template}</span>
                    )}
                    <div className="text-xs text-muted sm:hidden">{mail.to}</div>
                  </Td>
                  <Td className="max-sm:hidden wrap-anywhere">{mail.to}</Td>
                  <Td className="max-sm:hidden">
                    <Badge tone={states[mail.state]?.tone ?? 'neutral'}>{states[mail.state]?.label ?? mail.state}</Badge>
                    {mail.error ? <div className="text-xs text-danger">{mail.error}</div> : null}
                  </Td>
                  <Td>
                    <Ago at={mail.created_at} />
                  </Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        ) : null}
      </Card>
      <Dialog open={open !== null} onOpenChange={(o) => !o && setOpen(null)} title={open?.subject ?? 'Letter'} description={open ? `To ${open.to}` : ''} wide>
        <div className="text-base leading-relaxed whitespace-pre-wrap wrap-anywhere">
          {splitLinks(open?.text ?? '', location.origin).map((part, at) => (
            <Fragment key={`${at} ${part.text}`}>
              {part.href ? (
                <a className="text-accent underline underline-offset-2" href={part.href}>
                  {part.text}
                </a>
              ) : (
                part.text
              )}
            </Fragment>
          ))}
        </div>
      </Dialog>
    </>
  );
}
