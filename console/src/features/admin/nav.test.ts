import { expect, it } from 'vitest';
import { isOpenTo, sections } from './nav';
import { canGive } from './shared';

const all = sections.flatMap((s) => s.places.map((p) => p as { to: string; label: string; needs?: string }));

it('shows a reviewer the audit log and no invitations', () => {
  const reviewer = { permissions: ['models:read', 'models:review'], organization_permissions: ['organization:read', 'audit:read', 'self:manage'] };
  const seen = all.filter((p) => isOpenTo(p, reviewer)).map((p) => p.label);
  expect(seen).toContain('Audit log');
  expect(seen).toContain('Members');
  expect(seen).not.toContain('Invitations');
  expect(seen).not.toContain('API keys');
});

it('lets nobody give what they lack', () => {
  expect(canGive({ permissions: ['models:read'] }, ['models:read', 'models:write'])).toBe(true);
  expect(canGive({ permissions: ['models:read', 'roles:manage'] }, ['models:read'])).toBe(false);
});
