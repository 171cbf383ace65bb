/** The pages of one's account. */
export const tabs = [{ to: '/p/$project/account/sessions', label: 'Sessions' }] as const;
