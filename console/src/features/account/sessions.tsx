import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { LogOut, ShieldCheck } from 'lucide-react';
import { useState } from 'react';
import { deleteSession, listSessions, signOutEverywhere, type Session } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { queryClient } from '~/app/queries';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { toast } from '~/ui/toast';
import { describeAgent, describeMethod } from './agent';

export function SessionsPage() {
  const client = useQueryClient();
  const router = useRouter();
  const sessions = useQuery({ queryKey: ['sessions'], queryFn: async () => (await listSessions({ query: { limit: 200 } })).data.items });
  const [ending, setEnding] = useState<Session | null>(null);
  const [everywhere, setEverywhere] = useState(false);
  return (
    <>
      <Card
        flush
        title="Where you are signed in"
        actions={
          <Button variant="ghost" onClick={() => setEverywhere(true)}>
            <LogOut className="size-3.5" /> Sign out everywhere
          </Button>
        }
      >
        {sessions.isPending ? <Loading label="Loading sessions" /> : null}
        {sessions.isError ? <QueryError error={sessions.error} onRetry={() => void sessions.refetch()} /> : null}
        {sessions.data ? (
          <Table label="Sessions">
            <thead>
              <tr>
                <Th>Browser</Th>
                <Th className="max-sm:hidden">Signed in with</Th>
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
                  <Td className="max-sm:hidden">
                    <span className="inline-flex items-center gap-1.5">
                      {describeMethod(s.method)}
                      {s.second_factor ? (
                        <span title="A second factor was shown" className="inline-flex text-ok">
                          <ShieldCheck aria-hidden className="size-3.5" />
                          <span className="sr-only">with a second factor</span>
                        </span>
                      ) : null}
                    </span>
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
      <FormDialog
        open={everywhere}
        onOpenChange={setEverywhere}
        title="Sign out everywhere?"
        description="All your sessions end, this one too, and programs that hold tokens in your name lose them. API keys go on working."
        action="Sign out everywhere"
        danger
        onSubmit={async () => {
          await signOutEverywhere();
          queryClient.clear();
          await router.navigate({ to: '/sign-in', search: {} });
        }}
      />
    </>
  );
}
