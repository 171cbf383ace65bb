// Codes as an authenticator app shows them (RFC 6238: SHA-1, thirty seconds, six digits).
import { createHmac } from 'node:crypto';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function fromBase32(text) {
  let bits = '';
  for (const letter of text.replace(/[\s=]/g, '').toUpperCase()) bits += alphabet.indexOf(letter).toString(2).padStart(5, '0');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

export function totp(secret, at = Date.now()) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const digest = createHmac('sha1', fromBase32(secret)).update(counter).digest();
  const offset = digest[digest.length - 1] & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Waits until the app shows another code than at `since`: each works once. */
export async function nextCode(secret, since) {
  const next = (Math.floor(since / 30_000) + 1) * 30_000;
  if (Date.now() < next) await new Promise((resolve) => setTimeout(resolve, next - Date.now() + 200));
  return totp(secret);
}
