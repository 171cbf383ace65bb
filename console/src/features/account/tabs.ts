/** The pages of one's account. */
export const tabs = [
  { to: '/p/$project/account/profile', label: 'Profile' },
  { to: '/p/$project/account/security', label: 'Signing in' },
  { to: '/p/$project/account/sessions', label: 'Sessions' },
  { to: '/p/$project/account/data', label: 'Your data' },
] as const;
