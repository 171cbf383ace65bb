import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { Database, Plus, Search } from 'lucide-react';
import { useDeferredValue, useEffect, useState } from 'react';
import type { StoredDataset } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Needs } from '~/app/needs';
import { Page } from '~/app/page';
import { useCan, useProject } from '~/app/project';
import { DeniedHint } from '~/app/why';
import { Button } from '~/ui/button';
import { CodeBlock } from '~/ui/copy';
import { Input } from '~/ui/field';
import { formatBytes } from '~/ui/format';
import { Empty, Loading } from '~/ui/states';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { AddDialog } from './add-dialog';
import { useDatasets } from './data';
import { formatNames } from './rules';
import { Quality, StateBadge } from './state';

const route = getRouteApi('/session/p/$project/datasets');

export function DatasetsPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/datasets' });
  const [q, setQ] = useState(search.q ?? '');
  const wanted = useDeferredValue(q.trim());
  useEffect(() => {
    void navigate({ search: { ...(wanted ? { q: wanted } : {}) }, replace: true });
  }, [navigate, wanted]);
  const datasets = useDatasets(wanted);
  const items = datasets.data?.pages.flatMap((p) => p.items) ?? [];
  const [adding, setAdding] = useState<{ dropped?: File | undefined } | null>(null);
  const may = useCan('experiments:write');
  return (
    <Page
      title="Data"
      actions={
        <Needs permission="experiments:write" instead={<DeniedHint permission="experiments:write" label="Why can I not add any?" />}>
          <Button variant="primary" onClick={() => setAdding({})}>
            <Plus className="size-3.5" /> New dataset
          </Button>
        </Needs>
      }
    >
      <div className="border-b px-4 py-2 md:px-6">
        <div className="relative sm:max-w-sm">
          <Search aria-hidden className="absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-faint" />
          <Input type="search" aria-label="Find a dataset by name" placeholder="Find by name" className="pl-8" value={q} onChange={(e) => setQ(e.target.value)} />
        </div>
      </div>
      <div
        className="min-h-0 flex-1 overflow-y-auto"
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          const dropped = event.dataTransfer.files[0];
          if (may && dropped) setAdding({ dropped });
        }}
      >
        {datasets.isPending ? <Loading label="Loading datasets" /> : null}
        {datasets.isError && items.length === 0 ? <QueryError error={datasets.error} onRetry={() => void datasets.refetch()} /> : null}
        {datasets.isSuccess && items.length === 0 ? wanted ? <Empty icon={<Search />} title="No dataset matches" /> : <NoDatasets /> : null}
        {items.length > 0 ? <DatasetsTable items={items} /> : null}
        {datasets.hasNextPage ? (
          <div className="p-4 text-center">
            <Button busy={datasets.isFetchingNextPage} onClick={() => void datasets.fetchNextPage()}>
              Show more
            </Button>
          </div>
        ) : null}
      </div>
      {adding ? <AddDialog {...adding} onClose={() => setAdding(null)} /> : null}
    </Page>
  );
}

function DatasetsTable({ items }: { items: StoredDataset[] }) {
  const project = useProject();
  return (
    <Table label="Datasets" className="md:[&_td:first-child]:pl-6 md:[&_th:first-child]:pl-6">
      <thead>
        <tr>
          <Th>Name</Th>
          <Th>Version</Th>
          <Th className="text-right">Rows</Th>
          <Th className="text-right">Columns</Th>
          <Th className="text-right">Quality</Th>
          <Th className="text-right max-md:hidden">Size</Th>
          <Th className="max-md:hidden">Changed</Th>
        </tr>
      </thead>
      <tbody>
        {items.map((d) => (
          <Tr key={d.id}>
            <Td className="max-w-md">
              <div className="flex items-center gap-2">
                <Link to="/p/$project/datasets/$datasetId" params={{ project, datasetId: d.id }} className="font-medium wrap-anywhere hover:underline">
                  {d.name}
                </Link>
                <StateBadge version={d.latest} />
              </div>
              {d.description ? <div className="line-clamp-1 text-xs text-faint">{d.description}</div> : null}
            </Td>
            <Td>v{d.latest.version}</Td>
            <Td className="text-right">{count(d.latest.rows)}</Td>
            <Td className="text-right">{count(d.latest.columns)}</Td>
            <Td className="text-right">
              <Quality score={d.latest.quality} />
            </Td>
            <Td className="text-right whitespace-nowrap max-md:hidden">
              {formatBytes(d.latest.size_bytes)} {d.latest.format ? <span className="text-faint">{formatNames[d.latest.format]}</span> : null}
            </Td>
            <Td className="max-md:hidden">
              <Ago at={d.updated_at} />
            </Td>
          </Tr>
        ))}
      </tbody>
    </Table>
  );
}

function count(n: number | null | undefined) {
  return n === null || n === undefined ? <span className="text-faint">–</span> : n.toLocaleString('en-US');
}

function NoDatasets() {
  return (
    <Empty icon={<Database />} title="No datasets yet">
      <p className="mb-4">A dataset is a name with numbered versions, each a file that never changes, with what its columns hold. Drop a file here, or send one:</p>
      <CodeBlock label="Command" code={`curl -H "Authorization: Bearer $RHIZA_KEY" --data-binary @data.csv \\\n  "${location.origin}/api/v1/datasets?name=my-data&file=data.csv"`} />
    </Empty>
  );
}
