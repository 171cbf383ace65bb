-- What was dropped from the chains by retention: where, and with which hash, the chain goes on. Signed, so that nobody
-- who can write to the database can make entries disappear and claim that it was policy.
CREATE TABLE audit_checkpoints (
  org_id {uuid} NOT NULL,
  seq BIGINT NOT NULL,
  hash {bytes} NOT NULL,
  dropped BIGINT NOT NULL,
  made_at {timestamptz} NOT NULL,
  retention_days BIGINT NOT NULL,
  key_id {text} NOT NULL,
  signature {bytes} NOT NULL,
  PRIMARY KEY (org_id, seq)
);

-- The keys that sign them. The private half is sealed under the master key.
CREATE TABLE audit_keys (
  key_number BIGINT NOT NULL PRIMARY KEY,
  key_id {text} NOT NULL,
  public_key {bytes} NOT NULL,
  private_sealed {bytes} NOT NULL,
  created_at {timestamptz} NOT NULL
);

CREATE INDEX audit_entries_by_time ON audit_entries (org_id, at);
CREATE INDEX audit_entries_by_actor ON audit_entries (org_id, actor_id, seq);
CREATE INDEX audit_entries_by_action ON audit_entries (org_id, action, seq);
