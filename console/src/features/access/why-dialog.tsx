import { useQuery } from '@tanstack/react-query';
import { CircleCheck, CircleX } from 'lucide-react';
import { explainAccess, type AccessExplanation } from '~/api';
import { currentProject } from '~/app/client';
import { describeError } from '~/app/errors';
import { useMe } from '~/app/project';
import { Button } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { ErrorNote, Loading } from '~/ui/states';

/** What is allowed project by project; everything else is about the organisation as a whole. */
function isOfProjects(permission: string): boolean {
  return /^(experiments|models|keys|jobs):/.test(permission);
}

/** Why the person may, or may not, do something: the policies that decided, in words. */
export default function WhyDialog({ permission, onClose }: { permission: string; onClose: () => void }) {
  const me = useMe();
  const slug = currentProject();
  const project = isOfProjects(permission) ? me?.projects.find((p) => p.slug === slug)?.id : undefined;
  const answer = useQuery({
    queryKey: ['explain', project, permission],
    queryFn: async () => (await explainAccess({ body: { permission, ...(project ? { project } : {}) } })).data,
    staleTime: 0,
  });
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Why this is not allowed">
      {answer.isPending ? <Loading label="Asking the server" /> : null}
      {answer.isError ? <ErrorNote {...describeError(answer.error)} /> : null}
      {answer.data ? <Explanation answer={answer.data} /> : null}
      <div className="mt-4 text-right">
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  );
}

export function Explanation({ answer }: { answer: AccessExplanation }) {
  return (
    <div className="flex flex-col gap-3">
      <p>
        {answer.allowed ? 'You may now do what needs ' : 'This needs '}
        <code className="font-mono">{answer.permission}</code>
        {answer.allowed ? '.' : ', which you do not have here.'}
      </p>
      {answer.roles.length > 0 ? (
        <p className="text-muted">
          Roles that count here: <span className="text-ink">{answer.roles.map((role) => (role.given_in === 'project' ? `${role.name} (in this project)` : role.name)).join(', ')}</span>
        </p>
      ) : (
        <p className="text-muted">No role counts here.</p>
      )}
      {answer.reasons.length > 0 ? (
        <ul className="flex flex-col gap-2">
          {answer.reasons.map((reason) => (
            <li key={`${reason.policy}${reason.text}`} className="flex gap-2">
              {reason.effect === 'permit' ? <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-ok" /> : <CircleX aria-hidden className="mt-0.5 size-4 shrink-0 text-danger" />}
              <span>
                <span className="sr-only">{reason.effect === 'permit' ? 'Allows: ' : 'Forbids: '}</span>
                {reason.text}
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <p className="text-muted">No policy permits it for these roles, and what no policy permits is denied.</p>
      )}
      {answer.scopes_allow ? null : <p className="text-muted">The key or token in use is limited to other permissions.</p>}
      {answer.hint ? <p className="rounded-lg bg-hover px-3 py-2">{answer.hint}</p> : null}
    </div>
  );
}
