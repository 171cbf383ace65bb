//! An authenticator in software: it makes and shows passkeys as a browser with a security key would, and lies on request.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// One passkey and the browser around it.
#[derive(Clone)]
pub(crate) struct Authenticator {
    pub(crate) key: SigningKey,
    pub(crate) id: Vec<u8>,
    /// What the authenticator was told to remember of its owner.
    pub(crate) user_handle: Vec<u8>,
    /// Goes up with every use; zero for good in passkeys that are synchronised.
    pub(crate) counter: u32,
    pub(crate) origin: String,
    pub(crate) rp_id: String,
    /// Whether it made sure of its user.
    pub(crate) verifies: bool,
}

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

impl Authenticator {
    /// An empty one; `seed` makes its key.
    pub(crate) fn new(seed: u8, counter: u32) -> Self {
        Self {
            key: SigningKey::from_slice(&[seed; 32]).unwrap(),
            id: Sha256::digest([seed]).to_vec(),
            user_handle: Vec::new(),
            counter,
            origin: "http://localhost:8080".to_owned(),
            rp_id: "localhost".to_owned(),
            verifies: true,
        }
    }

    /// The answer to creation options, as `credential.toJSON()`.
    pub(crate) fn register(&mut self, options: &Value) -> Value {
        self.user_handle = decode(&options["user"]["id"]);
        let mut data = self.data(ATTESTED);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend_from_slice(&self.id);
        data.extend_from_slice(&self.public_key());
        let mut object = Cbor::default();
        object.map(3).text("fmt").text("none").text("attStmt").map(0).text("authData").bytes(&data);
        json!({
            "id": URL_SAFE_NO_PAD.encode(&self.id),
            "rawId": URL_SAFE_NO_PAD.encode(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": { "credProps": { "rk": true } },
            "response": {
                "attestationObject": URL_SAFE_NO_PAD.encode(object.0),
                "clientDataJSON": URL_SAFE_NO_PAD.encode(self.client_data("webauthn.create", options)),
                "transports": ["internal", "hybrid"],
            },
        })
    }

    /// The answer to request options, as `credential.toJSON()`.
    pub(crate) fn sign_in(&mut self, options: &Value) -> Value {
        if self.counter > 0 {
            self.counter += 1;
        }
        let data = self.data(0);
        let client = self.client_data("webauthn.get", options);
        let signed = [data.clone(), Sha256::digest(&client).to_vec()].concat();
        let signature: Signature = self.key.sign(&signed);
        json!({
            "id": URL_SAFE_NO_PAD.encode(&self.id),
            "rawId": URL_SAFE_NO_PAD.encode(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "authenticatorData": URL_SAFE_NO_PAD.encode(data),
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
                "signature": URL_SAFE_NO_PAD.encode(signature.to_der().as_bytes()),
                "userHandle": URL_SAFE_NO_PAD.encode(&self.user_handle),
            },
        })
    }

    fn data(&self, more: u8) -> Vec<u8> {
        let verified = if self.verifies { VERIFIED } else { 0 };
        let mut data = Sha256::digest(self.rp_id.as_bytes()).to_vec();
        data.push(PRESENT | verified | more);
        data.extend_from_slice(&self.counter.to_be_bytes());
        data
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data: BTreeMap<&str, Value> = [
            ("type", json!(kind)),
            ("challenge", options["challenge"].clone()),
            ("origin", json!(self.origin)),
            ("crossOrigin", json!(false)),
        ]
        .into();
        serde_json::to_vec(&data).unwrap()
    }

    /// COSE: an elliptic curve key (kty 2) for ES256 (alg -7) on P-256 (crv 1).
    fn public_key(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_sec1_point(false);
        let coordinates = &point.as_bytes()[1..];
        let mut key = Cbor::default();
        key.map(5).int(1).int(2).int(3).int(-7).int(-1).int(1);
        key.int(-2).bytes(&coordinates[..32]).int(-3).bytes(&coordinates[32..]);
        key.0
    }
}

fn decode(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap()
}

/// As much CBOR (RFC 8949) as passkeys need.
#[derive(Default)]
struct Cbor(Vec<u8>);

impl Cbor {
    fn head(&mut self, major: u8, n: usize) -> &mut Self {
        let major = major << 5;
        match u16::try_from(n).unwrap() {
            n @ 0..24 => self.0.push(major | u8::try_from(n).unwrap()),
            n @ 24..256 => self.0.extend([major | 24, u8::try_from(n).unwrap()]),
            n => {
                self.0.push(major | 25);
                self.0.extend(n.to_be_bytes());
            }
        }
        self
    }

    fn map(&mut self, pairs: usize) -> &mut Self {
        self.head(5, pairs)
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.head(3, text.len()).0.extend(text.bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.head(2, bytes.len()).0.extend(bytes);
        self
    }

    fn int(&mut self, n: i64) -> &mut Self {
        if n < 0 { self.head(1, usize::try_from(-1 - n).unwrap()) } else { self.head(0, usize::try_from(n).unwrap()) }
    }
}
