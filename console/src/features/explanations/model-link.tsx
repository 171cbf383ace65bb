import { Link } from '@tanstack/react-router';
import type { Explanation } from '~/api';
import { useProject } from '~/app/project';

/** The model an explanation is about, as a link to wherever it lives. */
export function ModelLink({ of: { model, model_label } }: { of: Pick<Explanation, 'model' | 'model_label'> }) {
  const project = useProject();
  const className = 'wrap-anywhere text-accent underline underline-offset-2';
  const { automl_id: automlId, run_id: runId, path, name, version } = model;
  if (automlId) {
    return (
      <Link to="/p/$project/automl/$automlId" params={{ project, automlId }} className={className}>
        {model_label}
      </Link>
    );
  }
  if (runId && path) {
    return (
      <Link to="/p/$project/runs/$runId" params={{ project, runId }} search={{ tab: 'artifacts', path }} className={className}>
        {model_label}
      </Link>
    );
  }
  if (name && version) {
    return (
      <Link to="/p/$project/models/$name/versions/$version" params={{ project, name, version }} className={className}>
        {model_label}
      </Link>
    );
  }
  if (name) {
    return (
      <Link to="/p/$project/models/$name" params={{ project, name }} className={className}>
        {model_label}
      </Link>
    );
  }
  return <span className="wrap-anywhere">{model_label}</span>;
}
