import { Link, useRouter, type ErrorComponentProps } from '@tanstack/react-router';
import { Compass } from 'lucide-react';
import { useEffect } from 'react';
import { buttonClass } from '~/ui/button';
import { Empty, ErrorNote } from '~/ui/states';
import { describeError, isStatus } from './errors';
import { queryClient } from './queries';

export function NotFound() {
  return (
    <Empty
      icon={<Compass />}
      title="There is nothing at this address"
      actions={
        <Link to="/" className={buttonClass()}>
          Go to the start page
        </Link>
      }
    >
      What was here may have been deleted, renamed, or belongs to a project you cannot enter.
    </Empty>
  );
}

export function RouteError({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const signedOut = isStatus(error, 401);
  useEffect(() => {
    if (!signedOut) return;
    queryClient.clear();
    void router.navigate({ to: '/sign-in', search: { next: router.state.location.href } });
  }, [router, signedOut]);
  if (signedOut) return null;
  return (
    <div className="mx-auto w-full max-w-xl p-6">
      <ErrorNote
        {...describeError(error)}
        onRetry={() => {
          reset();
          void router.invalidate();
        }}
      />
    </div>
  );
}

/** The same inside a page: a failed query, with the way to try it again. */
export function QueryError({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  if (isStatus(error, 404)) return <NotFound />;
  return (
    <div className="mx-auto w-full max-w-xl p-6">
      <ErrorNote {...describeError(error)} {...(onRetry ? { onRetry } : {})} />
    </div>
  );
}
