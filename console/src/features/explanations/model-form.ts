import type { ModelChoice } from '~/api';
import { aliasError, modelNameError } from '../registry/rules';

/** A model while it is being chosen. */
export interface ModelForm {
  kind: 'automl' | 'registered' | 'file';
  automl: string;
  name: string;
  /** A number, an alias behind `@`, or nothing. */
  version: string;
  run: string;
  path: string;
}

export function emptyModel(): ModelForm {
  return { kind: 'automl', automl: '', name: '', version: '', run: '', path: '' };
}

export function modelErrors(form: ModelForm): Partial<Record<keyof ModelForm, string>> {
  const errors: Partial<Record<keyof ModelForm, string>> = {};
  const put = (field: keyof ModelForm, error: string | null) => {
    if (error) errors[field] = error;
  };
  if (form.kind === 'automl') put('automl', form.automl === '' ? 'Of which search?' : null);
  if (form.kind === 'registered') {
    put('name', modelNameError(form.name));
    const version = form.version.trim();
    if (version.startsWith('@')) put('version', aliasError(version.slice(1)));
    else if (version !== '' && !/^[1-9]\d*$/.test(version)) put('version', 'A number such as 3, or an alias such as @champion.');
  }
  if (form.kind === 'file') {
    put('run', /^[0-9a-f]{32}$/.test(form.run.trim()) ? null : 'A run’s id has 32 hexadecimal digits.');
    put('path', form.path.trim() === '' ? 'Where is it among the run’s files?' : null);
  }
  return errors;
}

export function modelRef(form: ModelForm): ModelChoice {
  const version = form.version.trim();
  switch (form.kind) {
    case 'automl':
      return { automl_id: form.automl };
    case 'registered':
      return { name: form.name.trim(), ...(version.startsWith('@') ? { alias: version.slice(1) } : version ? { version } : {}) };
    case 'file':
      return { run_id: form.run.trim(), path: form.path.trim() };
  }
}
