import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useLocation } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { Page, tabClass } from '~/app/page';
import { useMe, useProject } from '~/app/project';
import { mailboxQuery } from './mailbox-query';
import { isOpenTo, sections } from './nav';

export function AdminPage() {
  const project = useProject();
  const me = useMe();
  const mayReadMail = me?.organization_permissions.includes('members:manage') ?? false;
  // The mailbox is there in development only: the server says so.
  const mailbox = useQuery({ ...mailboxQuery, enabled: mayReadMail });
  // On a phone the tabs are wider than the screen: the one that is open should be in sight.
  const tabs = useRef<HTMLElement>(null);
  const path = useLocation({ select: (l) => l.pathname });
  useEffect(() => {
    const frame = requestAnimationFrame(() => tabs.current?.querySelector('[data-status=active]')?.scrollIntoView({ block: 'nearest', inline: 'center' }));
    return () => cancelAnimationFrame(frame);
  }, [path]);
  const shown = sections.map((section) => ({
    ...section,
    places: section.places.filter((p) => isOpenTo(p, me) && (!p.to.endsWith('/mailbox') || mailbox.isSuccess)),
  }));
  return (
    <Page
      title="Administration"
      tabs={
        <nav ref={tabs} aria-label="Administration" className="-mb-px flex gap-5 overflow-x-auto lg:hidden">
          {shown.flatMap((section) =>
            section.places.map((place) => (
              <Link key={place.to} to={place.to} params={{ project }} className={tabClass}>
                {place.label}
              </Link>
            )),
          )}
        </nav>
      }
    >
      <div className="flex min-h-0 flex-1">
        <nav aria-label="Administration" className="w-44 shrink-0 overflow-y-auto border-r px-2 py-4 max-lg:hidden">
          {shown.map((section) => (
            <div key={section.title} className="mb-4">
              <div className="px-2 pb-1 text-2xs font-medium text-faint">{section.title}</div>
              {section.places.map((place) => (
                <Link
                  key={place.to}
                  to={place.to}
                  params={{ project }}
                  className="flex h-7 items-center rounded-md px-2 text-muted hover:bg-hover hover:text-ink data-[status=active]:bg-hover data-[status=active]:font-medium data-[status=active]:text-ink"
                >
                  {place.label}
                </Link>
              ))}
            </div>
          ))}
        </nav>
        <div className="min-h-0 min-w-0 flex-1 overflow-y-auto">
          <div className="mx-auto w-full max-w-[1200px] p-4 md:p-6">
            <Outlet />
          </div>
        </div>
      </div>
    </Page>
  );
}
