-- Programs: their own accounts, more about keys, access tokens and the refresh tokens behind them.

CREATE TABLE service_accounts (
  service_account_id {uuid} PRIMARY KEY NOT NULL,
  org_id {uuid} NOT NULL REFERENCES organizations (org_id),
  name {text} NOT NULL,
  name_key {text} NOT NULL,
  description {text} NOT NULL,
  -- A fixed role or the id of one of the organisation's own.
  role {text} NOT NULL,
  created_by {uuid} NOT NULL REFERENCES users (user_id),
  revision BIGINT NOT NULL,
  created_at {timestamptz} NOT NULL,
  disabled_at {timestamptz},
  UNIQUE (org_id, name_key)
);

-- NULL: the key acts for the person who made it and ends with their membership.
ALTER TABLE api_keys ADD COLUMN service_account_id {uuid} REFERENCES service_accounts (service_account_id);
-- Networks from which the key may be used; NULL: anywhere.
ALTER TABLE api_keys ADD COLUMN allowed_networks {json};
-- The key that this one replaces, and when that one was told to end.
ALTER TABLE api_keys ADD COLUMN rotated_from {uuid} REFERENCES api_keys (key_id);
-- A key is replaced once: of two who rotate it at the same time, one succeeds.
CREATE UNIQUE INDEX api_keys_by_rotated_from ON api_keys (rotated_from);
CREATE INDEX api_keys_by_service_account ON api_keys (org_id, service_account_id);

-- Keys that sign access tokens. The private half is sealed. No tenant sees this table.
CREATE TABLE signing_keys (
  kid {text} PRIMARY KEY NOT NULL,
  -- Counts the keys: of two processes that make the next one at the same time, one succeeds.
  generation BIGINT NOT NULL UNIQUE,
  algorithm {text} NOT NULL,
  public_key {bytes} NOT NULL,
  sealed_private_key {bytes} NOT NULL,
  created_at {timestamptz} NOT NULL,
  -- From when it signs (it is published before that), from when it no longer does, and until when it verifies.
  signs_from {timestamptz} NOT NULL,
  signs_until {timestamptz} NOT NULL,
  verifies_until {timestamptz} NOT NULL
);

-- The refresh tokens that began with one sign-in. Using an old one again ends them all.
CREATE TABLE token_families (
  family_id {uuid} PRIMARY KEY NOT NULL,
  org_id {uuid} NOT NULL REFERENCES organizations (org_id),
  user_id {uuid} REFERENCES users (user_id),
  service_account_id {uuid} REFERENCES service_accounts (service_account_id),
  -- The key that asked for it: its limits count, and it ends with the key.
  key_id {uuid} REFERENCES api_keys (key_id),
  project_id {uuid} REFERENCES projects (project_id),
  name {text} NOT NULL,
  scopes {json} NOT NULL,
  created_at {timestamptz} NOT NULL,
  expires_at {timestamptz} NOT NULL,
  last_used_at {timestamptz},
  address {text},
  revoked_at {timestamptz},
  revoked_because {text}
);
CREATE INDEX token_families_by_user ON token_families (org_id, user_id, family_id);

CREATE INDEX token_families_by_service_account ON token_families (org_id, service_account_id);
CREATE INDEX token_families_by_key ON token_families (org_id, key_id);

CREATE TABLE refresh_tokens (
  token_hash {bytes} PRIMARY KEY NOT NULL,
  org_id {uuid} NOT NULL REFERENCES organizations (org_id),
  family_id {uuid} NOT NULL REFERENCES token_families (family_id),
  created_at {timestamptz} NOT NULL,
  expires_at {timestamptz} NOT NULL,
  used_at {timestamptz},
  -- From which address, to tell a client that lost the answer from a thief.
  used_from {text}
);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);
