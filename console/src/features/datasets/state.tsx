import type { DatasetVersion } from '~/api';
import { Progress } from '~/ui/progress';
import { ErrorNote } from '~/ui/states';
import { Badge } from '~/ui/status';
import { useReadingJob } from './data';

export function StateBadge({ version }: { version: DatasetVersion }) {
  if (version.state === 'reading') return <Badge tone="accent">Reading</Badge>;
  if (version.state === 'failed') return <Badge tone="danger">Cannot be read</Badge>;
  return null;
}

/** What stands in the place of a version's content until it is there. */
export function Unread({ version }: { version: DatasetVersion }) {
  const job = useReadingJob(version.state === 'reading' ? version.job_id : null);
  if (version.state === 'failed') {
    return (
      <div className="mx-auto w-full max-w-2xl p-6">
        <ErrorNote title="This version cannot be read" detail={version.error ?? undefined} />
      </div>
    );
  }
  const progress = job.data?.progress ?? 0;
  return (
    <div role="status" className="mx-auto flex w-full max-w-md flex-col gap-2 p-10">
      <p className="text-muted">{job.data?.state === 'running' && job.data.message ? sentence(job.data.message) : 'Waiting to be read'}…</p>
      <Progress label="How far the reading is" share={progress} />
    </div>
  );
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The score of a version's data, in the tone of what it means. */
export function Quality({ score }: { score: number | null | undefined }) {
  if (score === null || score === undefined) return <span className="text-faint">–</span>;
  const tone = score >= 80 ? 'text-ok' : score >= 50 ? 'text-warn' : 'text-danger';
  return (
    <span className={tone} title="100 less for missing cells, repeated rows, useless columns and critical issues">
      {Math.round(score)}
    </span>
  );
}
