import { expect, it } from 'vitest';
import { safePath } from './enter';

it('goes to paths of this server only', () => {
  expect(safePath('/p/default/models?q=a')).toBe('/p/default/models?q=a');
  for (const bad of [undefined, '', 'https://evil.example', '//evil.example', '/\\evil.example', '/\t/evil.example', 'p/default']) {
    expect(safePath(bad)).toBe('/');
  }
});
