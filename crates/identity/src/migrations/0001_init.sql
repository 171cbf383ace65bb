-- Identity, first floor. Tables with an org_id stand behind row-level security on PostgreSQL; users, the
-- installation and set-up tokens have none and are touched by system transactions only.

-- One row for the whole installation: claiming it is what makes set-up happen exactly once.
CREATE TABLE installation (
  installation_id BIGINT PRIMARY KEY NOT NULL,
  claimed_at {timestamptz}
);
INSERT INTO installation (installation_id, claimed_at) VALUES (1, NULL);

CREATE TABLE setup_tokens (
  token_hash {bytes} PRIMARY KEY NOT NULL,
  created_at {timestamptz} NOT NULL
);

CREATE TABLE organizations (
  org_id {uuid} PRIMARY KEY NOT NULL,
  name {text} NOT NULL,
  slug {text} NOT NULL UNIQUE,
  created_at {timestamptz} NOT NULL
);

CREATE TABLE projects (
  project_id {uuid} PRIMARY KEY NOT NULL,
  org_id {uuid} NOT NULL REFERENCES organizations (org_id),
  name {text} NOT NULL,
  slug {text} NOT NULL,
  -- Counts the edits; the ETag of the project.
  revision BIGINT NOT NULL,
  created_at {timestamptz} NOT NULL,
  archived_at {timestamptz},
  UNIQUE (org_id, slug)
);

-- A person may belong to several organisations, so the row belongs to none.
CREATE TABLE users (
  user_id {uuid} PRIMARY KEY NOT NULL,
  -- As the person writes it, and folded to lower case for look-ups.
  email {text} NOT NULL,
  email_key {text} NOT NULL UNIQUE,
  name {text} NOT NULL,
  password_hash {text},
  created_at {timestamptz} NOT NULL,
  disabled_at {timestamptz}
);

CREATE TABLE memberships (
  org_id {uuid} NOT NULL REFERENCES organizations (org_id),
  user_id {uuid} NOT NULL REFERENCES users (user_id),
  role {text} NOT NULL,
  created_at {timestamptz} NOT NULL,
  PRIMARY KEY (org_id, user_id)
);
CREATE INDEX memberships_by_user ON memberships (user_id, created_at);

CREATE TABLE sessions (
  session_id {uuid} PRIMARY KEY NOT NULL,
  org_id {uuid} NOT NULL REFERENCES organizations (org_id),
  user_id {uuid} NOT NULL REFERENCES users (user_id),
  -- SHA-256 of the cookie's value: a stolen database opens no session.
  token_hash {bytes} NOT NULL UNIQUE,
  created_at {timestamptz} NOT NULL,
  last_seen_at {timestamptz} NOT NULL,
  idle_expires_at {timestamptz} NOT NULL,
  expires_at {timestamptz} NOT NULL,
  user_agent {text},
  address {text},
  revoked_at {timestamptz}
);
CREATE INDEX sessions_by_user ON sessions (org_id, user_id, session_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE api_keys (
  key_id {uuid} PRIMARY KEY NOT NULL,
  org_id {uuid} NOT NULL REFERENCES organizations (org_id),
  -- NULL: the key is the organisation's and chooses its project by header.
  project_id {uuid} REFERENCES projects (project_id),
  name {text} NOT NULL,
  prefix {text} NOT NULL,
  secret_hash {bytes} NOT NULL UNIQUE,
  scopes {json} NOT NULL,
  role {text} NOT NULL,
  created_by {uuid} NOT NULL REFERENCES users (user_id),
  created_at {timestamptz} NOT NULL,
  expires_at {timestamptz},
  last_used_at {timestamptz},
  revoked_at {timestamptz}
);
CREATE INDEX api_keys_by_project ON api_keys (org_id, project_id, key_id);
