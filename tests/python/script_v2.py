"""The same script as far as MLflow 2 goes. Run by test_script_v2.py with the Python of the MLflow 2 environment.

Each step is a function; the result of each is one line of JSON on standard output: {"step", "error"}.
"""

import json
import math
import os
import pathlib
import sys
import tempfile
import traceback
import uuid

import mlflow
import numpy as np
import pandas as pd

STEPS = []


def step(function):
    STEPS.append(function)
    return function


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


client = mlflow.MlflowClient()


def model_data():
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression

    frame, target = load_breast_cancer(return_X_y=True, as_frame=True)
    frame = frame.iloc[:, :4]
    return frame, target, LogisticRegression(max_iter=200).fit(frame, target)


@step
def experiment_and_nested_runs():
    experiment = mlflow.set_experiment(unique("v2"))
    with mlflow.start_run(run_name="parent") as parent:
        mlflow.log_param("a", 1)
        mlflow.log_params({"b": 2, "c": "x"})
        mlflow.log_metric("m", 0.5)
        mlflow.log_metrics({"n": 1, "o": 2}, step=3)
        mlflow.set_tags({"t": "1"})
        with mlflow.start_run(nested=True, run_name="child"):
            mlflow.log_metric("m", 0.1)
    stored = client.get_run(parent.info.run_id)
    assert stored.info.status == "FINISHED" and stored.info.experiment_id == experiment.experiment_id
    assert stored.data.params == {"a": "1", "b": "2", "c": "x"}
    assert stored.data.metrics == {"m": 0.5, "n": 1.0, "o": 2.0}
    children = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert list(children["tags.mlflow.runName"]) == ["child"]


@step
def special_values_and_history():
    mlflow.set_experiment(unique("v2"))
    with mlflow.start_run() as run:
        for value, at in ((float("nan"), 1), (float("inf"), 2), (1.5, 3)):
            mlflow.log_metric("m", value, step=at)
    history = client.get_metric_history(run.info.run_id, "m")
    assert math.isnan(history[0].value) and history[1].value == 1.7976931348623157e308 and history[2].value == 1.5


@step
def batch_and_async():
    from mlflow.entities import Metric

    experiment_id = client.create_experiment(unique("v2"))
    run_id = client.create_run(experiment_id).info.run_id
    client.log_batch(run_id, metrics=[Metric("m", float(i), i, i) for i in range(1000)])
    assert len(client.get_metric_history(run_id, "m")) == 1000
    mlflow.set_experiment(experiment_id=experiment_id)
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metric("later", 1, synchronous=False).wait()
    assert client.get_run(run_id).data.metrics == {"m": 999.0, "later": 1.0}


@step
def artifacts_of_every_kind():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    mlflow.set_experiment(unique("v2"))
    with tempfile.TemporaryDirectory() as directory, mlflow.start_run() as run:
        folder = pathlib.Path(directory, "folder")
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "x.bin").write_bytes(b"\0\1\2")
        mlflow.log_text("hello", "t.txt")
        mlflow.log_dict({"a": 1}, "d.json")
        figure, axis = plt.subplots()
        axis.plot([1, 2])
        mlflow.log_figure(figure, "f.png")
        mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "i.png")
        mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), key="k", step=1)
        mlflow.log_table({"a": [1, 2]}, "tab.json")
        mlflow.log_artifacts(str(folder), "copied")
        run_id = run.info.run_id
        assert mlflow.artifacts.load_text(f"runs:/{run_id}/t.txt") == "hello"
        assert mlflow.artifacts.load_dict(f"runs:/{run_id}/d.json") == {"a": 1}
        assert list(mlflow.load_table("tab.json", run_ids=[run_id])["a"]) == [1, 2]
        local = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/copied", dst_path=directory)
        assert pathlib.Path(local, "deep", "x.bin").read_bytes() == b"\0\1\2"
        assert [f.path for f in client.list_artifacts(run_id, "copied")] == ["copied/deep"]


@step
def dataset_input():
    mlflow.set_experiment(unique("v2"))
    dataset = mlflow.data.from_pandas(pd.DataFrame({"a": [1, 2]}), name="frame")
    with mlflow.start_run() as run:
        mlflow.log_input(dataset, context="train")
    stored = client.get_run(run.info.run_id).inputs.dataset_inputs[0]
    assert stored.dataset.name == "frame" and stored.tags[0].value == "train"


@step
def sklearn_autolog():
    from sklearn.tree import DecisionTreeClassifier

    frame, target, _ = model_data()
    mlflow.set_experiment(unique("v2"))
    mlflow.sklearn.autolog()
    try:
        with mlflow.start_run() as run:
            DecisionTreeClassifier(max_depth=2).fit(frame, target)
    finally:
        mlflow.sklearn.autolog(disable=True)
    stored = client.get_run(run.info.run_id)
    assert stored.info.status == "FINISHED" and stored.data.params["max_depth"] == "2"
    assert "model" in {f.path for f in client.list_artifacts(run.info.run_id)}
    assert json.loads(stored.data.tags["mlflow.log-model.history"])[0]["artifact_path"] == "model"


@step
def log_register_alias_stage_load():
    from mlflow.models import infer_signature

    frame, _, estimator = model_data()
    expected = estimator.predict(frame)
    name = unique("v2model")
    mlflow.set_experiment(unique("v2"))
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(
            estimator,
            "model",
            signature=infer_signature(frame, expected),
            input_example=frame.head(2),
            registered_model_name=name,
        )
    again = mlflow.register_model(f"runs:/{run.info.run_id}/model", name)
    assert int(again.version) == 2
    client.set_registered_model_alias(name, "champion", "1")
    client.transition_model_version_stage(name, "2", "Production")
    for uri in (f"models:/{name}@champion", f"models:/{name}/2", f"models:/{name}/Production", f"runs:/{run.info.run_id}/model"):
        assert (mlflow.pyfunc.load_model(uri).predict(frame) == expected).all(), uri
    assert client.get_model_version_by_alias(name, "champion").run_id == run.info.run_id


@step
def registry_life():
    name = unique("v2reg")
    client.create_registered_model(name, tags={"a": "1"}, description="d")
    client.create_model_version(name, "s3://b/x")
    client.set_registered_model_tag(name, "b", "2")
    client.set_model_version_tag(name, "1", "c", "3")
    client.update_model_version(name, "1", description="e")
    client.update_registered_model(name, description="f")
    client.transition_model_version_stage(name, "1", "Staging")
    assert [int(v.version) for v in client.get_latest_versions(name, ["Staging"])] == [1]
    stored = client.get_registered_model(name)
    assert stored.tags == {"a": "1", "b": "2"} and stored.description == "f"
    assert [m.name for m in client.search_registered_models(f"name = '{name}'")] == [name]
    assert [int(v.version) for v in client.search_model_versions(f"name = '{name}'")] == [1]
    client.rename_registered_model(name, name + "-x")
    client.delete_model_version(name + "-x", "1")
    client.delete_registered_model(name + "-x")
    try:
        client.get_registered_model(name + "-x")
    except mlflow.MlflowException as error:
        assert error.error_code == "RESOURCE_DOES_NOT_EXIST"
    else:
        raise AssertionError("deleted model is still there")


@step
def search_runs_and_experiments():
    name = unique("v2find")
    experiment_id = client.create_experiment(name, tags={"team": "a"})
    for index in range(5):
        run = client.create_run(experiment_id, start_time=index, run_name=f"r{index}")
        client.log_metric(run.info.run_id, "m", index)
        client.log_param(run.info.run_id, "p", str(index))
    found = client.search_runs([experiment_id], "metrics.m > 1 AND params.p != '4'", order_by=["metrics.m DESC"])
    assert [r.info.run_name for r in found] == ["r3", "r2"]
    page = client.search_runs([experiment_id], max_results=3)
    assert len(page) == 3 and len(client.search_runs([experiment_id], page_token=page.token)) == 2
    assert [e.name for e in client.search_experiments(filter_string=f"name = '{name}' AND tags.team = 'a'")] == [name]


@step
def delete_and_restore():
    experiment_id = client.create_experiment(unique("v2"))
    run_id = client.create_run(experiment_id).info.run_id
    client.delete_run(run_id)
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    client.restore_run(run_id)
    client.rename_experiment(experiment_id, unique("v2renamed"))
    client.delete_experiment(experiment_id)
    assert client.get_experiment(experiment_id).lifecycle_stage == "deleted"
    client.restore_experiment(experiment_id)
    assert client.get_run(run_id).info.lifecycle_stage == "active"


@step
def prompts():
    name = unique("v2prompt")
    mlflow.register_prompt(name, "Hello {{name}}", commit_message="c")
    mlflow.register_prompt(name, "Hi {{name}}")
    assert mlflow.load_prompt(name, version=1).template == "Hello {{name}}"
    mlflow.set_prompt_alias(name, "prod", 2)
    assert mlflow.load_prompt(f"prompts:/{name}@prod").template == "Hi {{name}}"


def main() -> None:
    if sys.argv[1:] == ["--list"]:
        print("\n".join(function.__name__ for function in STEPS))
        return
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    for function in STEPS:
        try:
            function()
            error = None
        except BaseException:
            error = traceback.format_exc()
        print("RESULT " + json.dumps({"step": function.__name__, "error": error}), flush=True)


if __name__ == "__main__":
    main()
