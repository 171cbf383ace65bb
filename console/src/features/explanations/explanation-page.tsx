import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { GitCompareArrows, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { deleteExplanation, type Explanation } from '~/api';
import { QueryError } from '~/app/fallbacks';
import { Needs } from '~/app/needs';
import { Page } from '~/app/page';
import { useProject } from '~/app/project';
import { Button, buttonClass } from '~/ui/button';
import { FormDialog } from '~/ui/dialog';
import { formatCount } from '~/ui/format';
import { Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { toast } from '~/ui/toast';
import { Ago } from '~/ui/time';
import { JobState } from '../automl/state';
import { useExplanation, useRefreshExplanations } from './data';
import { ExplanationView } from './explanation-view';
import { isComparable } from './explanations-page';
import { ModelLink } from './model-link';
import { kindNames, kindNotes } from './request';

const route = getRouteApi('/session/p/$project/automl/explanations/$explanationId');

export function ExplanationPage() {
  const project = useProject();
  const { explanationId } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/p/$project/automl/explanations/$explanationId' });
  const query = useExplanation(explanationId);
  const explanation = query.data;
  if (query.isError && !explanation) return <QueryError error={query.error} onRetry={() => void query.refetch()} />;
  if (!explanation) return <Loading label="Loading explanation" />;
  return (
    <Page
      title={explanation.name}
      crumbs={
        <Link to="/p/$project/automl/explanations" params={{ project }}>
          Explanations
        </Link>
      }
      heading={
        <>
          <span>{explanation.name}</span>
          <Badge>{kindNames[explanation.kind]}</Badge>
          {explanation.state === 'succeeded' ? null : <JobState state={explanation.state} />}
        </>
      }
      meta={
        <>
          <span>
            of <ModelLink of={explanation} />
          </span>
          <Asked explanation={explanation} />
          <span>
            asked <Ago at={explanation.created_at} />
          </span>
        </>
      }
      actions={<Actions explanation={explanation} />}
    >
      {/* The page scrolls under its head, with the keyboard too. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="min-h-0 flex-1 overflow-y-auto" tabIndex={0} role="region" aria-label="Explanation">
        <div className="mx-auto w-full max-w-[1400px] p-4 md:p-6">
          <p className="mb-4 text-xs text-faint">{kindNotes[explanation.kind]}</p>
          <ExplanationView explanation={explanation} parts={search} onParts={(change) => void navigate({ search: (s) => ({ ...s, ...change }), replace: true })} />
        </div>
      </div>
    </Page>
  );
}

/** Which rows were asked about. */
function Asked({ explanation }: { explanation: Explanation }) {
  const project = useProject();
  const { dataset_id: datasetId, version, first, count } = explanation;
  if (!datasetId) return <span>{formatCount(count, 'given row')}</span>;
  return (
    <span>
      up to {formatCount(count, 'row')}
      {first > 0 ? ` from row ${(first + 1).toLocaleString('en-US')}` : ''} of a{' '}
      <Link to="/p/$project/datasets/$datasetId" params={{ project, datasetId }} search={version ? { version } : {}} className="text-accent underline underline-offset-2">
        dataset
      </Link>
    </span>
  );
}

function Actions({ explanation }: { explanation: Explanation }) {
  const project = useProject();
  const navigate = useNavigate();
  const refresh = useRefreshExplanations();
  const [deleting, setDeleting] = useState(false);
  return (
    <>
      {isComparable(explanation) ? (
        <Link to="/p/$project/automl/explanations/compare" params={{ project }} search={{ left: explanation.explanation_id }} className={buttonClass()}>
          <GitCompareArrows className="size-3.5" /> Compare
        </Link>
      ) : null}
      <Needs permission="experiments:write">
        <Button onClick={() => setDeleting(true)}>
          <Trash2 className="size-3.5" /> Delete
        </Button>
      </Needs>
      <FormDialog
        open={deleting}
        onOpenChange={setDeleting}
        title={`Delete ${explanation.name}?`}
        description="The explanation is gone for good. The model stays."
        action="Delete explanation"
        danger
        onSubmit={async () => {
          await deleteExplanation({ path: { explanation_id: explanation.explanation_id } });
          toast('done', `Deleted ${explanation.name}`);
          await navigate({ to: '/p/$project/automl/explanations', params: { project } });
          await refresh();
        }}
      />
    </>
  );
}
