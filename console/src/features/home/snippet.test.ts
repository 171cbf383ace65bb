import { expect, it } from 'vitest';
import { snippet } from './snippet';

it('writes the address, the key and a name that needs escaping', () => {
  const code = snippet({ origin: 'http://127.0.0.1:8080', secret: 'rz_live_x', experiment: 'a "b"' });
  expect(code).toContain('os.environ["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:8080"');
  expect(code).toContain('os.environ["MLFLOW_TRACKING_TOKEN"] = "rz_live_x"');
  expect(code).toContain('mlflow.set_experiment("a \\"b\\"")');
});

it('says where the key goes when there is none', () => {
  expect(snippet({ origin: 'x', secret: null })).toContain('"YOUR_API_KEY"');
});
