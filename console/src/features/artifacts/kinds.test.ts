import { describe, expect, it } from 'vitest';
import { parentsOf, parseTable, previewKind } from './kinds';

describe('previewKind', () => {
  it('goes by the name', () => {
    expect(previewKind('plots/roc.PNG')).toBe('image');
    expect(previewKind('model/MLmodel')).toBe('text');
    expect(previewKind('model/model.pkl')).toBe('none');
    expect(previewKind('.env')).toBe('none');
    expect(previewKind('a.b/README.md')).toBe('markdown');
  });
});

describe('parentsOf', () => {
  it('lists the folders from the outside', () => {
    expect(parentsOf('a/b/c.txt')).toEqual(['a', 'a/b']);
    expect(parentsOf('c.txt')).toEqual([]);
  });
});

describe('parseTable', () => {
  it('reads quotes, line breaks inside them and CRLF', () => {
    expect(parseTable('a,b\r\n"x, ""y""","1\n2"\n', ',', 10)).toEqual([['a', 'b'], ['x, "y"', '1\n2']]);
  });
  it('keeps empty cells, drops empty lines, stops at the limit', () => {
    expect(parseTable('a,,c\n\n1,2,3\n4,5,6', ',', 2)).toEqual([['a', '', 'c'], ['1', '2', '3']]);
    expect(parseTable('a\tb', '\t', 5)).toEqual([['a', 'b']]);
  });
});
