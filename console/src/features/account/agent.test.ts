import { expect, it } from 'vitest';
import { describeAgent } from './agent';

it('names browser and system', () => {
  expect(describeAgent('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36')).toBe('Chrome on Linux');
  expect(describeAgent('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1')).toBe('Safari on iOS');
  expect(describeAgent('curl/8.5')).toBe('curl/8.5');
  expect(describeAgent(null)).toBe('Unknown browser');
});
