export type PreviewKind = 'image' | 'table' | 'json' | 'markdown' | 'text' | 'none';

const byExtension: Record<string, PreviewKind> = {
  png: 'image', jpg: 'image', jpeg: 'image', gif: 'image', webp: 'image', svg: 'image', bmp: 'image',
  csv: 'table', tsv: 'table',
  json: 'json', ipynb: 'json', geojson: 'json',
  md: 'markdown', markdown: 'markdown',
};
const textExtensions = new Set(
  'txt log py r rs js ts tsx jsx java c h cpp hpp go sql sh bash zsh yaml yml toml ini cfg conf xml html css jsonl ndjson env lock rst tex diff patch dot properties mlmodel'.split(' '),
);
const textNames = new Set(['mlmodel', 'dockerfile', 'makefile', 'license', 'readme', 'requirements']);

/** How a file can be shown, told from its name alone. */
export function previewKind(path: string): PreviewKind {
  const name = fileName(path).toLowerCase();
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 ? name.slice(dot + 1) : '';
  const known = byExtension[extension];
  if (known) return known;
  return textExtensions.has(extension) || textNames.has(name) ? 'text' : 'none';
}

export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The folders above a path, outermost first. */
export function parentsOf(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join('/'));
}

/** Rows of a comma- or tab-separated text (RFC 4180). A last line that was cut off is left out by the caller. */
export function parseTable(text: string, separator: ',' | '\t', maxRows: number): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  const endRow = () => {
    row.push(cell);
    cell = '';
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  };
  for (let i = 0; i < text.length && rows.length < maxRows; i += 1) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') {
        cell += '"';
        i += 1;
      } else quoted = false;
    } else if (c === '"' && cell === '') quoted = true;
    else if (c === separator) {
      row.push(cell);
      cell = '';
    } else if (c === '\n') endRow();
    else if (c !== '\r') cell += c;
  }
  if (rows.length < maxRows && (cell !== '' || row.length > 0)) endRow();
  return rows;
}
