import { useNavigate } from '@tanstack/react-router';
import { FileUp } from 'lucide-react';
import { useRef, useState, type FormEvent } from 'react';
import { createDataset, type StoredDataset } from '~/api';
import { describeError } from '~/app/errors';
import { useProject } from '~/app/project';
import { Button } from '~/ui/button';
import { cx } from '~/ui/cx';
import { Dialog } from '~/ui/dialog';
import { Field, Input, Select } from '~/ui/field';
import { formatBytes } from '~/ui/format';
import { Progress as Bar } from '~/ui/progress';
import { ErrorNote } from '~/ui/states';
import { toast } from '~/ui/toast';
import { useRefreshDatasets } from './data';
import { addressError, formatNames, formats, nameError, nameMax, nameOf } from './rules';
import { uploadDataset, type Progress } from './upload';

type Format = (typeof formats)[number];

/** Brings a file: from this machine, with progress, or from an address. `into` names the dataset it becomes a version of. */
export function AddDialog({ into, dropped, onClose }: { into?: string; dropped?: File | undefined; onClose: () => void }) {
  const project = useProject();
  const navigate = useNavigate();
  const refresh = useRefreshDatasets();
  const [from, setFrom] = useState<'file' | 'address'>('file');
  const [file, setFile] = useState<File | null>(dropped ?? null);
  const [address, setAddress] = useState('');
  const [name, setName] = useState(into ?? nameOf(dropped?.name ?? ''));
  const [format, setFormat] = useState<Format | ''>('');
  const [progress, setProgress] = useState<Progress | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const stop = useRef<AbortController>(null);
  const problem = nameError(name);
  const wrongAddress = address === '' ? 'Where the file is.' : addressError(address);
  const valid = !problem && (from === 'file' ? file !== null : !wrongAddress);

  const choose = (chosen: File | undefined) => {
    if (!chosen) return;
    setFile(chosen);
    if (!into && (name === '' || name === nameOf(file?.name ?? ''))) setName(nameOf(chosen.name));
  };
  const send = async (controller: AbortController): Promise<StoredDataset> => {
    const chosen = format === '' ? {} : { format };
    if (from === 'address') return (await createDataset({ body: { name: name.trim(), url: address, ...chosen }, headers: { 'Content-Type': 'application/json' } })).data;
    if (!file) throw new Error('No file was chosen.');
    return uploadDataset(file, { name: name.trim(), ...chosen }, setProgress, controller.signal);
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || !valid) return;
    const controller = new AbortController();
    stop.current = controller;
    setBusy(true);
    setError(null);
    try {
      const dataset = await send(controller);
      if (dataset.latest.state === 'ready') toast('done', 'These bytes are the newest version already');
      await refresh();
      onClose();
      await navigate({ to: '/p/$project/datasets/$datasetId', params: { project, datasetId: dataset.id } });
    } catch (caught) {
      if (!controller.signal.aborted) setError(caught);
    } finally {
      setBusy(false);
      setProgress(null);
    }
  };
  const close = () => {
    stop.current?.abort();
    onClose();
  };
  return (
    <Dialog open onOpenChange={(open) => !open && close()} title={into ? `New version of ${into}` : 'New dataset'} description="CSV, JSON Lines, Parquet or Arrow. Types and dialect are found out; what was found can be changed.">
      <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-3">
        <div className="flex gap-4 text-xs text-muted">
          {(['file', 'address'] as const).map((way) => (
            <label key={way} className="inline-flex items-center gap-1.5">
              <input type="radio" name="from" checked={from === way} disabled={busy} onChange={() => setFrom(way)} className="accent-(--accent)" />
              {way === 'file' ? 'A file of this machine' : 'An address'}
            </label>
          ))}
        </div>
        {from === 'file' ? (
          <FileChooser file={file} disabled={busy} onChoose={choose} />
        ) : (
          <Field label="Address" error={address === '' ? null : wrongAddress} hint="Fetched by the server, which reaches public addresses only.">
            {(ids) => <Input {...ids} type="url" placeholder="https://" value={address} disabled={busy} onChange={(e) => setAddress(e.target.value)} />}
          </Field>
        )}
        {into ? null : (
          <Field label="Name" error={name === '' ? null : problem} count={{ length: name.length, max: nameMax }}>
            {(ids) => <Input {...ids} value={name} disabled={busy} onChange={(e) => setName(e.target.value)} />}
          </Field>
        )}
        <Field label="Format">
          {(ids) => (
            <Select {...ids} value={format} disabled={busy} onChange={(e) => setFormat(formats.find((f) => f === e.target.value) ?? '')}>
              <option value="">Find out</option>
              {formats.map((f) => (
                <option key={f} value={f}>
                  {formatNames[f]}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {progress ? <Sending progress={progress} /> : null}
        {error ? <ErrorNote {...describeError(error)} /> : null}
        <div className="mt-2 flex justify-end gap-2">
          <Button onClick={close}>{busy && from === 'file' ? 'Stop' : 'Cancel'}</Button>
          <Button type="submit" variant="primary" busy={busy} disabled={!valid}>
            {from === 'file' ? 'Upload' : 'Fetch'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Sending({ progress }: { progress: Progress }) {
  return (
    <div className="flex flex-col gap-1">
      <Bar label="How much has been sent" share={progress.sent / Math.max(1, progress.total)} />
      <p role="status" className="text-xs text-faint">
        {formatBytes(progress.sent)} of {formatBytes(progress.total)}
      </p>
    </div>
  );
}

function FileChooser({ file, disabled, onChoose }: { file: File | null; disabled: boolean; onChoose: (file: File | undefined) => void }) {
  const [over, setOver] = useState(false);
  return (
    <label
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (!disabled) onChoose(event.dataTransfer.files[0]);
      }}
      className={cx('flex cursor-pointer flex-col items-center gap-1 rounded-lg border border-dashed border-line-strong px-4 py-6 text-center focus-within:outline-2 focus-within:outline-accent', over && 'bg-accent-soft')}
    >
      <FileUp aria-hidden className="size-5 text-faint" />
      <span className="font-medium wrap-anywhere">{file ? file.name : 'Choose a file, or drop it here'}</span>
      {file ? <span className="text-xs text-faint">{formatBytes(file.size)}</span> : null}
      <input type="file" aria-label="File" className="sr-only" disabled={disabled} onChange={(event) => onChoose(event.target.files?.[0])} />
    </label>
  );
}
