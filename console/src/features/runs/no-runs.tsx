import { FlaskConical, ListFilter } from 'lucide-react';
import { Button } from '~/ui/button';
import { Empty } from '~/ui/states';
import { ClientSnippet } from '../home/client-snippet';

export function NoRuns({ experiment, untouched, onReset }: { experiment: string; untouched: boolean; onReset: () => void }) {
  if (!untouched) {
    return (
      <Empty icon={<ListFilter />} title="No run matches" actions={<Button onClick={onReset}>Show all active runs</Button>}>
        Nothing in this experiment fits the filter.
      </Empty>
    );
  }
  return (
    <div className="overflow-y-auto">
      <Empty icon={<FlaskConical />} title="No runs yet">
        <p className="mb-4">A run is one execution of your training code: its parameters, metrics and files. These lines log the first one here:</p>
        <ClientSnippet experiment={experiment} />
      </Empty>
    </div>
  );
}
