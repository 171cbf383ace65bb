import type { AnchorRows } from '~/api';
import { Card } from '~/ui/card';
import { Table, Td, Th, Tr } from '~/ui/table';
import { percent } from '../automl/names';
import { Note } from './controls';

/** Conditions that hold a prediction in its place. */
export default function AnchorView({ result }: { result: AnchorRows }) {
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
              <Td className="font-medium wrap-anywhere">{row.prediction}</Td>
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
              <Td className={row.reached ? 'text-right' : 'text-right text-warn'} title={row.reached ? undefined : 'Less than was wanted: these conditions came nearest'}>
                {percent(row.precision)}
                {row.reached ? null : <span className="sr-only">, less than was wanted</span>}
              </Td>
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
