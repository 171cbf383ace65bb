import { CircleCheck } from 'lucide-react';
import type { DatasetIssue, DatasetProfile, DatasetSchema } from '~/api';
import { describeError } from '~/app/errors';
import { Card } from '~/ui/card';
import { Field, Select } from '~/ui/field';
import { Empty, ErrorNote, Loading } from '~/ui/states';
import { Badge } from '~/ui/status';
import { Table, Td, Th, Tr } from '~/ui/table';
import { useTargetProfile } from './data';

interface IssuesProps {
  id: string;
  version: number;
  schema: DatasetSchema;
  profile: DatasetProfile;
  target: string | undefined;
  onTarget: (target: string | undefined) => void;
}

/** What had better be looked at before anything is learnt, and what to do about it. */
export function Issues({ id, version, schema, profile, target, onTarget }: IssuesProps) {
  const looked = useTargetProfile(id, version, target);
  const shown = target === undefined ? profile : looked.data;
  return (
    <div className="flex flex-col gap-4 p-4 md:p-6">
      <Field label="To be predicted" hint="Looks for columns that tell it almost by themselves: they are often not known yet when a prediction is due.">
        {(ids) => (
          <Select {...ids} value={target ?? ''} onChange={(e) => onTarget(e.target.value || undefined)}>
            <option value="">Not chosen</option>
            {schema.columns.map((c) => (
              <option key={c.name} value={c.name}>
                {c.name}
              </option>
            ))}
          </Select>
        )}
      </Field>
      {target !== undefined && looked.isPending ? <Loading label={`Looking at ${target}`} /> : null}
      {target !== undefined && looked.isError ? <ErrorNote {...describeError(looked.error)} onRetry={() => void looked.refetch()} /> : null}
      {shown && shown.leaks.length > 0 ? <Leaks profile={shown} target={target ?? ''} /> : null}
      {shown ? <IssueList issues={shown.quality.issues} /> : null}
    </div>
  );
}

function Leaks({ profile, target }: { profile: DatasetProfile; target: string }) {
  return (
    <Card flush title={`What tells ${target} almost by itself`}>
      <Table label="Suspects of leakage">
        <thead>
          <tr>
            <Th>Column</Th>
            <Th className="text-right">Tells</Th>
          </tr>
        </thead>
        <tbody>
          {profile.leaks.map((leak) => (
            <Tr key={leak.column}>
              <Td className="font-medium wrap-anywhere">{leak.column}</Td>
              <Td className="text-right">{(leak.strength * 100).toFixed(1)} %</Td>
            </Tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

const severities = { critical: 'danger', warning: 'warn', info: 'neutral' } as const;

function IssueList({ issues }: { issues: DatasetIssue[] }) {
  if (issues.length === 0) {
    return (
      <Empty icon={<CircleCheck />} title="Nothing stands out">
        No missing, constant, repeated or suspicious data was found.
      </Empty>
    );
  }
  return (
    <Card flush title="Issues and advice">
      <Table label="Issues">
        <thead>
          <tr>
            <Th>Matters</Th>
            <Th>Column</Th>
            <Th>What was found</Th>
            <Th>What to do</Th>
          </tr>
        </thead>
        <tbody>
          {issues.map((issue) => (
            <Tr key={`${issue.kind} ${issue.column ?? ''} ${issue.message}`}>
              <Td>
                <Badge tone={severities[issue.severity]}>{issue.severity}</Badge>
              </Td>
              <Td className="font-medium wrap-anywhere">{issue.column ?? <span className="font-normal text-faint">all</span>}</Td>
              <Td className="wrap-anywhere">{issue.message}</Td>
              <Td className="text-muted">{issue.advice}</Td>
            </Tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}
