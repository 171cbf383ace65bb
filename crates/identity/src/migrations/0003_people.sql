-- Proving who one is: verified addresses, second factors, passkeys, accounts elsewhere. Like users, these rows belong to
-- no organisation and are touched by system transactions only.

ALTER TABLE users ADD COLUMN email_verified_at {timestamptz};
ALTER TABLE users ADD COLUMN password_changed_at {timestamptz};
-- When the person deleted their account. The row stays, without anything about them, because what they made refers to it.
ALTER TABLE users ADD COLUMN deleted_at {timestamptz};
-- Whoever was here before had the set-up link or was made by who had it.
UPDATE users SET email_verified_at = created_at;

-- When a second factor was shown in this session, and how its person signed in: 'password', 'passkey', 'oidc'.
ALTER TABLE sessions ADD COLUMN second_factor_at {timestamptz};
ALTER TABLE sessions ADD COLUMN method {text} NOT NULL DEFAULT 'password';
-- When the person last proved who they are, for what asks for a fresh proof.
ALTER TABLE sessions ADD COLUMN confirmed_at {timestamptz};

-- Who registered and has not yet proved the address. No account is made before: nobody can occupy an address that is not
-- theirs, and the password that counts is the one given with the link that was followed.
CREATE TABLE registrations (
  registration_id {uuid} PRIMARY KEY NOT NULL,
  email {text} NOT NULL,
  email_key {text} NOT NULL,
  name {text} NOT NULL,
  password_hash {text} NOT NULL,
  -- The name of the organisation they want to found, if they said one.
  organization {text},
  -- SHA-256 of the secret in the link; NULL until the letter is written.
  token_hash {bytes} UNIQUE,
  created_at {timestamptz} NOT NULL,
  expires_at {timestamptz} NOT NULL
);
CREATE INDEX registrations_by_email ON registrations (email_key, created_at);
CREATE INDEX registrations_by_expiry ON registrations (expires_at);

-- Secrets sent by mail: verify an address, reset a password. Used once.
CREATE TABLE user_tokens (
  token_hash {bytes} PRIMARY KEY NOT NULL,
  user_id {uuid} NOT NULL REFERENCES users (user_id),
  -- 'verify_email', 'change_email', 'reset_password'.
  purpose {text} NOT NULL,
  -- What the token is good for, such as the new address.
  data {json} NOT NULL,
  created_at {timestamptz} NOT NULL,
  expires_at {timestamptz} NOT NULL,
  used_at {timestamptz}
);
CREATE INDEX user_tokens_by_user ON user_tokens (user_id, purpose);

CREATE TABLE totp_factors (
  user_id {uuid} PRIMARY KEY NOT NULL REFERENCES users (user_id),
  sealed_secret {bytes} NOT NULL,
  created_at {timestamptz} NOT NULL,
  -- Not a factor until a code from it was shown once.
  confirmed_at {timestamptz},
  -- The last time step whose code was taken: a code works once.
  last_step BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE recovery_codes (
  user_id {uuid} NOT NULL REFERENCES users (user_id),
  code_hash {bytes} NOT NULL,
  created_at {timestamptz} NOT NULL,
  used_at {timestamptz},
  PRIMARY KEY (user_id, code_hash)
);

CREATE TABLE passkeys (
  passkey_id {uuid} PRIMARY KEY NOT NULL,
  user_id {uuid} NOT NULL REFERENCES users (user_id),
  credential_id {bytes} NOT NULL UNIQUE,
  name {text} NOT NULL,
  credential {json} NOT NULL,
  created_at {timestamptz} NOT NULL,
  last_used_at {timestamptz}
);
CREATE INDEX passkeys_by_user ON passkeys (user_id);

-- A sign-in that is under way: the password was right and a second factor is due, or a passkey or another site was asked.
CREATE TABLE sign_in_challenges (
  token_hash {bytes} PRIMARY KEY NOT NULL,
  -- 'second_factor', 'passkey_sign_in', 'passkey_register', 'oidc'.
  kind {text} NOT NULL,
  user_id {uuid} REFERENCES users (user_id),
  sealed_state {bytes} NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0,
  created_at {timestamptz} NOT NULL,
  expires_at {timestamptz} NOT NULL
);
CREATE INDEX sign_in_challenges_by_expiry ON sign_in_challenges (expires_at);

-- Accounts at OpenID providers that open an account here.
CREATE TABLE external_identities (
  issuer {text} NOT NULL,
  subject {text} NOT NULL,
  user_id {uuid} NOT NULL REFERENCES users (user_id),
  email {text} NOT NULL,
  created_at {timestamptz} NOT NULL,
  last_used_at {timestamptz},
  PRIMARY KEY (issuer, subject)
);
CREATE INDEX external_identities_by_user ON external_identities (user_id);
