import { Link } from '@tanstack/react-router';
import { GitCompareArrows, RotateCcw, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { mlflowDeleteRun, mlflowRestoreRun } from '~/api';
import { Needs } from '~/app/needs';
import { useProject } from '~/app/project';
import type { Lifecycle } from '~/app/searches';
import { Button, buttonClass } from '~/ui/button';
import { FormDialog } from '~/ui/dialog';
import { formatCount } from '~/ui/format';
import { toast } from '~/ui/toast';

interface SelectionBarProps {
  selected: string[];
  view: Lifecycle;
  onClear: () => void;
  onChanged: () => void;
}

/** The curves of more runs than this cannot be told apart any more. */
const compareMax = 50;

export function SelectionBar({ selected, view, onClear, onChanged }: SelectionBarProps) {
  const project = useProject();
  const [asking, setAsking] = useState<'delete' | 'restore' | null>(null);
  const runs = formatCount(selected.length, 'run');
  const act = async () => {
    const call = asking === 'restore' ? mlflowRestoreRun : mlflowDeleteRun;
    for (const run_id of selected) await call({ body: { run_id } });
    toast('done', asking === 'restore' ? `Restored ${runs}` : `Deleted ${runs}`, asking === 'delete' ? 'They can be restored from the list of deleted runs.' : undefined);
    onChanged();
  };
  return (
    <div role="region" aria-label="Selected runs" className="flex flex-wrap items-center gap-2 border-t bg-surface px-4 py-2 md:px-6">
      <span className="mr-auto font-medium">{runs} selected</span>
      <Button variant="ghost" onClick={onClear}>
        Clear
      </Button>
      <Needs permission="experiments:write">
        {view === 'active' ? null : (
          <Button onClick={() => setAsking('restore')}>
            <RotateCcw className="size-3.5" /> Restore
          </Button>
        )}
        {view === 'deleted' ? null : (
          <Button onClick={() => setAsking('delete')}>
            <Trash2 className="size-3.5" /> Delete
          </Button>
        )}
      </Needs>
      {selected.length < 2 || selected.length > compareMax ? (
        <Button variant="primary" disabled title={selected.length < 2 ? 'Choose at least two runs' : `At most ${compareMax} runs`}>
          <GitCompareArrows className="size-3.5" /> Compare
        </Button>
      ) : (
        <Link to="/p/$project/compare" params={{ project }} search={{ runs: selected }} className={buttonClass('primary')}>
          <GitCompareArrows className="size-3.5" /> Compare
        </Link>
      )}
      <FormDialog
        open={asking !== null}
        onOpenChange={(open) => !open && setAsking(null)}
        title={asking === 'restore' ? `Restore ${runs}?` : `Delete ${runs}?`}
        description={asking === 'restore' ? 'They show up among the active runs again.' : 'They leave the list and can be restored until the server collects them.'}
        action={asking === 'restore' ? `Restore ${runs}` : `Delete ${runs}`}
        danger={asking === 'delete'}
        onSubmit={act}
      />
    </div>
  );
}
