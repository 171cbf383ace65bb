import { Dialog as Base } from '@base-ui/react/dialog';
import { X } from 'lucide-react';
import { useState, type FormEvent, type ReactNode } from 'react';
import { confirmed, useConfirming } from '~/app/confirm';
import { describeError } from '~/app/errors';
import { Button } from './button';
import { cx } from './cx';
import { ErrorNote } from './states';

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description?: ReactNode;
  children: ReactNode;
  wide?: boolean;
}

export function Dialog({ open, onOpenChange, title, description, children, wide }: DialogProps) {
  return (
    <Base.Root open={open} onOpenChange={onOpenChange}>
      <Base.Portal>
        <Base.Backdrop className="scrim fixed inset-0 z-40" />
        <Base.Popup
          className={cx(
            'pop fixed top-[12dvh] left-1/2 z-50 flex max-h-[80dvh] w-[calc(100vw-2rem)] -translate-x-1/2 flex-col overflow-hidden rounded-xl',
            wide ? 'max-w-2xl' : 'max-w-md',
          )}
        >
          <header className="flex items-start justify-between gap-4 px-5 pt-4">
            <div>
              <Base.Title className="text-base font-semibold">{title}</Base.Title>
              {description ? <Base.Description className="mt-1 text-muted">{description}</Base.Description> : null}
            </div>
            <Base.Close aria-label="Close" className="-mr-1.5 rounded-md p-1.5 text-faint hover:bg-hover hover:text-ink">
              <X className="size-4" />
            </Base.Close>
          </header>
          <div className="overflow-y-auto px-5 pt-3 pb-5">{children}</div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

interface FormDialogProps extends Omit<DialogProps, 'children'> {
  action: string;
  danger?: boolean;
  /** False keeps the button shut: the form is not acceptable yet. */
  valid?: boolean;
  onSubmit: () => Promise<unknown>;
  children?: ReactNode;
}

/** A form in a dialog: it cannot be sent twice, keeps its input when the server refuses, and closes when it is done. */
export function FormDialog({ action, danger, valid = true, onSubmit, children, ...dialog }: FormDialogProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  // Steps aside while the server asks who is there: two dialogs at once would fight for the keyboard.
  const confirming = useConfirming();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || !valid) return;
    setBusy(true);
    setError(null);
    try {
      await confirmed(onSubmit);
      dialog.onOpenChange(false);
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      {...dialog}
      open={dialog.open && !(busy && confirming)}
      onOpenChange={(open) => {
        if (!open) setError(null);
        dialog.onOpenChange(open);
      }}
    >
      <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-3">
        {children}
        {error ? <ErrorNote {...describeError(error)} /> : null}
        <div className="mt-2 flex justify-end gap-2">
          <Button onClick={() => dialog.onOpenChange(false)}>Cancel</Button>
          <Button type="submit" variant={danger ? 'danger' : 'primary'} busy={busy} disabled={!valid}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
