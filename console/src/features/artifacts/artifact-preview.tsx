import { useQuery } from '@tanstack/react-query';
import { Download, FileBox, Folder } from 'lucide-react';
import { lazy, Suspense, useEffect, useMemo, useRef } from 'react';
import type { ArtifactEntry } from '~/api';
import { describeError } from '~/app/errors';
import { useProject } from '~/app/project';
import { buttonClass } from '~/ui/button';
import { CodeBlock, CopyButton } from '~/ui/copy';
import { formatBytes } from '~/ui/format';
import { Empty, ErrorNote, Loading } from '~/ui/states';
import { Table } from '~/ui/table';
import { RegisterButton } from '../registry/register-button';
import { JsonTree } from './json-tree';
import { fileName, parentsOf, parseTable, previewKind } from './kinds';
import { downloadUrl, listArtifacts, readArtifact, sourceKey, type ArtifactSource } from './source';

const Markdown = lazy(() => import('~/ui/markdown'));

/** Text beyond this is cut off in the preview. */
const textLimit = 512 * 1024;
const imageLimit = 32 * 1024 * 1024;
const maxRows = 500;

interface PreviewProps {
  source: ArtifactSource;
  path: string;
  known: ArtifactEntry | undefined;
}

export function ArtifactPreview({ source, path, known }: PreviewProps) {
  const project = useProject();
  // A shared link names a path without saying whether it is a folder or how large it is: its parent's list does.
  const parent = parentsOf(path).at(-1) ?? '';
  const siblings = useQuery({
    queryKey: ['artifacts', project, sourceKey(source), parent],
    queryFn: ({ signal }) => listArtifacts(source, parent, signal),
    enabled: !known,
  });
  const item = known ?? siblings.data?.find((a) => a.path === path);
  if (!item) {
    if (siblings.isPending) return <Loading label="Loading file" />;
    return siblings.isError ? (
      <ErrorNote className="m-4" {...describeError(siblings.error)} />
    ) : (
      <Empty icon={<FileBox />} title="There is no such file">
        {path}
      </Empty>
    );
  }
  return (
    <>
      <header className="flex min-h-11 flex-wrap items-center justify-between gap-2 border-b px-4 py-1.5">
        <div className="flex min-w-0 items-center gap-1">
          <h2 className="min-w-0 truncate font-medium" title={path}>
            {fileName(path)}
          </h2>
          <CopyButton text={path} label="Copy path" />
          <span className="text-xs text-faint">{formatBytes(item.size)}</span>
        </div>
        {item.is_dir ? null : (
          <a href={downloadUrl(source, path)} download className={buttonClass()}>
            <Download className="size-3.5" /> Download
          </a>
        )}
      </header>
      <div className="min-h-0 flex-1 overflow-auto">{item.is_dir ? <FolderView source={source} path={path} /> : <FileView source={source} item={item} />}</div>
    </>
  );
}

/** A folder with an `MLmodel` file is a model: how to load it, and the way into the registry. */
function FolderView({ source, path }: { source: ArtifactSource; path: string }) {
  const project = useProject();
  const files = useQuery({ queryKey: ['artifacts', project, sourceKey(source), path], queryFn: ({ signal }) => listArtifacts(source, path, signal) });
  const isModel = files.data?.some((f) => fileName(f.path) === 'MLmodel');
  if (!isModel || source.kind !== 'run') {
    return (
      <Empty icon={<Folder />} title={fileName(path)}>
        {files.data ? `${files.data.length.toLocaleString('en-US')} entries` : null}
      </Empty>
    );
  }
  const uri = `runs:/${source.id}/${path}`;
  return (
    <div className="flex max-w-2xl flex-col gap-4 p-4">
      <p className="text-muted">This folder is an MLflow model. It can be loaded from anywhere:</p>
      <CodeBlock label="Python code" code={`import mlflow\nmodel = mlflow.pyfunc.load_model(${JSON.stringify(uri)})`} />
      <div>
        <RegisterButton origin={{ runId: source.id, path }} />
      </div>
    </div>
  );
}

function FileView({ source, item }: { source: ArtifactSource; item: ArtifactEntry }) {
  const project = useProject();
  const kind = previewKind(item.path);
  const limit = kind === 'image' ? imageLimit : textLimit;
  const tooLarge = kind === 'image' && (item.size ?? 0) > imageLimit;
  const empty = item.size === 0;
  const content = useQuery({
    queryKey: ['artifact', project, sourceKey(source), item.path, item.size],
    queryFn: async ({ signal }) => {
      const blob = await readArtifact(source, item.path, limit, signal);
      return kind === 'image' ? blob : await blob.text();
    },
    enabled: kind !== 'none' && !tooLarge && !empty,
    staleTime: 60_000,
  });
  if (empty) return <Empty icon={<FileBox />} title="This file is empty" />;
  if (kind === 'none' || tooLarge) {
    return (
      <Empty icon={<FileBox />} title={tooLarge ? 'Too large to show here' : 'This kind of file has no preview'}>
        {formatBytes(item.size)}. It can be downloaded.
      </Empty>
    );
  }
  if (content.isPending) return <Loading label="Loading file" />;
  if (content.isError) return <ErrorNote className="m-4 max-w-xl" {...describeError(content.error)} onRetry={() => void content.refetch()} />;
  if (typeof content.data !== 'string') return <Picture blob={content.data} name={item.path} />;
  const cut = (item.size ?? 0) > textLimit;
  return (
    <>
      {cut ? <p className="border-b bg-warn-soft px-4 py-1.5 text-xs text-warn">Shown: the first {formatBytes(textLimit)}.</p> : null}
      <TextView text={content.data} path={item.path} cut={cut} />
    </>
  );
}

function TextView({ text, path, cut }: { text: string; path: string; cut: boolean }) {
  const kind = previewKind(path);
  if (kind === 'table') return <Csv text={text} tabs={path.toLowerCase().endsWith('.tsv')} cut={cut} />;
  if (kind === 'markdown') {
    return (
      <Suspense fallback={<Loading />}>
        <div className="max-w-3xl p-5">
          <Markdown text={text} />
        </div>
      </Suspense>
    );
  }
  if (kind === 'json' && !cut) return <Json text={text} />;
  return <Lines text={text} />;
}

function Picture({ blob, name }: { blob: Blob; name: string }) {
  const image = useRef<HTMLImageElement>(null);
  useEffect(() => {
    // The server hands SVG out as plain text. As a picture element's source it runs no script.
    const typed = name.toLowerCase().endsWith('.svg') ? new Blob([blob], { type: 'image/svg+xml' }) : blob;
    const url = URL.createObjectURL(typed);
    if (image.current) image.current.src = url;
    return () => URL.revokeObjectURL(url);
  }, [blob, name]);
  return (
    <div className="flex min-h-full items-center justify-center bg-sunken p-4">
      <img ref={image} alt={fileName(name)} className="max-w-full rounded bg-white shadow-sm" />
    </div>
  );
}

function Csv({ text, tabs, cut }: { text: string; tabs: boolean; cut: boolean }) {
  const rows = useMemo(() => {
    const whole = cut ? text.slice(0, text.lastIndexOf('\n') + 1) : text;
    return parseTable(whole, tabs ? '\t' : ',', maxRows + 1);
  }, [text, tabs, cut]);
  const [head = [], ...body] = rows;
  return (
    <Table label="Contents of the table" className="text-xs">
      <thead>
        <tr>
          <th scope="col" className="border-b px-3 py-1.5 text-right font-normal text-faint">
            #
          </th>
          {head.map((cell, i) => (
            <th key={i} scope="col" className="border-b px-3 py-1.5 font-medium whitespace-nowrap">
              {cell}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {body.map((row, r) => (
          <tr key={r} className="hover:bg-hover">
            <td className="border-b px-3 py-1 text-right text-faint">{r + 1}</td>
            {row.map((cell, i) => (
              <td key={i} className="max-w-80 truncate border-b px-3 py-1 whitespace-nowrap" title={cell}>
                {cell}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
      {rows.length > maxRows ? (
        <caption className="caption-bottom px-3 py-2 text-left text-faint">The first {maxRows} rows.</caption>
      ) : null}
    </Table>
  );
}

function Json({ text }: { text: string }) {
  const parsed = useMemo((): { value: unknown } | null => {
    try {
      return { value: JSON.parse(text) };
    } catch {
      return null;
    }
  }, [text]);
  return parsed ? <JsonTree value={parsed.value} /> : <Lines text={text} />;
}

function Lines({ text }: { text: string }) {
  const count = text.split('\n').length;
  return (
    <div className="flex min-w-max p-3 font-mono text-xs leading-5">
      <pre aria-hidden className="pr-4 text-right text-faint select-none">
        {Array.from({ length: count }, (_, i) => i + 1).join('\n')}
      </pre>
      <pre className="flex-1">{text}</pre>
    </div>
  );
}
