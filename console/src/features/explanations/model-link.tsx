import { Link } from '@tanstack/react-router';
import { useProject } from '~/app/project';
import type { Explanation } from '../automl/api-provisional';

/** The model an explanation is about, as a link to wherever it lives. */
export function ModelLink({ of: { model, model_label } }: { of: Pick<Explanation, 'model' | 'model_label'> }) {
  const project = useProject();
  const className = 'wrap-anywhere text-accent underline underline-offset-2';
  if ('automl_id' in model) {
    return (
      <Link to="/p/$project/automl/$automlId" params={{ project, automlId: model.automl_id }} className={className}>
        {model_label}
      </Link>
    );
  }
  if ('run_id' in model) {
    return (
      <Link to="/p/$project/runs/$runId" params={{ project, runId: model.run_id }} search={{ tab: 'artifacts', path: model.path }} className={className}>
        {model_label}
      </Link>
    );
  }
  return model.version ? (
    <Link to="/p/$project/models/$name/versions/$version" params={{ project, name: model.name, version: model.version }} className={className}>
      {model_label}
    </Link>
  ) : (
    <Link to="/p/$project/models/$name" params={{ project, name: model.name }} className={className}>
      {model_label}
    </Link>
  );
}
