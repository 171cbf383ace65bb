import { beginPasskeyRegistration, beginPasskeySignIn, createPasskey, finishPasskeySignIn, type Me, type Passkey } from '~/api';

/** Whether this browser can use passkeys here: it must speak WebAuthn's JSON, and the page must be secure. */
export function passkeysWork(): boolean {
  return typeof PublicKeyCredential !== 'undefined' && typeof PublicKeyCredential.parseRequestOptionsFromJSON === 'function' && typeof PublicKeyCredential.parseCreationOptionsFromJSON === 'function';
}

/** Whether the browser can offer passkeys in the list under the e-mail field. */
export async function passkeysWorkInForms(): Promise<boolean> {
  if (!passkeysWork()) return false;
  return (await PublicKeyCredential.isConditionalMediationAvailable?.()) ?? false;
}

/** Why the browser gave no credential, in words; null when the person simply closed the question. */
export function passkeyProblem(error: unknown): string | null {
  if (!(error instanceof DOMException)) return null;
  switch (error.name) {
    case 'AbortError':
      return null;
    case 'NotAllowedError':
      return 'The passkey was not used: the question was closed, or it took too long.';
    case 'InvalidStateError':
      return 'This device has a passkey for your account already.';
    case 'SecurityError':
      return 'Passkeys work only under the address this server was set up for.';
    default:
      return 'This browser could not use a passkey.';
  }
}

function shown(credential: Credential | null): Record<string, unknown> {
  if (!(credential instanceof PublicKeyCredential)) throw new DOMException('No passkey', 'NotAllowedError');
  return credential.toJSON() as unknown as Record<string, unknown>;
}

interface Ask {
  signal: AbortSignal;
  /** True lets the browser offer passkeys in the form instead of asking at once. */
  conditional?: boolean;
}

export async function signInWithPasskey({ signal, conditional }: Ask): Promise<Me> {
  const { data } = await beginPasskeySignIn({ signal });
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(data.options as unknown as PublicKeyCredentialRequestOptionsJSON);
  const credential = await navigator.credentials.get({ publicKey, signal, ...(conditional ? { mediation: 'conditional' as const } : {}) });
  return (await finishPasskeySignIn({ body: { challenge: data.challenge, credential: shown(credential) } })).data;
}

export async function registerPasskey(name: string): Promise<Passkey> {
  const { data } = await beginPasskeyRegistration();
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(data.options as unknown as PublicKeyCredentialCreationOptionsJSON);
  const credential = await navigator.credentials.create({ publicKey });
  return (await createPasskey({ body: { challenge: data.challenge, name, credential: shown(credential) } })).data;
}
