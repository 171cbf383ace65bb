import { useRouter } from '@tanstack/react-router';
import type { Me } from '~/api';
import { setCurrentProject } from './client';
import { rememberMe } from './queries';

/** Only a path of this server: a link must not lead anywhere else. */
export function safePath(next: string | undefined): string {
  return next && /^\/(?![/\\])/.test(next) && !/[\t\n\r]/.test(next) ? next : '/';
}

/** What follows a successful sign-in: forget what was known, remember the person, go on to where they wanted to be. */
export function useEnter() {
  const router = useRouter();
  return async (me: Me, next?: string) => {
    setCurrentProject(null);
    rememberMe(me);
    await router.invalidate();
    router.history.replace(safePath(next));
  };
}
