import { Pencil } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { describeError } from '~/app/errors';
import { Button } from './button';
import { Card } from './card';
import { Field, Textarea } from './field';
import { ErrorNote } from './states';

const Markdown = lazy(() => import('./markdown'));

interface DescriptionProps {
  text: string;
  max: number;
  what: string;
  /** Absent for those who may only read. */
  onSave?: (text: string) => Promise<unknown>;
}

/** A note in Markdown about a thing, read until someone edits it. */
export function Description({ text, max, what, onSave }: DescriptionProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const save = async () => {
    if (draft === null || !onSave) return;
    setBusy(true);
    setError(null);
    try {
      await onSave(draft);
      setDraft(null);
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };
  const tooLong = draft !== null && draft.length > max;
  return (
    <Card
      title="Description"
      actions={
        draft === null && onSave ? (
          <Button variant="ghost" onClick={() => setDraft(text)}>
            <Pencil className="size-3.5" /> Edit
          </Button>
        ) : null
      }
    >
      {draft === null ? (
        text ? (
          <Suspense fallback={<p className="whitespace-pre-wrap">{text}</p>}>
            <Markdown text={text} />
          </Suspense>
        ) : (
          <p className="text-faint">{onSave ? `No description. Say what ${what} is for and what came of it; Markdown works.` : 'No description.'}</p>
        )
      ) : (
        <div className="flex flex-col gap-2">
          <Field label={`Description of ${what}`} hideLabel error={tooLong ? `At most ${max.toLocaleString('en-US')} characters.` : null} count={{ length: draft.length, max }}>
            {(ids) => <Textarea {...ids} rows={8} value={draft} onChange={(e) => setDraft(e.target.value)} />}
          </Field>
          {error ? <ErrorNote {...describeError(error)} /> : null}
          <div className="flex gap-2">
            <Button variant="primary" busy={busy} disabled={tooLong} onClick={() => void save()}>
              Save
            </Button>
            <Button onClick={() => setDraft(null)}>Cancel</Button>
          </div>
        </div>
      )}
    </Card>
  );
}
