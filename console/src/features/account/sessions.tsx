import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { deleteSession, listSessions, type Session } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { toast } from '~/ui/toast';
import { describeAgent } from './agent';

export function SessionsPage() {
  const client = useQueryClient();
  const sessions = useQuery({ queryKey: ['sessions'], queryFn: async () => (await listSessions({ query: { limit: 200 } })).data.items });
  const [ending, setEnding] = useState<Session | null>(null);
  return (
    <>
      <Card flush title="Where you are signed in">
        {sessions.isPending ? <Loading label="Loading sessions" /> : null}
        {sessions.isError ? <QueryError error={sessions.error} onRetry={() => void sessions.refetch()} /> : null}
        {sessions.data ? (
          <Table label="Sessions">
            <thead>
              <tr>
                <Th>Browser</Th>
                <Th>Last seen</Th>
                <Th className="max-md:hidden">Since</Th>
                <Th>
                  <span className="sr-only">Actions</span>
                </Th>
              </tr>
            </thead>
            <tbody>
              {sessions.data.map((s) => (
                <Tr key={s.id}>
                  <Td className="min-w-28">
                    <span title={s.user_agent ?? ''}>{describeAgent(s.user_agent)}</span>
                    <div className="text-xs text-muted">{s.ip ?? '—'}</div>
                  </Td>
                  <Td>
                    <Ago at={s.last_seen_at} />
                  </Td>
                  <Td className="max-md:hidden">
                    <Ago at={s.created_at} />
                  </Td>
                  <Td className="text-right">
                    {s.current ? (
                      <Badge tone="accent">This one</Badge>
                    ) : (
                      <Button variant="ghost" onClick={() => setEnding(s)} aria-label={`End the session of ${describeAgent(s.user_agent)}`}>
                        End
                      </Button>
                    )}
                  </Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        ) : null}
      </Card>
      <FormDialog
        open={ending !== null}
        onOpenChange={(open) => !open && setEnding(null)}
        title="End this session?"
        description={`${describeAgent(ending?.user_agent)}${ending?.ip ? ` at ${ending.ip}` : ''} is signed out at once.`}
        action="End session"
        danger
        onSubmit={async () => {
          if (ending) await deleteSession({ path: { session_id: ending.id } });
          toast('done', 'Session ended');
          await client.invalidateQueries({ queryKey: ['sessions'] });
        }}
      />
    </>
  );
}
