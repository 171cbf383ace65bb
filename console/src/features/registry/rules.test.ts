import { expect, it } from 'vitest';
import { aliasError, modelNameError } from './rules';

it('holds aliases to the rules of MLflow', () => {
  expect(aliasError('champion_2-b')).toBeNull();
  for (const bad of ['', 'v1', 'V12', 'latest', 'LATEST', 'a b', 'é', 'a'.repeat(256)]) expect(aliasError(bad), bad).not.toBeNull();
  expect(aliasError('version1')).toBeNull();
});

it('refuses names that would not fit in a model address', () => {
  expect(modelNameError('iris classifier')).toBeNull();
  for (const bad of ['', ' ', 'a/b', 'a:b', 'x'.repeat(257)]) expect(modelNameError(bad), bad).not.toBeNull();
});
