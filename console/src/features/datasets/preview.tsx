import { QueryError } from '~/app/fallbacks';
import { formatCount } from '~/ui/format';
import { Loading } from '~/ui/states';
import { Table, Td, Th, Tr } from '~/ui/table';
import { usePreview } from './data';

/** Columns that are drawn; a wider table is for programs. */
const columnsMax = 200;

/** The first rows as they were read. */
export function Preview({ id, version, rows }: { id: string; version: number; rows: number | null | undefined }) {
  const preview = usePreview(id, version);
  if (preview.isError) return <QueryError error={preview.error} onRetry={() => void preview.refetch()} />;
  if (!preview.data) return <Loading label="Loading rows" />;
  const columns = preview.data.columns.slice(0, columnsMax);
  return (
    <>
      <p className="border-b px-4 py-2 text-xs text-faint md:px-6">
        The first {formatCount(preview.data.rows.length, 'row')} of {(rows ?? 0).toLocaleString('en-US')}
        {preview.data.columns.length > columnsMax ? `, the first ${columnsMax} of ${preview.data.columns.length.toLocaleString('en-US')} columns` : ''}
      </p>
      <Table label="First rows">
        <thead>
          <tr>
            <Th className="text-right">Row</Th>
            {columns.map((name) => (
              <Th key={name}>{name}</Th>
            ))}
          </tr>
        </thead>
        <tbody>
          {preview.data.rows.map((row, at) => (
            // Rows have no name but their place.
            <Tr key={at}>
              <Td className="text-right text-faint">{at + 1}</Td>
              {columns.map((name, c) => (
                <Td key={name} className="max-w-80 truncate whitespace-nowrap" title={row[c] ?? undefined}>
                  {row[c] ?? <span className="text-faint">missing</span>}
                </Td>
              ))}
            </Tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}
