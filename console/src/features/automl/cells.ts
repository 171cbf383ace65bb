/** A cell of a row, as JSON brings it. */
export type Cell = string | number | boolean | null;
export type RecordRow = Record<string, Cell>;

/** The documents say no more of a cell than that it is there. */
export function asCell(value: unknown): Cell {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}
