import { lazy, Suspense } from 'react';
import { settleConfirmation, useConfirming } from './confirm';

const ConfirmDialog = lazy(() => import('~/features/access/confirm-dialog'));

/** Where the question "is it really you" appears, whoever asks it. */
export function ConfirmHost() {
  const confirming = useConfirming();
  return <Suspense fallback={null}>{confirming ? <ConfirmDialog onSettled={settleConfirmation} /> : null}</Suspense>;
}
