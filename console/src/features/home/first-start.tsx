import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { FlaskConical, Terminal } from 'lucide-react';
import { loadExample } from '~/api';
import { describeError } from '~/app/errors';
import { Needs } from '~/app/needs';
import { PageBody } from '~/app/page';
import { useProject } from '~/app/project';
import { DeniedHint } from '~/app/why';
import { Button } from '~/ui/button';
import { Card } from '~/ui/card';
import { ErrorNote } from '~/ui/states';
import { ClientSnippet } from './client-snippet';

/** The first page of an empty project: look at real runs, or log one. */
export function FirstStart() {
  const project = useProject();
  const client = useQueryClient();
  const navigate = useNavigate();
  const example = useMutation({
    mutationFn: async () => (await loadExample()).data,
    onSuccess: async (loaded) => {
      await Promise.all([client.invalidateQueries({ queryKey: ['runs'] }), client.invalidateQueries({ queryKey: ['experiments'] })]);
      await navigate({ to: '/p/$project/experiments/$experimentId', params: { project, experimentId: loaded.experiment_id } });
    },
  });
  return (
    <PageBody narrow>
      <h2 className="text-xl font-semibold">Nothing has been tracked here yet</h2>
      <p className="mt-1 mb-5 text-muted">Rhiza keeps the parameters, metrics, files and models of your training runs. It speaks MLflow, so the script you have works as it is.</p>
      <div className="grid gap-4">
        <Card
          title={
            <>
              <Terminal aria-hidden className="size-4 text-faint" /> Log your first run
            </>
          }
        >
          <ClientSnippet />
        </Card>
        <Card
          title={
            <>
              <FlaskConical aria-hidden className="size-4 text-faint" /> Or look at a worked example
            </>
          }
        >
          <p className="mb-3 text-muted">Real training runs on the breast cancer data set of scikit-learn, as they were logged: curves, parameters and models to filter and compare.</p>
          {example.isError ? <ErrorNote className="mb-3" {...describeError(example.error)} /> : null}
          <Needs permission="experiments:write" instead={<DeniedHint permission="experiments:write" label="Why can I not load it?" />}>
            <Button variant="primary" size="md" busy={example.isPending} onClick={() => example.mutate()}>
              Load the worked example
            </Button>
          </Needs>
        </Card>
      </div>
    </PageBody>
  );
}
