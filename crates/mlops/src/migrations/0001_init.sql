-- Searches for models. Their work is done by the job job_id; state, error and results are here and outlive it.
CREATE TABLE automl_jobs (
  automl_id {uuid} NOT NULL PRIMARY KEY,
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  name {text} NOT NULL,
  dataset_id {uuid} NOT NULL,
  dataset_name {text} NOT NULL,
  dataset_version BIGINT NOT NULL,
  target {text} NOT NULL,
  settings {json} NOT NULL,
  state {text} NOT NULL,
  error {text},
  experiment_id {text} NOT NULL,
  experiment_row BIGINT NOT NULL,
  run_id {text} NOT NULL,
  plan {json},
  trials BIGINT NOT NULL,
  best {json},
  seconds_used DOUBLE PRECISION NOT NULL,
  score DOUBLE PRECISION,
  results {json},
  model_path {text},
  model_bytes BIGINT,
  job_id {uuid},
  created_by {text} NOT NULL,
  created_at {timestamptz} NOT NULL,
  started_at {timestamptz},
  finished_at {timestamptz}
);
CREATE INDEX automl_jobs_newest ON automl_jobs (project_id, automl_id);
CREATE INDEX automl_jobs_dataset ON automl_jobs (dataset_id, automl_id);

-- kept is the trial as a search takes it up again; it goes when the search has succeeded.
CREATE TABLE automl_trials (
  automl_id {uuid} NOT NULL,
  trial BIGINT NOT NULL,
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  run_id {text} NOT NULL,
  line {json} NOT NULL,
  kept {bytes},
  ended_at {timestamptz} NOT NULL,
  PRIMARY KEY (automl_id, trial),
  FOREIGN KEY (automl_id) REFERENCES automl_jobs (automl_id) ON DELETE CASCADE
);

-- Explanations of models. result is compressed JSON.
CREATE TABLE explanations (
  explanation_id {uuid} NOT NULL PRIMARY KEY,
  org_id {uuid} NOT NULL,
  project_id {uuid} NOT NULL,
  name {text} NOT NULL,
  automl_id {uuid},
  registered {text},
  request {json} NOT NULL,
  state {text} NOT NULL,
  error {text},
  result {bytes},
  job_id {uuid},
  created_by {text} NOT NULL,
  created_at {timestamptz} NOT NULL,
  finished_at {timestamptz}
);
CREATE INDEX explanations_newest ON explanations (project_id, explanation_id);
