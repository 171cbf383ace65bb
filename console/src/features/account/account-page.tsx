import { Link, Outlet } from '@tanstack/react-router';
import { Page, PageBody, TabBar, tabClass } from '~/app/page';
import { useMe, useProject } from '~/app/project';
import { tabs } from './tabs';


export function AccountPage() {
  const project = useProject();
  const me = useMe();
  return (
    <Page
      title="Your account"
      meta={me?.user?.email}
      tabs={
        <TabBar label="Account">
          {tabs.map((tab) => (
            <Link key={tab.to} to={tab.to} params={{ project }} className={tabClass}>
              {tab.label}
            </Link>
          ))}
        </TabBar>
      }
    >
      <PageBody narrow>
        <Outlet />
      </PageBody>
    </Page>
  );
}
