import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { compareSearch, datasetSearch, experimentsSearch, modelSearch, runSearch, runsSearch } from '../searches';
import { asString, compact } from '../search';
import { projectRoute } from './root';

const homeRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/',
  component: lazyRouteComponent(() => import('~/features/home/home-page'), 'HomePage'),
});
const experimentsRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/experiments',
  validateSearch: experimentsSearch,
  component: lazyRouteComponent(() => import('~/features/experiments/experiments-page'), 'ExperimentsPage'),
});
const runsRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/experiments/$experimentId',
  validateSearch: runsSearch,
  component: lazyRouteComponent(() => import('~/features/runs/runs-page'), 'RunsPage'),
});
const loggedModelsRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/experiments/$experimentId/models',
  component: lazyRouteComponent(() => import('~/features/registry/logged-models-page'), 'LoggedModelsPage'),
});
const runRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/runs/$runId',
  validateSearch: runSearch,
  component: lazyRouteComponent(() => import('~/features/run/run-page'), 'RunPage'),
});
const compareRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/compare',
  validateSearch: compareSearch,
  component: lazyRouteComponent(() => import('~/features/compare/compare-page'), 'ComparePage'),
});
const modelsRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/models',
  validateSearch: (s: Record<string, unknown>) => compact({ q: asString(s['q']) }),
  component: lazyRouteComponent(() => import('~/features/registry/models-page'), 'ModelsPage'),
});
const modelRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/models/$name',
  component: lazyRouteComponent(() => import('~/features/registry/model-page'), 'ModelPage'),
});
const versionRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/models/$name/versions/$version',
  validateSearch: modelSearch,
  component: lazyRouteComponent(() => import('~/features/registry/version-page'), 'VersionPage'),
});
const loggedModelRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/logged-models/$modelId',
  validateSearch: modelSearch,
  component: lazyRouteComponent(() => import('~/features/registry/logged-model-page'), 'LoggedModelPage'),
});
const datasetsRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/datasets',
  validateSearch: (s: Record<string, unknown>) => compact({ q: asString(s['q']) }),
  component: lazyRouteComponent(() => import('~/features/datasets/datasets-page'), 'DatasetsPage'),
});
const datasetRoute = createRoute({
  getParentRoute: () => projectRoute,
  path: '/datasets/$datasetId',
  validateSearch: datasetSearch,
  component: lazyRouteComponent(() => import('~/features/datasets/dataset-page'), 'DatasetPage'),
});
export const trackingRoutes = [homeRoute, experimentsRoute, runsRoute, loggedModelsRoute, runRoute, compareRoute, modelsRoute, modelRoute, versionRoute, loggedModelRoute, datasetsRoute, datasetRoute] as const;
