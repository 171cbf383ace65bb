import { describe, expect, it } from 'vitest';
import { complete, faultPosition, likePattern, quoteText, readKey, tokenize, writeKey } from './grammar';

const vocabulary = { metrics: ['loss', 'val/acc', 'lr loss'], params: ['lr', 'depth'], tags: ['team'], attributes: ['run_name', 'status', 'start_time', 'run_id'] };
const labels = (text: string, caret = text.length) => complete(text, caret, vocabulary).suggestions.map((s) => s.label);

describe('writing', () => {
  it('puts odd keys in backticks and plain ones not', () => {
    expect(writeKey('metrics', 'loss')).toBe('metrics.loss');
    expect(writeKey('metrics', 'val/acc')).toBe('metrics.`val/acc`');
    expect(writeKey('tags', 'a`b')).toBe('tags."a`b"');
  });
  it('chooses the quote that does not end the text', () => {
    expect(quoteText("it's")).toBe('"it\'s"');
    expect(likePattern('a')).toBe("'%a%'");
    expect(quoteText(`a'b"c`)).toBe(`'ab"c'`);
  });
});

describe('tokenize', () => {
  it('keeps quoted keys and texts whole', () => {
    expect(tokenize("metrics.`val/acc`>=0.5 and params.x = 'a b'").map((t) => t.text)).toEqual(['metrics.`val/acc`', '>=', '0.5', 'and', 'params.x', '=', "'a b'"]);
  });
  it('notes what is not closed yet', () => {
    expect(tokenize("params.x = 'a").at(-1)).toMatchObject({ kind: 'string', closed: false });
    expect(tokenize('metrics.`a b').at(-1)).toMatchObject({ kind: 'word', closed: false });
  });
  it('never stands still', () => {
    expect(tokenize("'").length).toBe(1);
    expect(tokenize('!').length).toBe(1);
    expect(tokenize('`').length).toBe(1);
  });
});

describe('readKey', () => {
  it('knows the synonyms and takes a bare word for an attribute', () => {
    expect(readKey('parameter.lr')).toEqual({ entity: 'params', key: 'lr' });
    expect(readKey('status')).toEqual({ entity: 'attributes', key: 'status' });
    expect(readKey('metric.`a b`')).toEqual({ entity: 'metrics', key: 'a b' });
    expect(readKey('nonsense.x')).toBeNull();
  });
});

describe('complete', () => {
  it('offers keys first, best match on top', () => {
    expect(labels('lo')[0]).toBe('metrics.loss');
    expect(labels('lr').slice(0, 2)).toEqual(['metrics.lr loss', 'params.lr']);
    expect(labels('')).toContain('tags.team');
  });
  it('offers the operators that the kind of key allows', () => {
    expect(labels('metrics.loss ')).toEqual(['<', '<=', '=', '!=', '>', '>=']);
    expect(labels('params.lr ')).toContain('IS NOT NULL');
    expect(labels('attributes.run_id ')).toContain('NOT IN');
    expect(labels('start_time ')).toContain('>=');
  });
  it('offers AND once a condition is whole, then keys again', () => {
    expect(labels('metrics.loss < 0.5 ')).toEqual(['AND']);
    expect(labels('params.lr IS NOT NULL ')).toEqual(['AND']);
    expect(labels('params.lr IS ')).toEqual([]);
    expect(labels('metrics.loss < 0.5 AND dep')).toEqual(['params.depth']);
  });
  it('knows the values of a status', () => {
    expect(labels("status = 'FI")).toEqual(['FINISHED']);
  });
  it('replaces the whole word around the caret', () => {
    const completion = complete('metrics.lo < 1', 9, vocabulary);
    expect([completion.start, completion.end]).toEqual([0, 10]);
    expect(completion.suggestions[0]?.insert).toBe('metrics.loss ');
  });
});

describe('faultPosition', () => {
  it('finds the offset in the message', () => {
    expect(faultPosition('Unexpected "," at position 14.')).toBe(14);
    expect(faultPosition('No.')).toBeNull();
  });
});
