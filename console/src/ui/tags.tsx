import { Plus, X } from 'lucide-react';
import { useState } from 'react';
import { FormDialog } from './dialog';
import { Field, Input } from './field';
import { IconButton } from './button';

export interface Tag {
  key: string;
  value: string;
}

interface TagsProps {
  tags: readonly Tag[];
  maxValue?: number;
  onSet?: (tag: Tag) => Promise<unknown>;
  onDelete?: (key: string) => Promise<unknown>;
}

/** Tags of the tracking client itself (`mlflow.…`) are facts shown elsewhere, not labels of people. */
export function ownTags(tags: readonly { key?: string; value?: string }[] | undefined): Tag[] {
  return (tags ?? []).flatMap((t) => (t.key && !t.key.startsWith('mlflow.') ? [{ key: t.key, value: t.value ?? '' }] : []));
}

export function Tags({ tags, maxValue = 8000, onSet, onDelete }: TagsProps) {
  const [editing, setEditing] = useState<Tag | null>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  return (
    <div className="flex flex-wrap items-center gap-1.5">
      {tags.map((tag) => (
        <span key={tag.key} className="inline-flex max-w-full items-center rounded-md border bg-sunken text-xs">
          <button
            type="button"
            disabled={!onSet}
            onClick={() => setEditing(tag)}
            title={onSet ? `Edit tag ${tag.key}` : undefined}
            className="inline-flex min-h-6 min-w-0 items-center gap-1 px-1.5 text-left enabled:hover:bg-hover"
          >
            <span className="text-faint">{tag.key}</span>
            <span className="line-clamp-2 wrap-anywhere">{tag.value}</span>
          </button>
          {onDelete ? (
            <button type="button" aria-label={`Remove tag ${tag.key}`} onClick={() => setRemoving(tag.key)} className="flex min-h-6 items-center pr-1 text-faint hover:text-danger">
              <X className="size-3.5" />
            </button>
          ) : null}
        </span>
      ))}
      {onSet ? (
        <IconButton label="Add a tag" onClick={() => setEditing({ key: '', value: '' })} className="size-6">
          <Plus className="size-3.5" />
        </IconButton>
      ) : tags.length === 0 ? (
        <span className="text-faint">None</span>
      ) : null}
      {onSet && editing ? <TagDialog start={editing} maxValue={maxValue} onSet={onSet} onClose={() => setEditing(null)} /> : null}
      <FormDialog
        open={removing !== null}
        onOpenChange={(open) => !open && setRemoving(null)}
        title={`Remove the tag ${removing ?? ''}?`}
        action="Remove tag"
        danger
        onSubmit={() => (removing && onDelete ? onDelete(removing) : Promise.resolve())}
      />
    </div>
  );
}

function TagDialog({ start, maxValue, onSet, onClose }: { start: Tag; maxValue: number; onSet: (tag: Tag) => Promise<unknown>; onClose: () => void }) {
  const [tag, setTag] = useState(start);
  const isNew = start.key === '';
  const keyError = tag.key.length > 250 ? 'A key has at most 250 characters.' : null;
  const valueError = tag.value.length > maxValue ? `A value has at most ${maxValue.toLocaleString('en-US')} characters.` : null;
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={isNew ? 'Add a tag' : `Tag ${start.key}`}
      action={isNew ? 'Add tag' : 'Save'}
      valid={tag.key.trim() !== '' && !keyError && !valueError}
      onSubmit={() => onSet({ key: tag.key.trim(), value: tag.value })}
    >
      <Field label="Key" error={keyError} count={{ length: tag.key.length, max: 250 }}>
        {(ids) => <Input {...ids} value={tag.key} readOnly={!isNew} onChange={(e) => setTag({ ...tag, key: e.target.value })} />}
      </Field>
      <Field label="Value" error={valueError} count={{ length: tag.value.length, max: maxValue }}>
        {(ids) => <Input {...ids} value={tag.value} onChange={(e) => setTag({ ...tag, value: e.target.value })} />}
      </Field>
    </FormDialog>
  );
}
