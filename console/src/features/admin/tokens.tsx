import { useQueryClient } from '@tanstack/react-query';
import { Ticket } from 'lucide-react';
import { useState } from 'react';
import { listTokens, revokeTokens, type TokenFamily } from '~/api';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { FormDialog } from '~/ui/dialog';
import { Empty } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { Scopes } from './keys';
import { Listing, usePages } from './shared';

/** The refresh tokens that programs hold. They are made by programs, never here: no token comes into a page. */
export function TokensPage() {
  const list = usePages(['tokens'], async (page) => (await listTokens({ query: page })).data);
  const client = useQueryClient();
  const [ending, setEnding] = useState<TokenFamily | null>(null);
  return (
    <>
      <Card flush title="Tokens of programs">
        <Listing
          list={list}
          label="tokens"
          empty={
            <Empty icon={<Ticket />} title="No program holds a token">
              A program that has a key can exchange it for short-lived access tokens with <code className="font-mono">POST /api/v1/auth/tokens</code>. What it was given is listed here, and can be ended.
            </Empty>
          }
        >
          {(items) => (
            <Table label="Tokens">
              <thead>
                <tr>
                  <Th>Name</Th>
                  <Th className="max-md:hidden">May be used for</Th>
                  <Th>Last used</Th>
                  <Th className="max-sm:hidden">Ends</Th>
                  <Th className="w-10">
                    <span className="sr-only">Actions</span>
                  </Th>
                </tr>
              </thead>
              <tbody>
                {items.map((t) => (
                  <Tr key={t.id}>
                    <Td className="font-medium wrap-anywhere">{t.name}</Td>
                    <Td className="max-md:hidden">
                      <Scopes scopes={t.scopes} />
                    </Td>
                    <Td>
                      <Ago at={t.last_used_at} empty="never" />
                    </Td>
                    <Td className="max-sm:hidden">
                      <Ago at={t.expires_at} empty="never" />
                    </Td>
                    <Td className="text-right">
                      {t.revoked_at ? (
                        <Badge tone="danger">Ended</Badge>
                      ) : (
                        <Button variant="ghost" onClick={() => setEnding(t)} aria-label={`End ${t.name}`}>
                          End
                        </Button>
                      )}
                    </Td>
                  </Tr>
                ))}
              </tbody>
            </Table>
          )}
        </Listing>
      </Card>
      <FormDialog
        open={ending !== null}
        onOpenChange={(open) => !open && setEnding(null)}
        title={`End ${ending?.name ?? ''}?`}
        description="The program can get no further access tokens, and the ones it holds stop working."
        action="End tokens"
        danger
        onSubmit={async () => {
          if (ending) await revokeTokens({ path: { family_id: ending.id } });
          await client.invalidateQueries({ queryKey: ['tokens'] });
        }}
      />
    </>
  );
}
