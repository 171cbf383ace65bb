export const passwordMin = 12;

export function emailError(email: string): string | null {
  return /^[^\s@]+@[^\s@]+$/.test(email.trim()) ? null : 'This is not an e-mail address.';
}

export function passwordError(password: string): string | null {
  return password.length < passwordMin ? `At least ${passwordMin} characters, please: a few words work well.` : null;
}
