import { Link } from '@tanstack/react-router';
import type { ModelRegistration } from '~/api';
import { useProject } from '~/app/project';
import { Badge } from '~/ui/status';

/** The versions a logged model became, each a link. */
export function Registrations({ items }: { items: readonly ModelRegistration[] }) {
  const project = useProject();
  return items.map((r) => (
    <Link key={`${r.name} ${r.version}`} to="/p/$project/models/$name/versions/$version" params={{ project, name: r.name, version: r.version }} className="hover:underline">
      <Badge tone="accent">
        {r.name} v{r.version}
      </Badge>
    </Link>
  ));
}
