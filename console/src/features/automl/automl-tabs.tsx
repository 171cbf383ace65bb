import { Link } from '@tanstack/react-router';
import { TabBar, tabClass } from '~/app/page';
import { useProject } from '~/app/project';

/** The two lists of this part of the console: searches, and explanations of what they and others found. */
export function AutomlTabs() {
  const project = useProject();
  return (
    <TabBar label="AutoML">
      <Link to="/p/$project/automl" params={{ project }} activeOptions={{ exact: true, includeSearch: false }} className={tabClass}>
        Searches
      </Link>
      <Link to="/p/$project/automl/explanations" params={{ project }} activeOptions={{ exact: true, includeSearch: false }} className={tabClass}>
        Explanations
      </Link>
    </TabBar>
  );
}
