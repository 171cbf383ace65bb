import { FileBox } from 'lucide-react';
import { Empty } from '~/ui/states';
import { ArtifactBrowser } from '../artifacts/artifact-browser';

export function ModelFiles({ modelId, path, onPath }: { modelId: string; path: string | undefined; onPath: (path: string | undefined) => void }) {
  return <ArtifactBrowser source={{ kind: 'model', id: modelId }} path={path} onPath={onPath} empty={<Empty icon={<FileBox />} title="This model has no files" />} />;
}
