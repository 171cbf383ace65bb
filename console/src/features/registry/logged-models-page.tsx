import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Box } from 'lucide-react';
import { mlflowSearchLoggedModels, type MlflowLoggedModel } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Page, TabBar, tabClass } from '~/app/page';
import { useProject } from '~/app/project';
import { Button } from '~/ui/button';
import { CodeBlock } from '~/ui/copy';
import { formatNumber } from '~/ui/format';
import { Empty, Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { useExperiment } from '../experiments/crumb';
import { useRegistrations } from './data';
import { newestOfEach } from './metrics';
import { Registrations } from './registrations';

const route = getRouteApi('/session/p/$project/experiments/$experimentId/models');

export function LoggedModelsPage() {
  const project = useProject();
  const { experimentId } = route.useParams();
  const experiment = useExperiment(experimentId);
  const models = useInfiniteQuery({
    queryKey: ['logged-models', project, experimentId],
    queryFn: async ({ pageParam }) =>
      (
        await mlflowSearchLoggedModels({
          body: { experiment_ids: [experimentId], max_results: 100, order_by: [{ field_name: 'creation_timestamp', ascending: false }], ...(pageParam ? { page_token: pageParam } : {}) },
        })
      ).data,
    initialPageParam: '',
    getNextPageParam: (last) => last.next_page_token || undefined,
  });
  const items = models.data?.pages.flatMap((p) => p.models ?? []) ?? [];
  const name = experiment.data?.name ?? 'Experiment';
  return (
    <Page
      title={`Models · ${name}`}
      heading={name}
      crumbs={
        <Link to="/p/$project/experiments" params={{ project }}>
          Experiments
        </Link>
      }
      meta={<span>Experiment {experimentId}</span>}
      tabs={
        <TabBar label="Experiment">
          <Link to="/p/$project/experiments/$experimentId" params={{ project, experimentId }} activeOptions={{ exact: true }} className={tabClass}>
            Runs
          </Link>
          <Link to="/p/$project/experiments/$experimentId/models" params={{ project, experimentId }} className={tabClass}>
            Models
          </Link>
        </TabBar>
      }
    >
      <div className="min-h-0 flex-1 overflow-y-auto">
        {models.isPending ? <Loading label="Loading models" /> : null}
        {models.isError && items.length === 0 ? <QueryError error={models.error} onRetry={() => void models.refetch()} /> : null}
        {models.isSuccess && items.length === 0 ? (
          <Empty icon={<Box />} title="No models were logged here">
            <p className="mb-4">A logged model keeps its files, parameters and metrics together, and knows its run:</p>
            <CodeBlock label="Python code" code={'mlflow.sklearn.log_model(model, name="model", input_example=X[:5])'} />
          </Empty>
        ) : null}
        {items.length > 0 ? <LoggedModels items={items} /> : null}
        {models.hasNextPage ? (
          <div className="p-4 text-center">
            <Button busy={models.isFetchingNextPage} onClick={() => void models.fetchNextPage()}>
              Show more
            </Button>
          </div>
        ) : null}
      </div>
    </Page>
  );
}

function LoggedModels({ items }: { items: MlflowLoggedModel[] }) {
  const project = useProject();
  const registrations = useRegistrations(items.map((m) => m.info.model_id));
  const keys = [...new Set(items.flatMap((m) => (m.data.metrics ?? []).map((x) => x.key)))].slice(0, 6);
  return (
    <Table label="Logged models" className="md:[&_td:first-child]:pl-6 md:[&_th:first-child]:pl-6">
      <thead>
        <tr>
          <Th>Name</Th>
          <Th>Status</Th>
          <Th>Registered as</Th>
          <Th>Run</Th>
          {keys.map((k) => (
            <Th key={k} className="text-right">
              {k}
            </Th>
          ))}
          <Th>Created</Th>
        </tr>
      </thead>
      <tbody>
        {items.map((m) => {
          const { info } = m;
          return (
            <Tr key={info.model_id}>
              <Td>
                <Link to="/p/$project/logged-models/$modelId" params={{ project, modelId: info.model_id }} className="font-medium hover:underline">
                  {info.name}
                </Link>
                {info.model_type ? <span className="ml-2 text-xs text-faint">{info.model_type}</span> : null}
              </Td>
              <Td>
                <LoggedModelStatus status={info.status} />
              </Td>
              <Td>
                <div className="flex flex-wrap gap-1">
                  <Registrations items={registrations.data?.filter((r) => r.model_id === info.model_id) ?? []} />
                </div>
              </Td>
              <Td>
                {info.source_run_id ? (
                  <Link to="/p/$project/runs/$runId" params={{ project, runId: info.source_run_id }} className="font-mono text-xs text-accent hover:underline">
                    {info.source_run_id.slice(0, 8)}
                  </Link>
                ) : null}
              </Td>
              {keys.map((k) => (
                <Td key={k} className="text-right">
                  {formatNumber(newestOfEach(m.data.metrics ?? []).find((x) => x.key === k)?.value)}
                </Td>
              ))}
              <Td>
                <Ago at={info.creation_timestamp_ms} />
              </Td>
            </Tr>
          );
        })}
      </tbody>
    </Table>
  );
}

export function LoggedModelStatus({ status }: { status: string | undefined }) {
  if (status === 'LOGGED_MODEL_READY') return <Badge>Ready</Badge>;
  if (status === 'LOGGED_MODEL_UPLOAD_FAILED') return <Badge tone="danger">Upload failed</Badge>;
  return <Badge tone="warn">Pending</Badge>;
}
