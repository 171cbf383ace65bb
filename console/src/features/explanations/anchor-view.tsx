import { Card } from '~/ui/card';
import { Table, Td, Th, Tr } from '~/ui/table';
import type { AnchorResult } from '../automl/api-provisional';
import { percent } from '../automl/names';
import { Note } from './controls';
import { Said } from './said';

/** Conditions that hold a prediction in its place. */
export default function AnchorView({ result }: { result: AnchorResult }) {
  return (
    <Card flush title="What keeps the prediction as it is">
      <Table label="Anchors">
        <thead>
          <tr>
            <Th className="text-right">Row</Th>
            <Th>The model says</Th>
            <Th>as long as</Th>
            <Th className="text-right">Precision</Th>
            <Th className="text-right">Coverage</Th>
          </tr>
        </thead>
        <tbody>
          {result.rows.map((row, at) => (
            // Rows have no name but their place.
            <Tr key={at}>
              <Td className="text-right text-faint">{at + 1}</Td>
              <Td>
                <Said of={row.prediction} />
              </Td>
              <Td className="min-w-48 wrap-anywhere">
                {row.rule.length === 0 ? (
                  <span className="text-muted">whatever happens: it nearly always says so</span>
                ) : (
                  row.rule.map((r, i) => (
                    <span key={r.column}>
                      {i > 0 ? <span className="text-faint"> and </span> : null}
                      <code className="font-mono text-xs">{r.text}</code>
                    </span>
                  ))
                )}
              </Td>
              <Td className="text-right">{percent(row.precision)}</Td>
              <Td className="text-right">{percent(row.coverage)}</Td>
            </Tr>
          ))}
        </tbody>
      </Table>
      <div className="px-4 pb-3">
        <Note>Precision: of made-up rows that meet the conditions, how many get the same prediction. Coverage: of the table’s rows, how many meet them.</Note>
      </div>
    </Card>
  );
}
