-- Experiments. Ids are global numbers, because MLflow's clients compare and store them as such. The row whose
-- default_of names its project is the one its clients know as "0".
CREATE TABLE experiments (
  id {identity},
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  default_of {uuid},
  name {text} NOT NULL,
  artifact_location {text} NOT NULL,
  deleted {bool} NOT NULL,
  created_ms BIGINT NOT NULL,
  updated_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX experiments_name ON experiments (project_id, name);
CREATE UNIQUE INDEX experiments_default ON experiments (default_of);
CREATE INDEX experiments_created ON experiments (project_id, created_ms, id);

CREATE TABLE experiment_tags (
  experiment_id BIGINT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
  tag_key {text} NOT NULL,
  org_id {uuid} NOT NULL,
  tag_value {text} NOT NULL,
  PRIMARY KEY (experiment_id, tag_key)
) {without_rowid};

-- Runs. The number is ours and keys everything that belongs to a run; run_id is what clients know.
CREATE TABLE runs (
  id {identity},
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  experiment_id BIGINT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
  run_id {text} NOT NULL,
  name {text} NOT NULL,
  user_id {text} NOT NULL,
  status SMALLINT NOT NULL,
  deleted {bool} NOT NULL,
  start_time BIGINT NOT NULL,
  end_time BIGINT,
  deleted_ms BIGINT
);
CREATE UNIQUE INDEX runs_run_id ON runs (run_id);
-- The default order of every list of runs.
CREATE INDEX runs_started ON runs (experiment_id, deleted, start_time DESC, run_id);
CREATE INDEX runs_deleted ON runs (deleted_ms) WHERE deleted_ms IS NOT NULL;

CREATE TABLE run_params (
  run_pk BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  param_key {text} NOT NULL,
  org_id {uuid} NOT NULL,
  param_value {text} NOT NULL,
  PRIMARY KEY (run_pk, param_key)
) {without_rowid};

CREATE TABLE run_tags (
  run_pk BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  tag_key {text} NOT NULL,
  org_id {uuid} NOT NULL,
  tag_value {text} NOT NULL,
  PRIMARY KEY (run_pk, tag_key)
) {without_rowid};

-- One row per metric of a run: its latest point, where filters and orderings look. metric_value is finite, NaN is a flag beside 0;
-- value_bits is the same double as an integer, so that it can leave the database inside JSON without rounding.
CREATE TABLE metric_series (
  run_pk BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  metric_key {text} NOT NULL,
  org_id {uuid} NOT NULL,
  experiment_id BIGINT NOT NULL,
  metric_value DOUBLE PRECISION NOT NULL,
  value_bits BIGINT NOT NULL,
  is_nan {bool} NOT NULL,
  logged_at BIGINT NOT NULL,
  step BIGINT NOT NULL,
  PRIMARY KEY (run_pk, metric_key)
) {without_rowid};
CREATE INDEX metric_series_value ON metric_series (experiment_id, metric_key, is_nan, metric_value);

-- Points as they came: one row per write, all its keys together. Folded into segments when there are many.
CREATE TABLE metric_log (
  id {identity},
  run_pk BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  org_id {uuid} NOT NULL,
  points BIGINT NOT NULL,
  data {bytes} NOT NULL
);
CREATE INDEX metric_log_run ON metric_log (run_pk, id);

-- Histories: sorted, compressed runs of points of one metric. Two neighbours of similar size are merged, so that a
-- long history is few rows. first_* and last_* say which segments can overlap.
CREATE TABLE metric_segments (
  id {identity},
  run_pk BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  metric_key {text} NOT NULL,
  org_id {uuid} NOT NULL,
  level SMALLINT NOT NULL,
  points BIGINT NOT NULL,
  first_at BIGINT NOT NULL,
  first_step BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  last_step BIGINT NOT NULL,
  min_step BIGINT NOT NULL,
  max_step BIGINT NOT NULL,
  data {bytes} NOT NULL
);
CREATE INDEX metric_segments_key ON metric_segments (run_pk, metric_key, level);

-- Datasets as runs saw them: one row per (experiment, name, digest).
CREATE TABLE datasets (
  id {identity},
  org_id {uuid} NOT NULL,
  experiment_id BIGINT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
  name {text} NOT NULL,
  digest {text} NOT NULL,
  source_type {text} NOT NULL,
  source {text} NOT NULL,
  schema_json {text},
  profile {text}
);
CREATE UNIQUE INDEX datasets_identity ON datasets (experiment_id, name, digest);

CREATE TABLE run_datasets (
  run_pk BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  dataset_pk BIGINT NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
  org_id {uuid} NOT NULL,
  position BIGINT NOT NULL,
  tags {text} NOT NULL,
  context {text},
  PRIMARY KEY (run_pk, dataset_pk)
) {without_rowid};
CREATE INDEX run_datasets_dataset ON run_datasets (dataset_pk);

-- Logged models that went into a run or came out of it, in order.
CREATE TABLE run_models (
  id {identity},
  run_pk BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  org_id {uuid} NOT NULL,
  is_output {bool} NOT NULL,
  model_id {text} NOT NULL,
  step BIGINT NOT NULL
);
CREATE UNIQUE INDEX run_models_once ON run_models (run_pk, is_output, model_id);
CREATE INDEX run_models_run ON run_models (run_pk, is_output, id);
CREATE INDEX run_models_model ON run_models (model_id);
