import type { AutomlColumn } from '~/api';
import { asCell, type RecordRow } from './cells';

/** One word of a shell's command line, whatever is in it. */
export function shellText(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A row with the model's own columns only: what else is in it would not be asked for. */
export function ownColumns(row: Record<string, unknown>, columns: readonly AutomlColumn[]): RecordRow {
  return Object.fromEntries(columns.map((c) => [c.name, asCell(row[c.name])]));
}

interface ServeOptions {
  origin: string;
  project: string;
  name: string;
  version: string;
  /** The API key, if one was just made. */
  secret: string | null;
  record: RecordRow;
}

/** A command that asks a registered model about a row. */
export function serveCommand({ origin, project, name, version, secret, record }: ServeOptions): string {
  const key = secret ? shellText(`Authorization: Bearer ${secret}`) : '"Authorization: Bearer $RHIZA_API_KEY"';
  return [
    `curl -X POST ${shellText(`${origin}/serving/${encodeURIComponent(name)}/invocations?version=${encodeURIComponent(version)}`)}`,
    `-H ${key}`,
    `-H ${shellText(`X-Rhiza-Project: ${project}`)}`,
    "-H 'Content-Type: application/json'",
    `-d ${shellText(JSON.stringify({ dataframe_records: [record] }))}`,
  ].join(' \\\n  ');
}
