import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { getQuotas, type QuotaUsage } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { useProject } from '~/app/project';
import { Card } from '~/ui/card';
import { formatBytes, formatTime } from '~/ui/format';
import { Meter } from '~/ui/meter';
import { Loading } from '~/ui/states';
import { Badge } from '~/ui/status';

const known: Record<string, { title: string; note: string; bytes?: boolean; place?: '/p/$project/experiments' | '/p/$project/admin/keys' }> = {
  requests: { title: 'Requests', note: 'Calls of people and programs to the API this month.', place: '/p/$project/admin/keys' },
  storage: { title: 'Stored files', note: 'Artifacts of runs and models, in all projects.', bytes: true, place: '/p/$project/experiments' },
  jobs: { title: 'Jobs', note: 'Jobs that wait or run just now.' },
  tokens: { title: 'Language model tokens', note: 'Tokens read and written by language models this month.' },
};
const places = { '/p/$project/experiments': 'Experiments', '/p/$project/admin/keys': 'API keys' } as const;

export function QuotasPage() {
  const quotas = useQuery({ queryKey: ['quotas'], queryFn: async () => (await getQuotas()).data, refetchInterval: 15_000 });
  if (quotas.isPending) return <Loading label="Loading quotas" />;
  if (quotas.isError) return <QueryError error={quotas.error} onRetry={() => void quotas.refetch()} />;
  return (
    <Card
      flush
      title={
        <>
          Plan <Badge tone="accent">{quotas.data.plan}</Badge>
        </>
      }
    >
      <ul className="divide-y">
        {quotas.data.quotas.map((q) => (
          <Quota key={q.name} quota={q} />
        ))}
      </ul>
    </Card>
  );
}

function Quota({ quota }: { quota: QuotaUsage }) {
  const project = useProject();
  const kind = known[quota.name] ?? { title: quota.name, note: '' };
  const show = (n: number) => (kind.bytes ? formatBytes(n) : n.toLocaleString('en-US'));
  const limit = quota.limit ?? null;
  return (
    <li className="px-4 py-3">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4">
        <h3 className="font-medium">{kind.title}</h3>
        <span>
          {show(quota.used)} <span className="text-muted">{limit === null ? 'used, without a limit' : `of ${show(limit)}`}</span>
        </span>
      </div>
      {limit === null ? null : (
        <div className="mt-2 mb-1">
          <Meter label={`${kind.title} used`} used={quota.used} limit={limit} />
        </div>
      )}
      <p className="text-xs text-muted">
        {kind.note}
        {quota.resets_at ? ` Begins anew on ${formatTime(quota.resets_at)}.` : ''}
        {kind.place ? (
          <>
            {' '}
            <Link to={kind.place} params={{ project }} className="text-accent underline underline-offset-2">
              {places[kind.place]}
            </Link>
          </>
        ) : null}
      </p>
    </li>
  );
}
