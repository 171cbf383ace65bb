import type { useRouter } from '@tanstack/react-router';
import { signOut } from '~/api';
import { toast } from '~/ui/toast';
import { setCurrentProject } from './client';
import { describeError, isStatus } from './errors';
import { queryClient } from './queries';

/** Ends this session and forgets everything that was read in it. */
export async function signOutHere(router: ReturnType<typeof useRouter>) {
  try {
    await signOut();
  } catch (error) {
    // Whoever is signed out already has what they wanted; otherwise the session still lives, and that must be said.
    if (!isStatus(error, 401)) {
      const { title, requestId } = describeError(error);
      toast('failed', title, requestId && `Request ${requestId}`);
      return;
    }
  }
  setCurrentProject(null);
  queryClient.clear();
  await router.navigate({ to: '/sign-in', search: {} });
}
