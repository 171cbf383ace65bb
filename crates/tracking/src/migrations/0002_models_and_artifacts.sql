-- Logged models, the model registry and artifacts. Names are unique inside a project; every key begins with it.

CREATE TABLE logged_models (
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  model_id {text} NOT NULL,
  experiment_id BIGINT NOT NULL,
  name {text} NOT NULL,
  model_type {text} NOT NULL,
  source_run_id {text} NOT NULL,
  artifact_uri {text} NOT NULL,
  status BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  updated_ms BIGINT NOT NULL,
  deleted {bool} NOT NULL,
  PRIMARY KEY (project_id, model_id)
);
CREATE INDEX logged_models_by_experiment ON logged_models (project_id, experiment_id, created_ms);
CREATE INDEX logged_models_by_run ON logged_models (project_id, source_run_id);

CREATE TABLE logged_model_params (
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  model_id {text} NOT NULL,
  key {text} NOT NULL,
  value {text} NOT NULL,
  PRIMARY KEY (project_id, model_id, key),
  FOREIGN KEY (project_id, model_id) REFERENCES logged_models (project_id, model_id) ON DELETE CASCADE
);

CREATE TABLE logged_model_tags (
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  model_id {text} NOT NULL,
  key {text} NOT NULL,
  value {text} NOT NULL,
  PRIMARY KEY (project_id, model_id, key),
  FOREIGN KEY (project_id, model_id) REFERENCES logged_models (project_id, model_id) ON DELETE CASCADE
);

-- Every point counts here, in the order it came: a client reads them all. A value is never NaN (stored as 0,
-- as MLflow does) nor infinite (stored as the largest double).
CREATE TABLE logged_model_metrics (
  id {identity},
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  model_id {text} NOT NULL,
  key {text} NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  timestamp_ms BIGINT NOT NULL,
  step BIGINT NOT NULL,
  run_id {text} NOT NULL,
  dataset_name {text},
  dataset_digest {text},
  UNIQUE (project_id, model_id, key, timestamp_ms, step, run_id),
  FOREIGN KEY (project_id, model_id) REFERENCES logged_models (project_id, model_id) ON DELETE CASCADE
);

CREATE TABLE registered_models (
  id {identity},
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  name {text} NOT NULL,
  description {text},
  created_ms BIGINT NOT NULL,
  updated_ms BIGINT NOT NULL,
  UNIQUE (project_id, name)
);
CREATE INDEX registered_models_by_update ON registered_models (project_id, updated_ms);

CREATE TABLE registered_model_tags (
  org_id {uuid} NOT NULL,
  registered_id BIGINT NOT NULL,
  key {text} NOT NULL,
  value {text} NOT NULL,
  PRIMARY KEY (registered_id, key),
  FOREIGN KEY (registered_id) REFERENCES registered_models (id) ON DELETE CASCADE
);

-- A deleted version keeps its row, so that its number is never given again.
CREATE TABLE model_versions (
  org_id {uuid} NOT NULL,
  registered_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  description {text},
  stage {text} NOT NULL,
  source {text} NOT NULL,
  storage_location {text} NOT NULL,
  run_id {text},
  run_link {text},
  model_id {text},
  created_ms BIGINT NOT NULL,
  updated_ms BIGINT NOT NULL,
  deleted {bool} NOT NULL,
  PRIMARY KEY (registered_id, version),
  FOREIGN KEY (registered_id) REFERENCES registered_models (id) ON DELETE CASCADE
);
CREATE INDEX model_versions_by_update ON model_versions (org_id, updated_ms);
CREATE INDEX model_versions_by_run ON model_versions (org_id, run_id);
CREATE INDEX model_versions_by_model ON model_versions (org_id, model_id);

CREATE TABLE model_version_tags (
  org_id {uuid} NOT NULL,
  registered_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  key {text} NOT NULL,
  value {text} NOT NULL,
  PRIMARY KEY (registered_id, version, key),
  FOREIGN KEY (registered_id, version) REFERENCES model_versions (registered_id, version) ON DELETE CASCADE
);
CREATE INDEX model_version_tags_by_key ON model_version_tags (key, registered_id);

CREATE TABLE model_aliases (
  org_id {uuid} NOT NULL,
  registered_id BIGINT NOT NULL,
  alias {text} NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (registered_id, alias),
  FOREIGN KEY (registered_id, version) REFERENCES model_versions (registered_id, version) ON DELETE CASCADE
);

-- The logical tree of a project's artifacts over immutable blobs. Folders exist by having files in them.
CREATE TABLE artifacts (
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  path {text} NOT NULL,
  blob_id {uuid} NOT NULL,
  size_bytes BIGINT NOT NULL,
  checksum {text} NOT NULL,
  created_at {timestamptz} NOT NULL,
  PRIMARY KEY (project_id, path)
);
CREATE INDEX artifacts_by_blob ON artifacts (blob_id);

-- Multipart uploads in progress: what the object store calls them, and where they will go.
CREATE TABLE artifact_uploads (
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  upload_id {text} NOT NULL,
  path {text} NOT NULL,
  blob_id {uuid} NOT NULL,
  created_at {timestamptz} NOT NULL,
  PRIMARY KEY (project_id, upload_id)
);

-- Blobs that nothing refers to any more. They are removed after the grace period, in which a download that
-- began before the change may finish.
CREATE TABLE artifact_garbage (
  org_id {uuid} NOT NULL,
  blob_id {uuid} NOT NULL,
  since {timestamptz} NOT NULL,
  PRIMARY KEY (blob_id)
);
CREATE INDEX artifact_garbage_by_age ON artifact_garbage (since);

-- What an import has copied already, so that it can go on where it stopped.
CREATE TABLE import_progress (
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  source {text} NOT NULL,
  kind {text} NOT NULL,
  source_id {text} NOT NULL,
  target_id {text} NOT NULL,
  done {bool} NOT NULL,
  PRIMARY KEY (project_id, source, kind, source_id)
);
