import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { GitCompareArrows, Lightbulb, Plus, Search } from 'lucide-react';
import { useState } from 'react';
import type { Explanation } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Needs } from '~/app/needs';
import { Page } from '~/app/page';
import { useProject } from '~/app/project';
import { DeniedHint } from '~/app/why';
import { Button, buttonClass } from '~/ui/button';
import { CodeBlock } from '~/ui/copy';
import { Checkbox, Select } from '~/ui/field';
import { formatCount } from '~/ui/format';
import { Empty, Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Ago } from '~/ui/time';
import { AutomlTabs } from '../automl/automl-tabs';
import { useJobs } from '../automl/data';
import { JobState } from '../automl/state';
import { useModels } from '../registry/data';
import { useExplanations } from './data';
import { ModelLink } from './model-link';
import { NewExplanation } from './new-explanation';
import { kindNames } from './request';

const route = getRouteApi('/session/p/$project/automl/explanations');

/** Only these two say how much columns count altogether, which is what can be compared. */
export function isComparable(explanation: Explanation): boolean {
  return (explanation.kind === 'shap' || explanation.kind === 'importance') && explanation.state === 'succeeded';
}

export function ExplanationsPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/automl/explanations' });
  const explanations = useExplanations(search);
  const items = explanations.data?.pages.flatMap((p) => p.items) ?? [];
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [asking, setAsking] = useState(false);
  const filtered = search.automl !== undefined || search.name !== undefined;
  return (
    <Page
      title="Explanations"
      tabs={<AutomlTabs />}
      actions={
        <Needs permission="experiments:write" instead={<DeniedHint permission="experiments:write" label="Why can I not ask for any?" />}>
          <Button variant="primary" onClick={() => setAsking(true)}>
            <Plus className="size-3.5" /> New explanation
          </Button>
        </Needs>
      }
    >
      {items.length > 0 || filtered ? <Filters search={search} onChange={(change) => void navigate({ search: change, replace: true })} /> : null}
      <div className="min-h-0 flex-1 overflow-y-auto">
        {explanations.isPending ? <Loading label="Loading explanations" /> : null}
        {explanations.isError && items.length === 0 ? <QueryError error={explanations.error} onRetry={() => void explanations.refetch()} /> : null}
        {explanations.isSuccess && items.length === 0 ? filtered ? <Empty icon={<Search />} title="No explanation matches" /> : <NoExplanations /> : null}
        {items.length > 0 ? (
          <ExplanationsTable
            items={items}
            chosen={chosen}
            // The third chosen takes the place of the first: two can be compared.
            onChoose={(id, on) => setChosen(on ? [...chosen, id].slice(-2) : chosen.filter((c) => c !== id))}
          />
        ) : null}
        {explanations.hasNextPage ? (
          <div className="p-4 text-center">
            <Button busy={explanations.isFetchingNextPage} onClick={() => void explanations.fetchNextPage()}>
              Show more
            </Button>
          </div>
        ) : null}
      </div>
      {chosen.length > 0 ? <Chosen ids={chosen} onClear={() => setChosen([])} /> : null}
      {asking ? <NewExplanation onClose={() => setAsking(false)} /> : null}
    </Page>
  );
}

type Filter = ReturnType<typeof route.useSearch>;

/** Of which model: of a search, or of a registered name. */
function Filters({ search, onChange }: { search: Filter; onChange: (search: Filter) => void }) {
  const jobs = useJobs({ state: 'succeeded' });
  const models = useModels('');
  const searches = jobs.data?.pages.flatMap((p) => p.items) ?? [];
  const names = models.data?.pages.flatMap((p) => p.registered_models ?? []).map((m) => m.name) ?? [];
  return (
    <div className="flex flex-wrap items-center gap-2 border-b px-4 py-2 md:px-6">
      <Select aria-label="Of which search" value={search.automl ?? ''} onChange={(e) => onChange(e.target.value ? { automl: e.target.value } : {})}>
        <option value="">Of any search</option>
        {search.automl && !searches.some((j) => j.automl_id === search.automl) ? <option value={search.automl}>{search.automl}</option> : null}
        {searches.map((j) => (
          <option key={j.automl_id} value={j.automl_id}>
            {j.name}
          </option>
        ))}
      </Select>
      <Select aria-label="Of which registered model" value={search.name ?? ''} onChange={(e) => onChange(e.target.value ? { name: e.target.value } : {})}>
        <option value="">Of any registered model</option>
        {search.name && !names.includes(search.name) ? <option value={search.name}>{search.name}</option> : null}
        {names.map((n) => (
          <option key={n} value={n}>
            {n}
          </option>
        ))}
      </Select>
    </div>
  );
}

function ExplanationsTable({ items, chosen, onChoose }: { items: Explanation[]; chosen: readonly string[]; onChoose: (id: string, on: boolean) => void }) {
  const project = useProject();
  return (
    <Table label="Explanations" className="md:[&_td:first-child]:pl-6 md:[&_th:first-child]:pl-6">
      <thead>
        <tr>
          <Th className="w-8">
            <span className="sr-only">Chosen</span>
          </Th>
          <Th>Explanation</Th>
          <Th>Kind</Th>
          <Th>Model</Th>
          <Th className="max-md:hidden">State</Th>
          <Th className="max-md:hidden">Asked</Th>
        </tr>
      </thead>
      <tbody>
        {items.map((e) => (
          <Tr key={e.explanation_id}>
            <Td>
              <Checkbox
                label={`Choose ${e.name}`}
                disabled={!isComparable(e)}
                title={isComparable(e) ? undefined : 'SHAP values and importances can be compared'}
                checked={chosen.includes(e.explanation_id)}
                onChange={(event) => onChoose(e.explanation_id, event.target.checked)}
              />
            </Td>
            <Td className="max-w-md">
              <Link to="/p/$project/automl/explanations/$explanationId" params={{ project, explanationId: e.explanation_id }} className="font-medium wrap-anywhere hover:underline">
                {e.name}
              </Link>
            </Td>
            <Td className="whitespace-nowrap">
              <Badge>{kindNames[e.kind]}</Badge>
            </Td>
            <Td className="max-w-64">
              <ModelLink of={e} />
            </Td>
            <Td className="max-md:hidden">
              <JobState state={e.state} />
            </Td>
            <Td className="max-md:hidden">
              <Ago at={e.created_at} />
            </Td>
          </Tr>
        ))}
      </tbody>
    </Table>
  );
}

function Chosen({ ids, onClear }: { ids: readonly string[]; onClear: () => void }) {
  const project = useProject();
  const [left, right] = ids;
  return (
    <div role="region" aria-label="Chosen explanations" className="flex flex-wrap items-center gap-2 border-t bg-surface px-4 py-2 md:px-6">
      <span className="mr-auto font-medium">{formatCount(ids.length, 'explanation')} chosen</span>
      <Button variant="ghost" onClick={onClear}>
        Clear
      </Button>
      {left && right ? (
        <Link to="/p/$project/automl/explanations/compare" params={{ project }} search={{ left, right }} className={buttonClass('primary')}>
          <GitCompareArrows className="size-3.5" /> Compare
        </Link>
      ) : (
        <Button variant="primary" disabled title="Choose two explanations">
          <GitCompareArrows className="size-3.5" /> Compare
        </Button>
      )}
    </div>
  );
}

function NoExplanations() {
  return (
    <Empty icon={<Lightbulb />} title="No explanations yet">
      <p className="mb-4">
        An explanation says why a model predicts what it predicts: column by column for each row, on average, or what would have to be different. Models of searches can be explained, registered ones, and files of
        LightGBM, XGBoost and ONNX trees. It works without a server too:
      </p>
      <CodeBlock label="Command" code={'rhiza explain model.rhiza data.csv --rows 5'} />
    </Empty>
  );
}
