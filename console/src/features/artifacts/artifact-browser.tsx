import { useQuery } from '@tanstack/react-query';
import { ChevronRight, File, FileBox, FileImage, FileText, Folder, FolderOpen, Table2 } from 'lucide-react';
import { useState } from 'react';
import type { ArtifactEntry } from '~/api';
import { describeError } from '~/app/errors';
import { useProject } from '~/app/project';
import { cx } from '~/ui/cx';
import { formatBytes } from '~/ui/format';
import { Empty, ErrorNote, Loading } from '~/ui/states';
import { ArtifactPreview } from './artifact-preview';
import { fileName, parentsOf, previewKind } from './kinds';
import { listArtifacts, sourceKey, type ArtifactSource } from './source';

interface ArtifactBrowserProps {
  source: ArtifactSource;
  path: string | undefined;
  onPath: (path: string | undefined) => void;
  /** True while files may still arrive. */
  live?: boolean;
  empty: React.ReactNode;
}

function useFolder(source: ArtifactSource, path: string, enabled: boolean, live = false) {
  const project = useProject();
  return useQuery({
    queryKey: ['artifacts', project, sourceKey(source), path],
    queryFn: ({ signal }) => listArtifacts(source, path, signal),
    enabled,
    refetchInterval: live ? 4_000 : false,
  });
}

export function ArtifactBrowser({ source, path, onPath, live, empty }: ArtifactBrowserProps) {
  const root = useFolder(source, '', true, live);
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(path ? [...parentsOf(path), path] : []));
  if (root.isPending) return <Loading label="Loading files" />;
  if (root.isError) return <ErrorNote className="m-4 max-w-xl" {...describeError(root.error)} onRetry={() => void root.refetch()} />;
  if (root.data.length === 0) return <>{empty}</>;
  const toggle = (folder: string) =>
    setOpen((before) => {
      const next = new Set(before);
      if (!next.delete(folder)) next.add(folder);
      return next;
    });
  return (
    <div className="flex min-h-0 flex-1 max-md:flex-col">
      <nav aria-label="Files" className="shrink-0 overflow-auto border-line p-2 max-md:max-h-64 max-md:border-b md:w-72 md:border-r">
        <Folders items={root.data} source={source} depth={0} open={open} toggle={toggle} path={path} onPath={onPath} live={live ?? false} />
      </nav>
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        {path ? (
          <ArtifactPreview key={path} source={source} path={path} known={root.data.find((a) => a.path === path)} />
        ) : (
          <Empty icon={<File />} title="Choose a file">
            Pictures, tables, JSON, Markdown and text are shown here; everything can be downloaded.
          </Empty>
        )}
      </div>
    </div>
  );
}

interface FoldersProps {
  items: readonly ArtifactEntry[];
  source: ArtifactSource;
  depth: number;
  open: ReadonlySet<string>;
  toggle: (folder: string) => void;
  path: string | undefined;
  onPath: (path: string | undefined) => void;
  live: boolean;
}

function Folders(props: FoldersProps) {
  return (
    <ul>
      {props.items.map((item) => (
        <Entry key={item.path} item={item} {...props} />
      ))}
    </ul>
  );
}

const icons = { image: <FileImage />, table: <Table2 />, json: <FileText />, markdown: <FileText />, text: <FileText />, none: <FileBox /> };

function Entry({ item, ...props }: FoldersProps & { item: ArtifactEntry }) {
  const { source, depth, open, toggle, path, onPath, live } = props;
  const isOpen = item.is_dir && open.has(item.path);
  const inside = useFolder(source, item.path, isOpen, live);
  return (
    <li>
      <button
        type="button"
        aria-expanded={item.is_dir ? isOpen : undefined}
        aria-current={path === item.path ? 'true' : undefined}
        onClick={() => {
          if (item.is_dir) toggle(item.path);
          onPath(item.path);
        }}
        style={{ paddingLeft: 6 + depth * 14 }}
        className={cx(
          'flex h-7 w-full items-center gap-1.5 rounded pr-2 text-left hover:bg-hover pointer-coarse:h-9 [&>svg]:size-3.5 [&>svg]:shrink-0 [&>svg]:text-faint',
          path === item.path && 'bg-accent-soft font-medium',
        )}
      >
        {item.is_dir ? <ChevronRight className={cx('transition-transform', isOpen && 'rotate-90')} /> : <span className="w-3.5 shrink-0" />}
        {item.is_dir ? isOpen ? <FolderOpen /> : <Folder /> : icons[previewKind(item.path)]}
        <span className="min-w-0 flex-1 truncate" title={item.path}>
          {fileName(item.path)}
        </span>
        {item.is_dir ? null : <span className="text-2xs text-faint">{formatBytes(item.size)}</span>}
      </button>
      {isOpen && inside.isPending ? (
        <p role="status" className="py-1 text-xs text-faint" style={{ paddingLeft: 26 + depth * 14 }}>
          Loading…
        </p>
      ) : null}
      {isOpen && inside.isError ? (
        <p role="alert" className="py-1 text-xs text-danger" style={{ paddingLeft: 26 + depth * 14 }}>
          {describeError(inside.error).title}
        </p>
      ) : null}
      {isOpen && inside.data ? <Folders {...props} items={inside.data} depth={depth + 1} /> : null}
    </li>
  );
}
