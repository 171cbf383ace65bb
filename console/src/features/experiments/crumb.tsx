import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { mlflowGetExperiment } from '~/api';
import { useProject } from '~/app/project';

export function useExperiment(experimentId: string) {
  const project = useProject();
  return useQuery({
    queryKey: ['experiment', project, experimentId],
    queryFn: async () => (await mlflowGetExperiment({ query: { experiment_id: experimentId } })).data.experiment,
  });
}

/** An experiment's name, as a link to its runs. */
export function ExperimentCrumb({ experimentId }: { experimentId: string }) {
  const project = useProject();
  const experiment = useExperiment(experimentId);
  return (
    <Link to="/p/$project/experiments/$experimentId" params={{ project, experimentId }}>
      {experiment.data?.name ?? experimentId}
    </Link>
  );
}
