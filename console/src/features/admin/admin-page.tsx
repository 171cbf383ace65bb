import { Link, Outlet } from '@tanstack/react-router';
import { Page, PageBody, TabBar, tabClass } from '~/app/page';
import { useProject } from '~/app/project';

export function AdminPage() {
  const project = useProject();
  return (
    <Page
      title="Administration"
      tabs={
        <TabBar label="Administration">
          <Link to="/p/$project/admin/keys" params={{ project }} className={tabClass}>
            API keys
          </Link>
          <Link to="/p/$project/admin/sessions" params={{ project }} className={tabClass}>
            Sessions
          </Link>
          <Link to="/p/$project/admin/projects" params={{ project }} className={tabClass}>
            Projects
          </Link>
        </TabBar>
      }
    >
      <PageBody>
        <Outlet />
      </PageBody>
    </Page>
  );
}
