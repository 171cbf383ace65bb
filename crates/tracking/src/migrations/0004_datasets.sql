-- Datasets that are kept here: a name in a project, and numbered versions. Their bytes are in the tree of artifacts, where no
-- client's path leads. (The table datasets holds what clients told of data that went into runs.)
CREATE TABLE stored_datasets (
  dataset_id {uuid} NOT NULL PRIMARY KEY,
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  name {text} NOT NULL,
  description {text} NOT NULL,
  latest BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  created_by {text} NOT NULL,
  created_at {timestamptz} NOT NULL,
  updated_at {timestamptz} NOT NULL
);
CREATE UNIQUE INDEX stored_datasets_name ON stored_datasets (project_id, name);
CREATE INDEX stored_datasets_newest ON stored_datasets (project_id, dataset_id);

-- digest, path and size_bytes are there once the bytes are; the rest once they have been read. Versions that differ only in how
-- their columns are read share one file.
CREATE TABLE dataset_versions (
  dataset_id {uuid} NOT NULL,
  version BIGINT NOT NULL,
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  state {text} NOT NULL,
  error {text},
  source {json} NOT NULL,
  parent BIGINT,
  types {json} NOT NULL,
  format {text},
  digest {text},
  path {text},
  size_bytes BIGINT,
  row_count BIGINT,
  column_count BIGINT,
  quality DOUBLE PRECISION,
  schema_json {json},
  profile {json},
  preview {json},
  job_id {uuid},
  created_by {text} NOT NULL,
  created_at {timestamptz} NOT NULL,
  read_at {timestamptz},
  PRIMARY KEY (dataset_id, version),
  FOREIGN KEY (dataset_id) REFERENCES stored_datasets (dataset_id) ON DELETE CASCADE
);
CREATE INDEX dataset_versions_digest ON dataset_versions (dataset_id, digest);

-- Profiles that look for what tells a column that is to be predicted.
CREATE TABLE dataset_profiles (
  dataset_id {uuid} NOT NULL,
  version BIGINT NOT NULL,
  target {text} NOT NULL,
  org_id {uuid} NOT NULL,
  profile {json} NOT NULL,
  created_at {timestamptz} NOT NULL,
  PRIMARY KEY (dataset_id, version, target),
  FOREIGN KEY (dataset_id, version) REFERENCES dataset_versions (dataset_id, version) ON DELETE CASCADE
);
