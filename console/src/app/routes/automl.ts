import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { automlJobSearch, automlSearch, explanationSearch, explanationsSearch, startAutomlSearch } from '../searches';
import { asString, asStrings, compact } from '../search';
import { projectRoute } from './root';

const jobsRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/automl',
  validateSearch: automlSearch,
  component: lazyRouteComponent(() => import('~/features/automl/jobs-page'), 'JobsPage'),
});
const startRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/automl/new',
  validateSearch: startAutomlSearch,
  component: lazyRouteComponent(() => import('~/features/automl/start-page'), 'StartPage'),
});
const compareRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/automl/compare',
  validateSearch: (s: Record<string, unknown>) => compact({ jobs: asStrings(s['jobs']), class: asString(s['class']) }),
  component: lazyRouteComponent(() => import('~/features/automl/compare-page'), 'CompareJobsPage'),
});
const explanationsRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/automl/explanations',
  validateSearch: explanationsSearch,
  component: lazyRouteComponent(() => import('~/features/explanations/explanations-page'), 'ExplanationsPage'),
});
const compareExplanationsRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/automl/explanations/compare',
  validateSearch: (s: Record<string, unknown>) => compact({ left: asString(s['left']), right: asString(s['right']) }),
  component: lazyRouteComponent(() => import('~/features/explanations/compare-page'), 'CompareExplanationsPage'),
});
const explanationRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/automl/explanations/$explanationId',
  validateSearch: explanationSearch,
  component: lazyRouteComponent(() => import('~/features/explanations/explanation-page'), 'ExplanationPage'),
});
const jobRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/automl/$automlId',
  validateSearch: automlJobSearch,
  component: lazyRouteComponent(() => import('~/features/automl/job-page'), 'JobPage'),
});

export const automlRoutes = [jobsRoute, startRoute, compareRoute, explanationsRoute, compareExplanationsRoute, explanationRoute, jobRoute] as const;
