-- Who may do what: an organisation's own roles, teams, roles in single projects, invitations.

-- Counts the edits; asked of everybody who signs in; the plan whose limits count.
ALTER TABLE organizations ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE organizations ADD COLUMN require_second_factor {bool} NOT NULL DEFAULT FALSE;
ALTER TABLE organizations ADD COLUMN plan {text} NOT NULL DEFAULT '';

-- Only those with a role in it, and who manages projects, may enter a private project.
ALTER TABLE projects ADD COLUMN is_private {bool} NOT NULL DEFAULT FALSE;

CREATE TABLE roles (
  role_id {uuid} PRIMARY KEY NOT NULL,
  org_id {uuid} NOT NULL REFERENCES organizations (org_id),
  name {text} NOT NULL,
  name_key {text} NOT NULL,
  description {text} NOT NULL,
  -- Names of permissions. One that a later version no longer knows grants nothing.
  permissions {json} NOT NULL,
  revision BIGINT NOT NULL,
  created_at {timestamptz} NOT NULL,
  UNIQUE (org_id, name_key)
);

CREATE TABLE teams (
  team_id {uuid} PRIMARY KEY NOT NULL,
  org_id {uuid} NOT NULL REFERENCES organizations (org_id),
  name {text} NOT NULL,
  name_key {text} NOT NULL,
  description {text} NOT NULL,
  revision BIGINT NOT NULL,
  created_at {timestamptz} NOT NULL,
  UNIQUE (org_id, name_key)
);

CREATE TABLE team_members (
  org_id {uuid} NOT NULL,
  team_id {uuid} NOT NULL REFERENCES teams (team_id),
  user_id {uuid} NOT NULL REFERENCES users (user_id),
  created_at {timestamptz} NOT NULL,
  PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_by_user ON team_members (org_id, user_id);

-- A role in one project, beside the role in the organisation.
CREATE TABLE project_roles (
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL REFERENCES projects (project_id),
  -- 'user', 'team' or 'service_account', and its id.
  subject_kind {text} NOT NULL,
  subject_id {uuid} NOT NULL,
  -- A fixed role or the id of one of the organisation's own.
  role {text} NOT NULL,
  created_at {timestamptz} NOT NULL,
  PRIMARY KEY (project_id, subject_kind, subject_id)
);
CREATE INDEX project_roles_by_subject ON project_roles (org_id, subject_kind, subject_id);

CREATE TABLE invitations (
  invitation_id {uuid} PRIMARY KEY NOT NULL,
  org_id {uuid} NOT NULL REFERENCES organizations (org_id),
  email {text} NOT NULL,
  email_key {text} NOT NULL,
  role {text} NOT NULL,
  -- Teams to join at once, by id.
  teams {json} NOT NULL,
  -- SHA-256 of the secret in the link.
  token_hash {bytes} NOT NULL UNIQUE,
  invited_by {uuid} NOT NULL REFERENCES users (user_id),
  created_at {timestamptz} NOT NULL,
  expires_at {timestamptz} NOT NULL,
  accepted_at {timestamptz},
  accepted_by {uuid} REFERENCES users (user_id),
  revoked_at {timestamptz}
);
CREATE INDEX invitations_by_org ON invitations (org_id, invitation_id);
CREATE INDEX invitations_by_email ON invitations (email_key);
