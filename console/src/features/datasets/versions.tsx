import { Link } from '@tanstack/react-router';
import { QueryError } from '~/app/fallbacks';
import { useProject } from '~/app/project';
import { Button } from '~/ui/button';
import { formatBytes, formatCount } from '~/ui/format';
import { Loading } from '~/ui/states';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { useVersions } from './data';
import { sourceText } from './rules';
import { Quality, StateBadge } from './state';

/** Every version, the newest first, and where it came from. */
export function Versions({ id }: { id: string }) {
  const project = useProject();
  const versions = useVersions(id);
  const items = versions.data?.pages.flatMap((p) => p.items) ?? [];
  if (versions.isPending) return <Loading label="Loading versions" />;
  if (versions.isError && items.length === 0) return <QueryError error={versions.error} onRetry={() => void versions.refetch()} />;
  const open = (version: number) => ({ to: '/p/$project/datasets/$datasetId', params: { project, datasetId: id }, search: { version } }) as const;
  return (
    <>
      <Table label="Versions" className="md:[&_td:first-child]:pl-6 md:[&_th:first-child]:pl-6">
        <thead>
          <tr>
            <Th>Version</Th>
            <Th>From</Th>
            <Th className="text-right">Rows</Th>
            <Th className="text-right">Columns</Th>
            <Th className="text-right">Quality</Th>
            <Th className="text-right max-md:hidden">Size</Th>
            <Th className="max-md:hidden">Digest</Th>
            <Th>Added</Th>
          </tr>
        </thead>
        <tbody>
          {items.map((v) => (
            <Tr key={v.version}>
              <Td className="whitespace-nowrap">
                <Link {...open(v.version)} className="mr-2 font-medium hover:underline">
                  v{v.version}
                </Link>
                <StateBadge version={v} />
              </Td>
              <Td className="max-w-80 wrap-anywhere">
                {v.source.kind === 'types' && v.parent ? (
                  <>
                    {formatCount(Object.keys(v.types).length, 'chosen type')} on{' '}
                    <Link {...open(v.parent)} className="text-accent underline underline-offset-2">
                      v{v.parent}
                    </Link>
                  </>
                ) : (
                  sourceText(v.source)
                )}
                {v.source.kind === 'artifact' ? (
                  <Link to="/p/$project/runs/$runId" params={{ project, runId: v.source.run_id }} className="ml-2 font-mono text-xs text-accent underline underline-offset-2">
                    {v.source.run_id.slice(0, 8)}
                  </Link>
                ) : null}
              </Td>
              <Td className="text-right">{v.rows?.toLocaleString('en-US')}</Td>
              <Td className="text-right">{v.columns?.toLocaleString('en-US')}</Td>
              <Td className="text-right">
                <Quality score={v.quality} />
              </Td>
              <Td className="text-right whitespace-nowrap max-md:hidden">{formatBytes(v.size_bytes)}</Td>
              <Td className="font-mono text-xs text-muted max-md:hidden" title={v.digest ?? undefined}>
                {v.digest?.slice(0, 12)}
              </Td>
              <Td>
                <Ago at={v.created_at} />
              </Td>
            </Tr>
          ))}
        </tbody>
      </Table>
      {versions.hasNextPage ? (
        <div className="p-4 text-center">
          <Button busy={versions.isFetchingNextPage} onClick={() => void versions.fetchNextPage()}>
            Show more
          </Button>
        </div>
      ) : null}
    </>
  );
}
