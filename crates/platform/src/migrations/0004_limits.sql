-- Limits and quotas.

-- Where somebody has proven to be the owner of an account. Digests only, and no organisation: people sign in before
-- they are in one.
CREATE TABLE known_places (
  account {bytes} NOT NULL,
  place {bytes} NOT NULL,
  last_at {timestamptz} NOT NULL,
  PRIMARY KEY (account, place)
);
CREATE INDEX known_places_by_age ON known_places (last_at);

-- What an organisation has used. The period is year and month (202611), or 0 for what does not begin anew.
CREATE TABLE quota_usage (
  org_id {uuid} NOT NULL,
  quota {text} NOT NULL,
  period BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (org_id, quota, period)
);

-- The last batch of counts that each process has written: a batch whose commit was not heard of is not written twice.
CREATE TABLE quota_batches (
  process_id {uuid} NOT NULL PRIMARY KEY,
  batch BIGINT NOT NULL,
  at {timestamptz} NOT NULL
);

-- A quota on jobs counts those that are not over.
CREATE INDEX jobs_unfinished ON jobs (org_id) WHERE state IN ('queued', 'running');
