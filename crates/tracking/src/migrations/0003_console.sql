-- Which runs are a part of a run, and which run. A tag may be longer than an index entry; a run's id is not.
CREATE INDEX run_tags_parent ON run_tags (substr(tag_value, 1, 64)) WHERE tag_key = 'mlflow.parentRunId';
CREATE INDEX runs_running ON runs (experiment_id, deleted) WHERE status = 1;
