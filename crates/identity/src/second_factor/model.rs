//! Authenticator codes, recovery codes, and the picture from which an app reads its secret.

use chrono::{DateTime, Utc};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use rhiza_kernel::{Env, UserId};
use sha2::{Digest, Sha256};
use totp_rs::{Builder, Totp};

/// For what a person's secret is sealed.
pub(super) fn purpose(user: UserId) -> String {
    format!("totp:{user}")
}

/// 160 bits, as RFC 4226 recommends.
pub(super) const SECRET_BYTES: usize = 20;

/// The codes of a secret: SHA-1, six digits, 30 seconds, which is what every app understands. A code is good a step
/// before and after its time, because clocks differ and people type slowly.
pub(super) fn totp(secret: &[u8]) -> Option<Totp> {
    Builder::new().with_secret(secret.to_vec()).build().ok()
}

/// The step whose code this is, at this time.
pub(super) fn matching_step(secret: &[u8], code: &str, now: DateTime<Utc>) -> Option<i64> {
    let seconds = u64::try_from(now.timestamp()).ok()?;
    let step = totp(secret)?.check(code, seconds)?;
    i64::try_from(step).ok()
}

/// The address that an authenticator app reads.
pub(super) fn uri(secret: &[u8], issuer: &str, account: &str) -> Option<String> {
    // Neither may hold the colon that stands between them.
    let [issuer, account] = [issuer, account].map(|text| text.replace(':', " "));
    let builder = Builder::new().with_secret(secret.to_vec()).with_issuer(Some(issuer)).with_account_name(account);
    builder.build().ok()?.to_url().ok()
}

/// The same as a picture.
pub(super) fn qr_svg(uri: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(uri, EcLevel::M).ok()?;
    Some(code.render::<svg::Color<'_>>().min_dimensions(240, 240).build())
}

/// What somebody typed to prove who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Six digits from the app.
    Totp(String),
    /// A recovery code, without what stands between its parts.
    Recovery(String),
}

/// Characters of a recovery code. 16 of 32 are 80 bits: no guess and no search through hashes finds one.
const CODE_CHARS: usize = 16;

/// Recovery codes of a set.
pub(super) const CODES: usize = 10;

/// Digits and lower-case letters that nobody confuses (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl Proof {
    /// Reads what was typed; nothing when it can be neither.
    pub(crate) fn read(text: &str) -> Option<Self> {
        // Long before a code of any kind ends, so does the reading.
        let bare: String =
            text.chars().take(64).filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_lowercase()).collect();
        if text.len() > 64 {
            return None;
        }
        if bare.len() == 6 && bare.bytes().all(|b| b.is_ascii_digit()) {
            return Some(Self::Totp(bare));
        }
        let bare: String = bare
            .chars()
            .map(|c| match c {
                'o' => '0',
                'i' | 'l' => '1',
                other => other,
            })
            .collect();
        let fits = bare.len() == CODE_CHARS && bare.bytes().all(|b| ALPHABET.contains(&b));
        fits.then_some(Self::Recovery(bare))
    }
}

/// A fresh set of recovery codes, as shown.
pub(super) fn new_codes(env: &Env) -> Vec<String> {
    let one = || {
        let random = env.random_bytes::<CODE_CHARS>();
        let chars: Vec<char> = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
        chars.chunks(4).map(|part| part.iter().collect::<String>()).collect::<Vec<_>>().join("-")
    };
    (0..CODES).map(|_| one()).collect()
}

/// What is kept of a recovery code. It is random and long, so a fast hash is enough; the person's id keeps equal codes
/// of two people apart.
pub(super) fn code_hash(user: UserId, bare: &str) -> Vec<u8> {
    Sha256::digest(format!("{user}:{bare}")).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, the last six digits of the SHA-1 column.
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(matching_step(SECRET, code, at(seconds)), Some(seconds / 30));
            assert_eq!(matching_step(SECRET, code, at(seconds + 30)), Some(seconds / 30), "a step late");
            assert_eq!(matching_step(SECRET, code, at(seconds - 30)), Some(seconds / 30), "a step early");
            assert_eq!(matching_step(SECRET, code, at(seconds + 60)), None);
            assert_eq!(matching_step(SECRET, code, at(seconds - 60)), None);
        }
        assert_eq!(matching_step(b"short", "287082", at(59)), None);
    }

    #[test]
    fn what_people_type_is_read() {
        assert_eq!(Proof::read(" 287 082 "), Some(Proof::Totp("287082".into())));
        assert_eq!(Proof::read("ABCD-efgh-JKMN-pqrs"), Some(Proof::Recovery("abcdefghjkmnpqrs".into())));
        assert_eq!(Proof::read("OIL0-0000-0000-0000"), Some(Proof::Recovery("0110000000000000".into())));
        for bad in ["", "12345", "1234567", "٠١٢٣٤٥", "abcd", &"1".repeat(1 << 20), "abcd-efgh-jkmn-pqru"] {
            assert_eq!(Proof::read(bad), None, "{bad:.20}");
        }
    }

    #[test]
    fn recovery_codes_read_back() {
        let (env, _) = Env::fixed(at(1_780_000_000), 1);
        let codes = new_codes(&env);
        assert_eq!(codes.len(), 10);
        let user: UserId = env.new_id();
        for code in &codes {
            let Some(Proof::Recovery(bare)) = Proof::read(code) else { panic!("{code}") };
            assert_eq!(code.replace('-', ""), bare);
            assert_ne!(code_hash(user, &bare), code_hash(env.new_id(), &bare));
        }
    }

    #[test]
    fn the_picture_says_what_the_address_says() {
        let uri = uri(SECRET, "Rhiza: here", "ada@example.com").unwrap();
        assert!(uri.starts_with("otpauth://totp/Rhiza%20%20here:ada"), "{uri}");
        assert!(uri.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), "{uri}");
        let svg = qr_svg(&uri).unwrap();
        assert!(svg.contains("<svg") && !svg.contains("<script"), "{svg:.100}");
        assert!(qr_svg(&"x".repeat(5000)).is_none());
    }
}
