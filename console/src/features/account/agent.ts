const browsers: [RegExp, string][] = [
  [/Edg\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/Firefox\//, 'Firefox'],
  [/Chrome\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];
const systems: [RegExp, string][] = [
  [/iPhone|iPad/, 'iOS'],
  [/Android/, 'Android'],
  [/Mac OS X/, 'macOS'],
  [/Windows/, 'Windows'],
  [/Linux/, 'Linux'],
];

/** `Firefox on Linux` out of a user-agent line; the line itself where that fails. */
export function describeAgent(agent: string | null | undefined): string {
  if (!agent) return 'Unknown browser';
  const browser = browsers.find(([pattern]) => pattern.test(agent))?.[1];
  const system = systems.find(([pattern]) => pattern.test(agent))?.[1];
  if (!browser) return agent.slice(0, 60);
  return system ? `${browser} on ${system}` : browser;
}

const methods: Record<string, string> = { password: 'Password', passkey: 'Passkey', oidc: 'Another account', invitation: 'Invitation', setup: 'Set-up link', email: 'Link in a letter' };

/** How somebody signed in, in words. */
export function describeMethod(method: string): string {
  return methods[method] ?? method;
}
