-- Audit: one hash chain per organisation. `before` and `after` are text, not JSON: the hash covers their bytes, and a
-- JSON column may reorder keys and respell numbers.
CREATE TABLE audit_heads (
  org_id {uuid} NOT NULL PRIMARY KEY,
  seq BIGINT NOT NULL,
  hash {bytes} NOT NULL
);
CREATE TABLE audit_entries (
  org_id {uuid} NOT NULL,
  seq BIGINT NOT NULL,
  audit_id {uuid} NOT NULL,
  at {timestamptz} NOT NULL,
  actor_kind {text} NOT NULL,
  actor_id {text} NOT NULL,
  actor_label {text} NOT NULL,
  action {text} NOT NULL,
  subject {text} NOT NULL,
  before_text {text},
  after_text {text},
  address {text},
  request_id {text},
  prev_hash {bytes} NOT NULL,
  hash {bytes} NOT NULL,
  PRIMARY KEY (org_id, seq)
);
CREATE INDEX audit_entries_by_subject ON audit_entries (org_id, subject, seq);

-- Outbox: events to deliver, in order per subject.
CREATE TABLE outbox_subjects (
  org_id {uuid} NOT NULL,
  subject {text} NOT NULL,
  last_sequence BIGINT NOT NULL,
  PRIMARY KEY (org_id, subject)
);
CREATE TABLE outbox (
  position {identity},
  org_id {uuid} NOT NULL,
  event_id {uuid} NOT NULL,
  event_type {text} NOT NULL,
  subject {text} NOT NULL,
  sequence BIGINT NOT NULL,
  occurred_at {timestamptz} NOT NULL,
  data {json} NOT NULL
);
CREATE UNIQUE INDEX outbox_by_event ON outbox (event_id);
CREATE UNIQUE INDEX outbox_by_subject ON outbox (org_id, subject, sequence);

-- Jobs. Those of Rhiza itself (collecting garbage, say) belong to no organisation and no tenant sees them.
CREATE TABLE jobs (
  job_id {uuid} NOT NULL PRIMARY KEY,
  org_id {uuid},
  project_id {uuid},
  kind {text} NOT NULL,
  state {text} NOT NULL,
  priority INTEGER NOT NULL,
  run_at {timestamptz} NOT NULL,
  input {json} NOT NULL,
  result {json},
  error {text},
  progress DOUBLE PRECISION NOT NULL,
  message {text} NOT NULL,
  attempts INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  fence BIGINT NOT NULL,
  lease_until {timestamptz},
  worker {text},
  cancel_requested {bool} NOT NULL,
  dedupe_key {text},
  created_by {text} NOT NULL,
  revision BIGINT NOT NULL,
  created_at {timestamptz} NOT NULL,
  updated_at {timestamptz} NOT NULL,
  started_at {timestamptz},
  finished_at {timestamptz}
);
CREATE INDEX jobs_to_claim ON jobs (kind, priority, run_at) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'running';
CREATE UNIQUE INDEX jobs_by_dedupe ON jobs (dedupe_key) WHERE dedupe_key IS NOT NULL AND state IN ('queued', 'running');
CREATE INDEX jobs_by_org ON jobs (org_id, job_id);
CREATE TABLE job_schedules (
  name {text} NOT NULL PRIMARY KEY,
  next_at {timestamptz} NOT NULL,
  last_job_id {uuid}
);

-- Replies kept for requests that carried an Idempotency-Key. The key itself is not stored, only its digest.
CREATE TABLE idempotency_keys (
  org_id {uuid} NOT NULL,
  key_digest {bytes} NOT NULL,
  request_digest {bytes} NOT NULL,
  state {text} NOT NULL,
  status INTEGER,
  content_type {text},
  body {bytes},
  created_at {timestamptz} NOT NULL,
  expires_at {timestamptz} NOT NULL,
  PRIMARY KEY (org_id, key_digest)
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
