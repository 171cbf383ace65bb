import { FileBox } from 'lucide-react';
import { Empty } from '~/ui/states';
import { ArtifactBrowser } from '../artifacts/artifact-browser';
import type { ArtifactSource } from '../artifacts/source';

interface ModelFilesProps {
  source: ArtifactSource;
  path: string | undefined;
  onPath: (path: string | undefined) => void;
}

export function ModelFiles({ source, path, onPath }: ModelFilesProps) {
  return <ArtifactBrowser source={source} path={path} onPath={onPath} empty={<Empty icon={<FileBox />} title="There are no files here" />} />;
}
