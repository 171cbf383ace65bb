import { Waypoints } from 'lucide-react';
import type { ColumnRelation, DatasetProfile } from '~/api';
import { Card } from '~/ui/card';
import { Empty } from '~/ui/states';
import { Table, Td, Th, Tr } from '~/ui/table';
import { relationGrid, type Grid } from './rules';

/** Columns of the picture, and rows of the list: the strongest say the most. */
const gridColumns = 24;
const listed = 100;

const measures = {
  pearson: 'Pearson',
  spearman: 'Spearman',
  cramers_v: 'Cramér’s V',
  correlation_ratio: 'Correlation ratio',
} as const;

/** How columns go together. */
export function Relations({ profile }: { profile: DatasetProfile }) {
  if (profile.relations.length === 0) {
    return (
      <Empty icon={<Waypoints />} title="No relations to show">
        No two columns go together noticeably.
      </Empty>
    );
  }
  const grid = relationGrid(profile.relations, gridColumns);
  return (
    <div className="grid items-start gap-4 p-4 md:p-6 xl:grid-cols-2">
      <Card title="The columns that go together most">
        <Heatmap grid={grid} />
      </Card>
      <Card flush title="Strongest first">
        <Table label="Relations between columns">
          <thead>
            <tr>
              <Th>Columns</Th>
              <Th>Measure</Th>
              <Th className="text-right">Strength</Th>
            </tr>
          </thead>
          <tbody>
            {profile.relations.slice(0, listed).map((r) => (
              <Tr key={`${r.a} ${r.b} ${r.measure}`}>
                <Td className="wrap-anywhere">
                  {r.a} <span className="text-faint">and</span> {r.b}
                </Td>
                <Td className="whitespace-nowrap">{measures[r.measure]}</Td>
                <Td className="text-right">{strength(r)}</Td>
              </Tr>
            ))}
          </tbody>
        </Table>
      </Card>
    </div>
  );
}

function strength(relation: ColumnRelation): string {
  return relation.value.toFixed(2).replace('-', '−');
}

/** Room for names, in cells. */
const names = 6;

function Heatmap({ grid }: { grid: Grid }) {
  const size = grid.columns.length + names;
  return (
    <svg role="img" aria-label={`How ${grid.columns.length} columns go together, pair by pair`} viewBox={`0 0 ${size} ${size}`} className="w-full">
      {grid.columns.map((name, at) => (
        <g key={name} className="fill-muted" fontSize={0.55}>
          <text x={names - 0.3} y={names + at + 0.7} textAnchor="end">
            {cut(name)}
            <title>{name}</title>
          </text>
          <text x={0} y={0} transform={`translate(${names + at + 0.7} ${names - 0.3}) rotate(-90)`}>
            {cut(name)}
            <title>{name}</title>
          </text>
        </g>
      ))}
      {grid.cells.map((row, y) =>
        row.map((relation, x) => (
          <rect
            key={`${grid.columns[y]} ${grid.columns[x]}`}
            x={names + x + 0.04}
            y={names + y + 0.04}
            width={0.92}
            height={0.92}
            rx={0.1}
            fillOpacity={x === y ? 1 : Math.max(0.04, Math.abs(relation?.value ?? 0))}
            className={x === y ? 'fill-hover' : (relation?.value ?? 0) < 0 ? 'fill-danger' : 'fill-accent'}
          >
            <title>{relation ? `${relation.a} and ${relation.b}: ${measures[relation.measure]} ${strength(relation)}` : `${grid.columns[y]} and ${grid.columns[x]}: ${x === y ? 'the same' : 'hardly'}`}</title>
          </rect>
        )),
      )}
    </svg>
  );
}

function cut(name: string): string {
  return name.length > 16 ? `${name.slice(0, 15)}…` : name;
}
