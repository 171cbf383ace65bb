import { AtSign, X } from 'lucide-react';
import { useState } from 'react';
import { mlflowDeleteRegisteredModelAlias, mlflowSetRegisteredModelAlias, type MlflowRegisteredModel } from '~/api';
import { useCan } from '~/app/project';
import { Button } from '~/ui/button';
import { FormDialog } from '~/ui/dialog';
import { Field, Input } from '~/ui/field';
import { toast } from '~/ui/toast';
import { aliasesOf, useRefreshRegistry } from './data';
import { aliasError } from './rules';

/** The names that point at one version; giving a name another version has moves it here. */
export function Aliases({ model, version }: { model: MlflowRegisteredModel; version: string }) {
  const name = model.name;
  const refresh = useRefreshRegistry();
  const may = useCan('models:write');
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<string | null>(null);
  const [alias, setAlias] = useState('');
  const problem = aliasError(alias);
  const holder = model.aliases?.find((a) => a.alias === alias);
  const moves = holder && holder.version !== version;
  return (
    <div className="flex flex-wrap items-center gap-1.5">
      {aliasesOf(model, version).map((a) => (
        <span key={a} className="inline-flex items-center rounded-md bg-accent-soft text-xs font-medium text-accent">
          <span className="py-0.5 pl-1.5">@{a}</span>
          {may ? (
            <button type="button" aria-label={`Remove alias ${a}`} onClick={() => setRemoving(a)} className="flex min-h-6 items-center px-1 hover:text-danger">
              <X className="size-3.5" />
            </button>
          ) : (
            <span className="pr-1.5" />
          )}
        </span>
      ))}
      {may ? (
        <Button
          variant="ghost"
          onClick={() => {
            setAlias('');
            setAdding(true);
          }}
          aria-label={`Add an alias to version ${version}`}
        >
          <AtSign className="size-3.5" /> Alias
        </Button>
      ) : null}
      <FormDialog
        open={adding}
        onOpenChange={setAdding}
        title={`Alias for version ${version}`}
        description={`A name for whatever version plays a part, so that code can load models:/${name}@champion.`}
        action={moves ? 'Move alias here' : 'Set alias'}
        valid={!problem && holder?.version !== version}
        onSubmit={async () => {
          await mlflowSetRegisteredModelAlias({ body: { name, alias, version } });
          toast('done', `@${alias} is now version ${version}`);
          await refresh();
        }}
      >
        <Field
          label="Alias"
          error={alias === '' ? null : problem}
          hint={moves ? `@${alias} is at version ${holder.version} now and moves here.` : holder ? 'This version has it already.' : undefined}
        >
          {(ids) => <Input {...ids} value={alias} autoComplete="off" autoCapitalize="off" onChange={(e) => setAlias(e.target.value.replace(/^@/, ''))} />}
        </Field>
      </FormDialog>
      <FormDialog
        open={removing !== null}
        onOpenChange={(open) => !open && setRemoving(null)}
        title={`Remove @${removing ?? ''}?`}
        description={`Code that loads models:/${name}@${removing ?? ''} will find nothing.`}
        action="Remove alias"
        danger
        onSubmit={async () => {
          await mlflowDeleteRegisteredModelAlias({ body: { name, alias: removing ?? '' } });
          await refresh();
        }}
      />
    </div>
  );
}
