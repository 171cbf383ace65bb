import { ArrowRight } from 'lucide-react';
import type { CounterfactualRows } from '~/api';
import { Card } from '~/ui/card';
import { cx } from '~/ui/cx';
import { formatCount, formatNumber } from '~/ui/format';
import { Table, Td, Th, Tr } from '~/ui/table';
import { Said } from './said';
import { cellText } from './shape';

/** What would have to be different for the model to say something else. */
export default function CounterfactualView({ result }: { result: CounterfactualRows }) {
  return (
    <div className={cx('grid items-start gap-4', result.rows.length > 1 && 'xl:grid-cols-2')}>
      {result.rows.map((row, at) => (
        // Rows have no name but their place.
        <Card key={at} flush title={result.rows.length > 1 ? `Row ${at + 1}` : 'What would have to be different'}>
          {row.found.length === 0 ? (
            <p className="p-4 text-muted">
              The model says <Said of={row.prediction} outputs={result.outputs} />. No change to values of the table makes it say what was wanted.
            </p>
          ) : (
            row.found.map((found, n) => (
              <div key={n} className={n > 0 ? 'border-t' : ''}>
                <p className="flex flex-wrap items-center gap-2 px-4 pt-3 text-muted">
                  {formatCount(found.changes.length, 'change')}: <Said of={row.prediction} outputs={result.outputs} /> <ArrowRight aria-label="becomes" className="size-3.5" /> <Said of={found.prediction} outputs={result.outputs} />
                </p>
                <Table label={`Changes, possibility ${n + 1}`}>
                  <thead>
                    <tr>
                      <Th>Column</Th>
                      <Th>Is</Th>
                      <Th>Would have to be</Th>
                    </tr>
                  </thead>
                  <tbody>
                    {found.changes.map((c) => (
                      <Tr key={c.column}>
                        <Td className="font-medium wrap-anywhere">{c.column}</Td>
                        <Td className="wrap-anywhere text-muted">{cellText(c.from, formatNumber)}</Td>
                        <Td className="wrap-anywhere">{cellText(c.to, formatNumber)}</Td>
                      </Tr>
                    ))}
                  </tbody>
                </Table>
              </div>
            ))
          )}
        </Card>
      ))}
    </div>
  );
}
