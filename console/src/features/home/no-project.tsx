import { FolderOpen } from 'lucide-react';
import { Empty } from '~/ui/states';

export function NoProject() {
  return (
    <main>
      <Empty icon={<FolderOpen />} title="You are in no project yet">
        Ask an owner or administrator of your organisation to let you into one.
      </Empty>
    </main>
  );
}
