"""What a data scientist's script does with an unchanged MLflow 3 client, end to end and checked by reading back."""

import json
import math
import os
import pathlib
import time

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def mlflow(tracking):
    return tracking


@pytest.fixture(scope="module")
def client(mlflow):
    return mlflow.MlflowClient()


@pytest.fixture
def experiment(mlflow, unique):
    return mlflow.set_experiment(unique("script"))


@pytest.fixture(scope="module")
def data():
    from sklearn.datasets import load_breast_cancer

    frame, target = load_breast_cancer(return_X_y=True, as_frame=True)
    return frame, target


def small_model(data):
    from sklearn.linear_model import LogisticRegression

    frame, target = data
    return LogisticRegression(max_iter=200).fit(frame.iloc[:, :4], target)


# --- experiments and runs ----------------------------------------------------------------------------------------


def test_set_experiment_creates_once_and_finds_again(mlflow, unique):
    name = unique("exp")
    first = mlflow.set_experiment(name)
    again = mlflow.set_experiment(name)
    assert first.experiment_id == again.experiment_id
    assert first.name == name and first.lifecycle_stage == "active"
    assert first.artifact_location.startswith("mlflow-artifacts:/")
    assert first.creation_time <= again.last_update_time


def test_default_experiment_is_zero(client):
    default = client.get_experiment("0")
    assert default.name == "Default"
    assert client.get_experiment_by_name("Default").experiment_id == default.experiment_id


def test_experiment_tags_rename_delete_restore(mlflow, client, unique):
    name = unique("exp")
    experiment_id = client.create_experiment(name, tags={"team": "vision", "note": "ünï"})
    client.set_experiment_tag(experiment_id, "stage", "draft")
    assert client.get_experiment(experiment_id).tags == {"team": "vision", "note": "ünï", "stage": "draft"}
    client.delete_experiment_tag(experiment_id, "note")
    assert "note" not in client.get_experiment(experiment_id).tags
    client.rename_experiment(experiment_id, name + "-renamed")
    assert client.get_experiment(experiment_id).name == name + "-renamed"
    assert client.get_experiment_by_name(name) is None
    run = client.create_run(experiment_id)
    client.delete_experiment(experiment_id)
    assert client.get_experiment(experiment_id).lifecycle_stage == "deleted"
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    with pytest.raises(mlflow.MlflowException, match="must be in the 'active' state"):
        client.create_run(experiment_id)
    client.restore_experiment(experiment_id)
    assert client.get_experiment(experiment_id).lifecycle_stage == "active"
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"


def test_experiment_name_is_unique(mlflow, client, unique):
    name = unique("exp")
    client.create_experiment(name)
    with pytest.raises(mlflow.MlflowException) as caught:
        client.create_experiment(name)
    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"


def test_nested_runs_with_params_metrics_tags(mlflow, client, experiment):
    with mlflow.start_run(run_name="parent") as parent:
        mlflow.log_param("depth", 3)
        mlflow.log_params({"lr": 0.1, "optimizer": "adam", "none": None, "flag": True})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metrics({"acc": 0.9, "f1": 0.8}, step=2)
        mlflow.set_tag("phase", "train")
        mlflow.set_tags({"a": "1", "b": "2"})
        children = []
        for index in range(3):
            with mlflow.start_run(nested=True, run_name=f"child-{index}") as child:
                mlflow.log_param("index", index)
                mlflow.log_metric("score", index / 10)
                children.append(child.info.run_id)
    stored = client.get_run(parent.info.run_id)
    assert stored.info.status == "FINISHED" and stored.info.run_name == "parent"
    assert stored.info.end_time >= stored.info.start_time
    assert stored.data.params == {"depth": "3", "lr": "0.1", "optimizer": "adam", "none": "None", "flag": "True"}
    assert stored.data.metrics == {"loss": 0.5, "acc": 0.9, "f1": 0.8}
    assert stored.data.tags["phase"] == "train" and stored.data.tags["mlflow.runName"] == "parent"
    assert stored.data.tags["mlflow.source.type"] and stored.data.tags["mlflow.user"]
    found = mlflow.search_runs(filter_string=f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'", output_format="list")
    assert {run.info.run_id for run in found} == set(children)


def test_failed_run_is_marked(mlflow, client, experiment):
    with pytest.raises(ValueError):
        with mlflow.start_run() as run:
            raise ValueError("boom")
    assert client.get_run(run.info.run_id).info.status == "FAILED"


def test_resume_run(mlflow, client, experiment):
    with mlflow.start_run() as run:
        mlflow.log_param("a", 1)
    with mlflow.start_run(run_id=run.info.run_id):
        mlflow.log_param("b", 2)
        assert client.get_run(run.info.run_id).info.status == "RUNNING"
    stored = client.get_run(run.info.run_id)
    assert stored.info.status == "FINISHED" and stored.data.params == {"a": "1", "b": "2"}


def test_run_without_a_name_gets_one(client, experiment):
    run = client.create_run(experiment.experiment_id)
    assert run.info.run_name
    assert client.get_run(run.info.run_id).data.tags["mlflow.runName"] == run.info.run_name


def test_update_run_and_set_terminated(client, experiment):
    run = client.create_run(experiment.experiment_id, run_name="before")
    client.update_run(run.info.run_id, status="SCHEDULED", name="after")
    stored = client.get_run(run.info.run_id)
    assert (stored.info.status, stored.info.run_name) == ("SCHEDULED", "after")
    assert stored.data.tags["mlflow.runName"] == "after"
    client.set_terminated(run.info.run_id, status="KILLED", end_time=1234567)
    stored = client.get_run(run.info.run_id)
    assert (stored.info.status, stored.info.end_time) == ("KILLED", 1234567)


def test_delete_and_restore_run(mlflow, client, experiment):
    run = client.create_run(experiment.experiment_id)
    client.delete_run(run.info.run_id)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    assert client.search_runs([experiment.experiment_id]) == []
    from mlflow.entities import ViewType

    assert len(client.search_runs([experiment.experiment_id], run_view_type=ViewType.DELETED_ONLY)) == 1
    with pytest.raises(mlflow.MlflowException, match="must be in the 'active' state"):
        client.log_metric(run.info.run_id, "m", 1)
    client.restore_run(run.info.run_id)
    assert len(client.search_runs([experiment.experiment_id])) == 1
    client.log_metric(run.info.run_id, "m", 1)


def test_tags_are_overwritten_and_deleted(mlflow, client, experiment):
    run = client.create_run(experiment.experiment_id)
    client.set_tag(run.info.run_id, "k", "1")
    client.set_tag(run.info.run_id, "k", "2")
    assert client.get_run(run.info.run_id).data.tags["k"] == "2"
    client.delete_tag(run.info.run_id, "k")
    assert "k" not in client.get_run(run.info.run_id).data.tags
    with pytest.raises(mlflow.MlflowException) as caught:
        client.delete_tag(run.info.run_id, "k")
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_params_are_write_once(mlflow, client, experiment):
    run = client.create_run(experiment.experiment_id)
    client.log_param(run.info.run_id, "p", "1")
    client.log_param(run.info.run_id, "p", "1")
    with pytest.raises(mlflow.MlflowException, match="Changing param values is not allowed"):
        client.log_param(run.info.run_id, "p", "2")
    assert client.get_run(run.info.run_id).data.params == {"p": "1"}


# --- metrics -----------------------------------------------------------------------------------------------------


def test_metric_history_keeps_every_point_in_order(client, experiment):
    run = client.create_run(experiment.experiment_id)
    for step in (3, 1, 2):
        client.log_metric(run.info.run_id, "loss", step / 10, timestamp=1000 + step, step=step)
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(m.step, m.value, m.timestamp) for m in history] == [(1, 0.1, 1001), (2, 0.2, 1002), (3, 0.3, 1003)]
    assert client.get_run(run.info.run_id).data.metrics == {"loss": 0.3}
    assert client.get_metric_history(run.info.run_id, "nothing") == []


def test_special_metric_values(client, experiment):
    run_id = client.create_run(experiment.experiment_id).info.run_id
    client.log_metric(run_id, "nan", float("nan"))
    client.log_metric(run_id, "inf", float("inf"))
    client.log_metric(run_id, "ninf", float("-inf"))
    client.log_metric(run_id, "tiny", 5e-324)
    metrics = client.get_run(run_id).data.metrics
    assert math.isnan(metrics["nan"])
    assert metrics["inf"] == 1.7976931348623157e308 and metrics["ninf"] == -1.7976931348623157e308
    assert metrics["tiny"] == 5e-324


def test_batch_of_a_thousand_metrics(client, experiment):
    from mlflow.entities import Metric, Param, RunTag

    run_id = client.create_run(experiment.experiment_id).info.run_id
    client.log_batch(
        run_id,
        metrics=[Metric("curve", step * 0.5, 10_000 + step, step) for step in range(1000)],
    )
    client.log_batch(
        run_id,
        params=[Param(f"p{i:03}", str(i)) for i in range(100)],
    )
    client.log_batch(run_id, tags=[RunTag(f"t{i:03}", str(i)) for i in range(100)])
    history = client.get_metric_history(run_id, "curve")
    assert [m.value for m in history] == [step * 0.5 for step in range(1000)]
    stored = client.get_run(run_id)
    assert len(stored.data.params) == 100 and stored.data.tags["t099"] == "99"
    assert stored.data.metrics["curve"] == 499.5


def test_history_is_paged_by_the_client(client, experiment):
    from mlflow.entities import Metric

    run_id = client.create_run(experiment.experiment_id).info.run_id
    for start in range(0, 3000, 1000):
        client.log_batch(run_id, metrics=[Metric("m", float(i), i, i) for i in range(start, start + 1000)])
    history = client.get_metric_history(run_id, "m")
    assert [m.step for m in history] == list(range(3000))


def test_async_logging(mlflow, client, experiment):
    with mlflow.start_run() as run:
        pending = [mlflow.log_metric("m", i, step=i, synchronous=False) for i in range(50)]
        pending.append(mlflow.log_param("p", 1, synchronous=False))
        pending.append(mlflow.set_tag("t", "x", synchronous=False))
        pending.append(mlflow.log_metrics({"a": 1, "b": 2}, synchronous=False))
        for operation in pending:
            operation.wait()
    stored = client.get_run(run.info.run_id)
    assert stored.data.metrics == {"m": 49, "a": 1, "b": 2}
    assert stored.data.params == {"p": "1"} and stored.data.tags["t"] == "x"
    assert len(client.get_metric_history(run.info.run_id, "m")) == 50


def test_system_metrics(mlflow, client, experiment):
    mlflow.set_system_metrics_sampling_interval(0.2)
    mlflow.set_system_metrics_samples_before_logging(1)
    try:
        with mlflow.start_run(log_system_metrics=True) as run:
            time.sleep(1.5)
    finally:
        mlflow.set_system_metrics_sampling_interval(None)
        mlflow.set_system_metrics_samples_before_logging(None)
    assert client.get_metric_history(run.info.run_id, "system/cpu_utilization_percentage")


# --- artifacts ---------------------------------------------------------------------------------------------------


def test_artifacts_of_every_kind(mlflow, client, experiment, tmp_path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from PIL import Image

    single = tmp_path / "notes.txt"
    single.write_text("a file\n", "utf-8")
    folder = tmp_path / "folder"
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "one.csv").write_text("a,b\n1,2\n", "utf-8")
    (folder / "deep" / "two.bin").write_bytes(bytes(range(256)) * 100)
    (folder / "deep" / "deeper" / "empty").write_bytes(b"")
    with mlflow.start_run() as run:
        mlflow.log_text("hello\nwörld", "text/hello.txt")
        mlflow.log_dict({"a": [1, 2, {"b": None}]}, "config.json")
        mlflow.log_dict({"a": 1}, "config.yaml")
        figure, axis = plt.subplots()
        axis.plot([1, 2, 3])
        mlflow.log_figure(figure, "plots/line.png")
        plt.close(figure)
        mlflow.log_image(np.zeros((8, 8, 3), dtype=np.uint8), "images/zero.png")
        mlflow.log_image(Image.new("RGB", (4, 4), "red"), key="step-image", step=3)
        mlflow.log_table({"q": ["x", "y"], "a": [1, 2]}, "table.json")
        mlflow.log_table(pd.DataFrame({"q": ["z"], "a": [3]}), "table.json")
        mlflow.log_artifact(str(single))
        mlflow.log_artifact(str(single), "sub/dir")
        mlflow.log_artifacts(str(folder), "copied")
    run_id = run.info.run_id
    top = {f.path: (f.is_dir, f.file_size) for f in client.list_artifacts(run_id)}
    assert top["notes.txt"] == (False, 7) and top["copied"] == (True, None)
    assert {"config.json", "config.yaml", "images", "plots", "sub", "table.json", "text"} <= set(top)
    assert [f.path for f in client.list_artifacts(run_id, "copied/deep")] == ["copied/deep/deeper", "copied/deep/two.bin"]
    assert client.list_artifacts(run_id, "nothing/here") == []
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/text/hello.txt") == "hello\nwörld"
    assert mlflow.artifacts.load_dict(f"runs:/{run_id}/config.json") == {"a": [1, 2, {"b": None}]}
    assert mlflow.artifacts.load_image(f"runs:/{run_id}/images/zero.png").size == (8, 8)
    table = mlflow.load_table("table.json", run_ids=[run_id])
    assert list(table["q"]) == ["x", "y", "z"]
    step_images = [f.path for f in client.list_artifacts(run_id, "images") if "step-image" in f.path]
    assert len(step_images) == 2 and all("+step+3+" in p or "%step%3%" in p for p in step_images)
    local = pathlib.Path(mlflow.artifacts.download_artifacts(f"runs:/{run_id}/copied", dst_path=str(tmp_path / "down")))
    assert (local / "deep" / "two.bin").read_bytes() == bytes(range(256)) * 100
    assert (local / "deep" / "deeper" / "empty").read_bytes() == b""
    assert (local / "one.csv").read_text("utf-8") == "a,b\n1,2\n"


def test_large_artifact_round_trip(mlflow, experiment, tmp_path):
    source = tmp_path / "large.bin"
    block = os.urandom(1 << 20)
    with source.open("wb") as out:
        for _ in range(20):
            out.write(block)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(source))
    back = mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/large.bin", dst_path=str(tmp_path / "back"))
    assert pathlib.Path(back).read_bytes() == source.read_bytes()


def test_artifact_names_with_blanks_and_letters_of_other_scripts(mlflow, client, experiment):
    with mlflow.start_run() as run:
        mlflow.log_text("1", "mit leerzeichen/grün & größer 100%.txt")
        mlflow.log_text("2", "данные/图.txt")
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/данные/图.txt") == "2"
    names = [f.path for f in client.list_artifacts(run.info.run_id, "mit leerzeichen")]
    assert names == ["mit leerzeichen/grün & größer 100%.txt"]


def test_missing_artifact_is_an_error(mlflow, experiment):
    with mlflow.start_run() as run:
        pass
    with pytest.raises(Exception, match="(?i)not found|no such|404|does not exist|failed to download"):
        mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/nothing.txt")


# --- datasets ----------------------------------------------------------------------------------------------------


def test_log_input_dataset(mlflow, client, experiment, data):
    frame, _ = data
    dataset = mlflow.data.from_pandas(frame.head(20), source="https://example.org/cancer.csv", name="cancer")
    with mlflow.start_run() as run:
        mlflow.log_input(dataset, context="training", tags={"split": "head"})
    stored = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert len(stored) == 1
    assert stored[0].dataset.name == "cancer" and stored[0].dataset.digest == dataset.digest
    assert {t.key: t.value for t in stored[0].tags} == {"mlflow.data.context": "training", "split": "head"}
    assert json.loads(stored[0].dataset.profile)["num_rows"] == 20
    found = client.search_runs([experiment.experiment_id], "dataset.name = 'cancer' AND dataset.context = 'training'")
    assert [r.info.run_id for r in found] == [run.info.run_id]
    assert client.search_runs([experiment.experiment_id], "dataset.digest = 'other'") == []
    source = mlflow.data.get_source(stored[0].dataset)
    assert source.url == "https://example.org/cancer.csv"


# --- models ------------------------------------------------------------------------------------------------------


def test_sklearn_autolog(mlflow, client, experiment, data):
    from sklearn.ensemble import RandomForestClassifier

    frame, target = data
    mlflow.sklearn.autolog(log_datasets=True)
    try:
        with mlflow.start_run() as run:
            RandomForestClassifier(n_estimators=5, max_depth=3, random_state=0).fit(frame.iloc[:, :5], target)
    finally:
        mlflow.sklearn.autolog(disable=True)
    stored = client.get_run(run.info.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.data.params["n_estimators"] == "5" and "training_score" in stored.data.metrics
    assert stored.inputs.dataset_inputs and stored.outputs.model_outputs
    names = {f.path for f in client.list_artifacts(run.info.run_id)}
    assert {"estimator.html", "training_confusion_matrix.png"} <= names
    model = mlflow.get_logged_model(stored.outputs.model_outputs[0].model_id)
    assert model.source_run_id == run.info.run_id and str(model.status) == "READY"


def test_log_model_register_alias_stage_and_load(mlflow, client, experiment, data, unique):
    from mlflow.models import infer_signature

    frame, _ = data
    features = frame.iloc[:, :4]
    estimator = small_model(data)
    expected = estimator.predict(features)
    name = unique("model")
    with mlflow.start_run() as run:
        first = mlflow.sklearn.log_model(
            estimator,
            name="classifier",
            signature=infer_signature(features, expected),
            input_example=features.head(3),
            registered_model_name=name,
            params={"kind": "logreg"},
            tags={"origin": "test"},
        )
        second = mlflow.sklearn.log_model(estimator, name="plain")
    # The second form: register what is already logged, by model id and by run.
    by_model = mlflow.register_model(f"models:/{second.model_id}", name, tags={"how": "model id"})
    by_run = mlflow.register_model(f"runs:/{run.info.run_id}/plain", name)
    assert [int(v) for v in (by_model.version, by_run.version)] == [2, 3]
    version_one = client.get_model_version(name, "1")
    assert version_one.run_id == run.info.run_id and version_one.status == "READY"

    logged = mlflow.get_logged_model(first.model_id)
    assert logged.name == "classifier" and logged.params == {"kind": "logreg"} and logged.tags["origin"] == "test"
    assert json.loads(logged.tags["mlflow.modelVersions"])[0]["name"] == name
    outputs = client.get_run(run.info.run_id).outputs.model_outputs
    assert {o.model_id for o in outputs} == {first.model_id, second.model_id}

    client.set_registered_model_alias(name, "champion", "1")
    client.transition_model_version_stage(name, "2", "Staging")
    client.transition_model_version_stage(name, "1", "Production")
    for uri in (
        f"models:/{name}@champion",
        f"models:/{name}/2",
        f"models:/{name}/Production",
        f"models:/{name}/Staging",
        f"models:/{name}/latest",
        f"models:/{first.model_id}",
        f"runs:/{run.info.run_id}/classifier",
    ):
        loaded = mlflow.pyfunc.load_model(uri)
        assert (loaded.predict(features) == expected).all(), uri
    native = mlflow.sklearn.load_model(f"models:/{name}@champion")
    assert (native.predict(features) == expected).all()
    info = mlflow.models.get_model_info(f"models:/{name}/1")
    assert info.signature is not None and info.signature.inputs.input_names() == list(features.columns)
    # Writing the name back is how the next person finds the example.
    loaded = mlflow.pyfunc.load_model(f"models:/{name}/1")
    assert loaded.input_example is None or len(loaded.input_example) == 3


def test_stages_and_archiving(mlflow, client, unique):
    name = unique("staged")
    client.create_registered_model(name)
    for _ in range(3):
        client.create_model_version(name, "s3://bucket/model")
    client.transition_model_version_stage(name, "1", "Production")
    client.transition_model_version_stage(name, "2", "production", archive_existing_versions=True)
    assert client.get_model_version(name, "1").current_stage == "Archived"
    assert client.get_model_version(name, "2").current_stage == "Production"
    latest = {v.current_stage: v.version for v in client.get_latest_versions(name)}
    assert {k: int(v) for k, v in latest.items()} == {"Archived": 1, "Production": 2, "None": 3}
    assert [int(v.version) for v in client.get_latest_versions(name, ["Production"])] == [2]
    with pytest.raises(mlflow.MlflowException, match="Invalid Model Version stage"):
        client.transition_model_version_stage(name, "1", "Elsewhere")


def test_registry_life(mlflow, client, unique):
    name = unique("reg")
    made = client.create_registered_model(name, tags={"team": "a"}, description="first")
    assert made.description == "first" and made.tags == {"team": "a"}
    with pytest.raises(mlflow.MlflowException) as caught:
        client.create_registered_model(name)
    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.update_registered_model(name, description="second")
    client.set_registered_model_tag(name, "k", "v")
    client.delete_registered_model_tag(name, "team")
    version = client.create_model_version(name, "s3://bucket/m", description="d", tags={"x": "y"}, run_link="http://run")
    client.update_model_version(name, version.version, description="changed")
    client.set_model_version_tag(name, version.version, "z", "1")
    client.set_model_version_tag(name, stage=None, version=version.version, key="w", value="2")
    client.delete_model_version_tag(name, version.version, "x")
    client.set_registered_model_alias(name, "a1", version.version)
    client.set_registered_model_alias(name, "a2", version.version)
    stored = client.get_registered_model(name)
    assert stored.description == "second" and stored.tags == {"k": "v"}
    assert {a: int(v) for a, v in stored.aliases.items()} == {"a1": 1, "a2": 1}
    one = client.get_model_version(name, "1")
    assert one.description == "changed" and one.tags == {"z": "1", "w": "2"} and sorted(one.aliases) == ["a1", "a2"]
    assert client.get_model_version_by_alias(name, "a1").version == one.version
    assert client.get_model_version_download_uri(name, "1") == "s3://bucket/m"
    client.delete_registered_model_alias(name, "a1")
    with pytest.raises(mlflow.MlflowException, match="alias a1 not found"):
        client.get_model_version_by_alias(name, "a1")
    renamed = name + "-new"
    client.rename_registered_model(name, renamed)
    assert client.get_registered_model(renamed).description == "second"
    assert client.get_model_version(renamed, "1").name == renamed
    with pytest.raises(mlflow.MlflowException) as caught:
        client.get_registered_model(name)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    client.create_model_version(renamed, "s3://bucket/n")
    client.delete_model_version(renamed, "1")
    assert client.get_registered_model(renamed).aliases == {}
    assert int(client.create_model_version(renamed, "s3://bucket/o").version) == 3
    client.delete_registered_model(renamed)
    with pytest.raises(mlflow.MlflowException):
        client.get_registered_model(renamed)


def test_copy_model_version(mlflow, client, unique, experiment, data):
    name, target = unique("copy"), unique("target")
    with mlflow.start_run():
        mlflow.sklearn.log_model(small_model(data), name="m", registered_model_name=name)
    copied = client.copy_model_version(f"models:/{name}/1", target)
    assert copied.name == target and int(copied.version) == 1
    assert mlflow.pyfunc.load_model(f"models:/{target}/1") is not None


def test_logged_model_life(mlflow, client, experiment):
    model = mlflow.initialize_logged_model(name="checkpoint", params={"lr": "0.1"}, tags={"a": "1"}, model_type="agent")
    assert str(model.status) == "PENDING"
    client.set_logged_model_tags(model.model_id, {"b": "2", "a": "3"})
    client.delete_logged_model_tag(model.model_id, "b")
    with mlflow.start_run() as run:
        for step in (1, 2):
            mlflow.log_metric("acc", step / 10, step=step, model_id=model.model_id)
        mlflow.log_metric("val", 0.5, model_id=model.model_id)
    final = mlflow.finalize_logged_model(model.model_id, "READY")
    assert str(final.status) == "READY"
    stored = mlflow.get_logged_model(model.model_id)
    own = {key: value for key, value in stored.tags.items() if not key.startswith("mlflow.")}
    assert own == {"a": "3"} and stored.params == {"lr": "0.1"} and stored.model_type == "agent"
    assert sorted((m.key, m.step, m.value) for m in stored.metrics) == [("acc", 1, 0.1), ("acc", 2, 0.2), ("val", 0, 0.5)]
    assert client.get_run(run.info.run_id).data.metrics == {"acc": 0.2, "val": 0.5}
    client.delete_logged_model(model.model_id)
    with pytest.raises(mlflow.MlflowException, match="not found"):
        mlflow.get_logged_model(model.model_id)


# --- search ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def searchable(mlflow, client):
    import secrets

    experiment_id = client.create_experiment(f"search-{secrets.token_hex(4)}")
    rows = [
        ("r1", 1.0, "x", "v1"),
        ("r2", 2.0, "y", "v2"),
        ("r3", float("nan"), "X", "V1"),
        ("r4", None, None, None),
        ("r5", float("inf"), "z%_", "v_1"),
    ]
    ids = {}
    for index, (name, metric, param, tag) in enumerate(rows):
        run = client.create_run(experiment_id, run_name=name, start_time=2000 + index)
        ids[name] = run.info.run_id
        if metric is not None:
            client.log_metric(run.info.run_id, "acc", metric)
            client.log_metric(run.info.run_id, "a b/c.d", metric)
            client.log_param(run.info.run_id, "p", param)
            client.set_tag(run.info.run_id, "t", tag)
            client.set_tag(run.info.run_id, "dot.ted-key", tag)
    client.set_terminated(ids["r1"], end_time=5000)
    return experiment_id, ids


RUN_FILTERS = [
    ("metrics.acc > 1", "r2 r5"),
    ("metrics.acc >= 1", "r1 r2 r5"),
    ("metrics.acc < 2", "r1"),
    ("metrics.acc <= 2", "r1 r2"),
    ("metrics.acc = 2", "r2"),
    ("metrics.acc != 2", "r1 r3 r5"),
    ("metrics.`a b/c.d` > 0", "r1 r2 r5"),
    ('metric."a b/c.d" > 0 AND metrics.acc < 1e10', "r1 r2"),
    ("params.p = 'x'", "r1"),
    ('param.p != "x"', "r2 r3 r5"),
    ("params.p LIKE 'x%'", "r1"),
    ("parameters.p ILIKE 'X'", "r1 r3"),
    ("params.p LIKE '_'", "r1 r2 r3"),
    ("params.p IS NULL", "r4"),
    ("params.p IS NOT NULL", "r1 r2 r3 r5"),
    ("tags.t = 'v1'", "r1"),
    ("tag.t ilike 'V%'", "r1 r2 r3 r5"),
    ("tags.`dot.ted-key` = 'v2'", "r2"),
    ("tags.t IS NULL", "r4"),
    ("attributes.status = 'FINISHED'", "r1"),
    ("status != 'FINISHED'", "r2 r3 r4 r5"),
    ("attr.run_name LIKE 'r%' and run_name != 'r1'", "r2 r3 r4 r5"),
    ("run.`Run name` = 'r3'", "r3"),
    ("start_time > 2002", "r4 r5"),
    ("attributes.created <= 2001", "r1 r2"),
    ("end_time = 5000", "r1"),
    ("user_id LIKE '%' AND metrics.acc = 1", "r1"),
    ("artifact_uri LIKE '%/artifacts' AND params.p = 'y'", "r2"),
]


@pytest.mark.parametrize("text, names", RUN_FILTERS)
def test_search_runs_with_every_operator(client, searchable, text, names):
    experiment_id, _ = searchable
    found = client.search_runs([experiment_id], text)
    assert sorted(r.info.run_name for r in found) == names.split()


def test_search_runs_by_id_list(client, searchable):
    experiment_id, ids = searchable
    listed = ", ".join(f"'{ids[n]}'" for n in ("r1", "r3"))
    found = client.search_runs([experiment_id], f"attributes.run_id IN ({listed})")
    assert sorted(r.info.run_name for r in found) == ["r1", "r3"]
    found = client.search_runs([experiment_id], f"run_id NOT IN ({listed})")
    assert sorted(r.info.run_name for r in found) == ["r2", "r4", "r5"]


@pytest.mark.parametrize(
    "order, names",
    [
        (["metrics.acc"], "r1 r2 r5 r3 r4"),
        (["metrics.acc DESC"], "r5 r2 r1 r3 r4"),
        (["params.p ASC"], "r3 r1 r2 r5 r4"),
        (["params.p DESC"], "r5 r2 r1 r3 r4"),
        (["tags.t"], "r3 r5 r1 r2 r4"),
        (["start_time ASC"], "r1 r2 r3 r4 r5"),
        (["attributes.run_name DESC"], "r5 r4 r3 r2 r1"),
        (["status", "metrics.acc DESC"], "r1 r5 r2 r3 r4"),
        (None, "r5 r4 r3 r2 r1"),
    ],
)
def test_search_runs_order(client, searchable, order, names):
    experiment_id, _ = searchable
    if order == ["tags.t"]:
        # '_' sorts after the digits and before the small letters: V1, v1, v2, v_1.
        names = "r3 r1 r2 r5 r4"
    found = client.search_runs([experiment_id], order_by=order)
    assert [r.info.run_name for r in found] == names.split()


def test_search_runs_pages(client, searchable):
    experiment_id, _ = searchable
    names, token = [], None
    for _ in range(10):
        page = client.search_runs([experiment_id], order_by=["start_time"], max_results=2, page_token=token)
        names += [r.info.run_name for r in page]
        token = page.token
        if not token:
            break
    assert names == ["r1", "r2", "r3", "r4", "r5"]


def test_search_runs_as_a_frame(mlflow, searchable):
    experiment_id, _ = searchable
    frame = mlflow.search_runs([experiment_id], order_by=["start_time"])
    assert list(frame["tags.mlflow.runName"]) == ["r1", "r2", "r3", "r4", "r5"]
    assert list(frame["params.p"])[:3] == ["x", "y", "X"]


def test_malformed_filter_is_refused(mlflow, client, searchable):
    experiment_id, _ = searchable
    for text in ("metrics.acc >", "metrics.acc > 'x'", "foo.bar = 1", "params.p = 'x' OR params.p = 'y'", "nope = 'x'"):
        with pytest.raises(mlflow.MlflowException) as caught:
            client.search_runs([experiment_id], text)
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE", text


@pytest.fixture(scope="module")
def named_experiments(client):
    import secrets

    stem = f"find-{secrets.token_hex(4)}"
    ids = {}
    for suffix, team in (("alpha", "A"), ("Beta", "b"), ("gamma", None)):
        ids[suffix] = client.create_experiment(f"{stem}-{suffix}", tags={"team": team, "dot.ted": team} if team else None)
    return stem, ids


@pytest.mark.parametrize(
    "text, names",
    [
        ("name = '{stem}-alpha'", "alpha"),
        ("attribute.name != '{stem}-alpha' AND name LIKE '{stem}%'", "Beta gamma"),
        ("name LIKE '{stem}-%a'", "Beta alpha gamma"),
        ("name LIKE '{stem}-b%'", ""),
        ("name ILIKE '{stem}-b%'", "Beta"),
        ("tags.team = 'A' AND name LIKE '{stem}%'", "alpha"),
        ("tags.team != 'A' AND name LIKE '{stem}%'", "Beta"),
        ("tags.team ILIKE 'B' AND name LIKE '{stem}%'", "Beta"),
        ("tags.`dot.ted` LIKE '%' AND name LIKE '{stem}%'", "Beta alpha"),
        ("tags.team IS NULL AND name LIKE '{stem}%'", "gamma"),
        ("tags.team IS NOT NULL AND name LIKE '{stem}%'", "Beta alpha"),
        ("creation_time > 0 AND last_update_time >= 0 AND name LIKE '{stem}%'", "Beta alpha gamma"),
        ("creation_time < 10 AND name LIKE '{stem}%'", ""),
        ("experiment_id IN ('{alpha}', '{gamma}')", "alpha gamma"),
        ("experiment_id NOT IN ('{alpha}') AND name LIKE '{stem}%'", "Beta gamma"),
    ],
)
def test_search_experiments_with_every_operator(client, named_experiments, text, names):
    stem, ids = named_experiments
    found = client.search_experiments(filter_string=text.format(stem=stem, **ids))
    assert sorted(e.name.removeprefix(stem + "-") for e in found) == names.split()


def test_search_experiments_order_pages_and_views(client, named_experiments):
    from mlflow.entities import ViewType

    stem, ids = named_experiments
    text = f"name LIKE '{stem}%'"

    def names(**kwargs):
        return [e.name.removeprefix(stem + "-") for e in client.search_experiments(filter_string=text, **kwargs)]

    assert names(order_by=["name"]) == ["Beta", "alpha", "gamma"]
    assert names(order_by=["name DESC"]) == ["gamma", "alpha", "Beta"]
    assert names(order_by=["experiment_id ASC"]) == ["alpha", "Beta", "gamma"]
    page = client.search_experiments(filter_string=text, order_by=["experiment_id ASC"], max_results=2)
    assert len(page) == 2 and page.token
    rest = client.search_experiments(filter_string=text, order_by=["experiment_id ASC"], max_results=2, page_token=page.token)
    assert [e.experiment_id for e in rest] == [ids["gamma"]] and not rest.token
    client.delete_experiment(ids["gamma"])
    assert "gamma" not in names()
    assert names(view_type=ViewType.DELETED_ONLY) == ["gamma"]
    assert sorted(names(view_type=ViewType.ALL)) == ["Beta", "alpha", "gamma"]
    client.restore_experiment(ids["gamma"])


@pytest.fixture(scope="module")
def named_models(client):
    import secrets

    stem = f"find-{secrets.token_hex(4)}"
    for suffix, tags in (("alpha", {"t": "x", "u": "y"}), ("Beta", {"t": "z"}), ("gamma", {})):
        client.create_registered_model(f"{stem}-{suffix}", tags=tags)
    for source in ("s3://b/one", "s3://b/two", "dbfs:/c/three"):
        client.create_model_version(f"{stem}-alpha", source, tags={"src": source[-3:]})
    client.create_model_version(f"{stem}-Beta", "s3://b/one", run_id="0" * 32)
    return stem


@pytest.mark.parametrize(
    "text, names",
    [
        ("name = '{stem}-alpha'", "alpha"),
        ("name != '{stem}-alpha' AND name LIKE '{stem}%'", "Beta gamma"),
        ("name LIKE '{stem}-a%'", "alpha"),
        ("name ILIKE '{stem}-B%'", "Beta"),
        ("name IN ('{stem}-alpha', '{stem}-gamma')", "alpha gamma"),
        ("name NOT IN ('{stem}-alpha') AND name LIKE '{stem}%'", "Beta gamma"),
        ("tags.t = 'x' AND name LIKE '{stem}%'", "alpha"),
        ("tag.t != 'x' AND name LIKE '{stem}%'", "Beta"),
        ("tags.t = 'x' AND tags.u = 'y' AND name LIKE '{stem}%'", "alpha"),
        ("tags.t LIKE '%' AND name LIKE '{stem}%'", "Beta alpha"),
        ("tags.t ILIKE 'Z' AND name LIKE '{stem}%'", "Beta"),
    ],
)
def test_search_registered_models_with_every_operator(client, named_models, text, names):
    found = client.search_registered_models(text.format(stem=named_models))
    assert sorted(m.name.removeprefix(named_models + "-") for m in found) == names.split()


def test_search_registered_models_order_and_pages(client, named_models):
    text = f"name LIKE '{named_models}%'"

    def names(**kwargs):
        return [m.name.removeprefix(named_models + "-") for m in client.search_registered_models(text, **kwargs)]

    assert names() == ["Beta", "alpha", "gamma"]
    assert names(order_by=["name DESC"]) == ["gamma", "alpha", "Beta"]
    assert names(order_by=["last_updated_timestamp DESC"])[0] == "Beta"
    page = client.search_registered_models(text, max_results=2)
    assert len(page) == 2 and page.token
    assert len(client.search_registered_models(text, max_results=2, page_token=page.token)) == 1
    alpha = next(m for m in client.search_registered_models(text) if m.name.endswith("alpha"))
    assert [int(v.version) for v in alpha.latest_versions] == [3]


@pytest.mark.parametrize(
    "text, found",
    [
        ("name = '{stem}-alpha'", "alpha/1 alpha/2 alpha/3"),
        ("name LIKE '{stem}%' AND source_path = 's3://b/one'", "Beta/1 alpha/1"),
        ("name LIKE '{stem}%' AND source_path LIKE 's3%'", "Beta/1 alpha/1 alpha/2"),
        ("name ILIKE '{stem}-A%' AND version_number > 1", "alpha/2 alpha/3"),
        ("name = '{stem}-alpha' AND version_number <= 2", "alpha/1 alpha/2"),
        ("name = '{stem}-alpha' AND version_number != 2", "alpha/1 alpha/3"),
        ("name LIKE '{stem}%' AND run_id = '00000000000000000000000000000000'", "Beta/1"),
        ("name LIKE '{stem}%' AND run_id IN ('00000000000000000000000000000000', 'x')", "Beta/1"),
        ("name IN ('{stem}-Beta')", "Beta/1"),
        ("name LIKE '{stem}%' AND tags.src = 'two'", "alpha/2"),
        ("name LIKE '{stem}%' AND tags.src != 'two'", "alpha/1 alpha/3"),
        ("name LIKE '{stem}%' AND tags.src LIKE '%e%'", "alpha/1 alpha/3"),
        ("name LIKE '{stem}%' AND tags.src ILIKE 'ONE'", "alpha/1"),
    ],
)
def test_search_model_versions_with_every_operator(client, named_models, text, found):
    versions = client.search_model_versions(text.format(stem=named_models))
    assert sorted(f"{v.name.removeprefix(named_models + '-')}/{v.version}" for v in versions) == found.split()


def test_search_model_versions_order(client, named_models):
    text = f"name = '{named_models}-alpha'"

    def versions(**kwargs):
        return [int(v.version) for v in client.search_model_versions(text, **kwargs)]

    assert versions(order_by=["version_number ASC"]) == [1, 2, 3]
    assert versions(order_by=["version_number DESC"]) == [3, 2, 1]
    assert versions(order_by=["creation_timestamp"])[-1] == 3
    page = client.search_model_versions(text, order_by=["version_number ASC"], max_results=2)
    assert [int(v.version) for v in page] == [1, 2] and page.token


@pytest.fixture(scope="module")
def logged_models(mlflow, client):
    import secrets

    experiment_id = client.create_experiment(f"models-{secrets.token_hex(4)}")
    run = client.create_run(experiment_id)
    ids = {}
    for name, kind, lr, acc in (("one", "sklearn", "0.1", 0.5), ("two", "torch", "0.2", 0.9), ("three", "torch", "0.3", None)):
        model = client.create_logged_model(experiment_id, name=name, model_type=kind, params={"lr": lr}, tags={"n": name})
        ids[name] = model.model_id
        if acc is not None:
            client.log_metric(run.info.run_id, "acc", 0.1, step=1, model_id=model.model_id)
            client.log_metric(
                run.info.run_id, "acc", acc, step=2, model_id=model.model_id, dataset_name="ds", dataset_digest="dg"
            )
    client.finalize_logged_model(ids["one"], "READY")
    client.finalize_logged_model(ids["two"], "FAILED")
    return experiment_id, ids


@pytest.mark.parametrize(
    "text, names",
    [
        (None, "one three two"),
        ("metrics.acc > 0.6", "two"),
        ("metrics.acc <= 0.5", "one"),
        ("metrics.acc != 0.5", "two"),
        ("params.lr = '0.1'", "one"),
        ("params.lr != '0.1'", "three two"),
        ("params.lr LIKE '0.%'", "one three two"),
        ("params.lr IN ('0.1', '0.3')", "one three"),
        ("tags.n = 'two'", "two"),
        ("tags.`n` ILIKE 'T%'", "three two"),
        ("name = 'one'", "one"),
        ("attributes.name NOT IN ('one')", "three two"),
        ("model_type = 'torch'", "three two"),
        ("status = 'READY'", "one"),
        ("status IN ('FAILED', 'PENDING')", "three two"),
        ("creation_timestamp > 0", "one three two"),
        ("last_updated_timestamp >= 0 AND metrics.acc > 0.1", "one two"),
        ("model_type = 'torch' AND params.lr = '0.2'", "two"),
    ],
)
def test_search_logged_models_with_every_operator(client, logged_models, text, names):
    experiment_id, _ = logged_models
    found = client.search_logged_models([experiment_id], text)
    assert sorted(m.name for m in found) == names.split()


def test_search_logged_models_order_datasets_and_pages(mlflow, client, logged_models):
    experiment_id, ids = logged_models

    def names(**kwargs):
        return [m.name for m in client.search_logged_models([experiment_id], **kwargs)]

    assert names(order_by=[{"field_name": "metrics.acc", "ascending": False}]) == ["two", "one", "three"]
    assert names(order_by=[{"field_name": "metrics.acc"}]) == ["one", "two", "three"]
    assert names(order_by=[{"field_name": "name"}]) == ["one", "three", "two"]
    assert names(order_by=[{"field_name": "creation_timestamp"}]) == ["one", "two", "three"]
    assert names(datasets=[{"dataset_name": "ds", "dataset_digest": "dg"}], filter_string="metrics.acc > 0.6") == ["two"]
    page = client.search_logged_models([experiment_id], max_results=2, order_by=[{"field_name": "name"}])
    assert [m.name for m in page] == ["one", "three"] and page.token
    rest = client.search_logged_models(
        [experiment_id], max_results=2, order_by=[{"field_name": "name"}], page_token=page.token
    )
    assert [m.name for m in rest] == ["two"] and not rest.token
    frame = mlflow.search_logged_models(experiment_ids=[experiment_id])
    assert sorted(frame["name"]) == ["one", "three", "two"]


# --- prompts -----------------------------------------------------------------------------------------------------


def test_prompts(mlflow, client, unique):
    name = unique("prompt")
    first = mlflow.genai.register_prompt(name, "Hello {{name}}", commit_message="first", tags={"lang": "en"})
    second = mlflow.genai.register_prompt(name, "Hi {{name}}!", commit_message="second")
    assert [int(p.version) for p in (first, second)] == [1, 2]
    loaded = mlflow.genai.load_prompt(name, version=1)
    assert loaded.template == "Hello {{name}}" and loaded.format(name="Ada") == "Hello Ada"
    assert loaded.tags == {"lang": "en"} and loaded.commit_message == "first"
    mlflow.genai.set_prompt_alias(name, alias="production", version=2)
    assert mlflow.genai.load_prompt(f"prompts:/{name}@production").template == "Hi {{name}}!"
    assert mlflow.genai.load_prompt(f"prompts:/{name}/1").template == "Hello {{name}}"
    mlflow.genai.delete_prompt_alias(name, alias="production")
    with pytest.raises(Exception):
        mlflow.genai.load_prompt(f"prompts:/{name}@production")
    client.set_prompt_version_tag(name, "1", "reviewed", "yes")
    client.set_prompt_tag(name, "owner", "ada")
    assert client.get_prompt_version(name, "1").tags["reviewed"] == "yes"
    found = mlflow.genai.search_prompts(filter_string=f"name = '{name}'")
    assert [p.name for p in found] == [name] and found[0].tags.get("owner") == "ada"
    chat = unique("chat")
    mlflow.genai.register_prompt(chat, [{"role": "user", "content": "Tell {{topic}}"}])
    assert mlflow.genai.load_prompt(f"prompts:/{chat}/1").template == [{"role": "user", "content": "Tell {{topic}}"}]
    # Prompts and models share a store but not a list.
    assert name not in {m.name for m in client.search_registered_models(max_results=1000)}
    with pytest.raises(mlflow.MlflowException) as caught:
        client.create_registered_model(name)
    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.delete_prompt_version(name, "1")
    client.delete_prompt_version(name, "2")
    client.delete_prompt(name)
    assert mlflow.genai.load_prompt(name, version=1, allow_missing=True) is None


# --- workspaces --------------------------------------------------------------------------------------------------


def test_workspaces(mlflow, client, server):
    spaces = mlflow.list_workspaces()
    assert spaces and all(space.name for space in spaces)
    current = spaces[0].name
    assert mlflow.get_workspace(current).name == current
    mlflow.set_workspace(current)
    try:
        assert client.get_experiment_by_name("Default") is not None or current != "default"
        experiment_id = client.create_experiment(f"in-workspace-{time.time_ns()}")
        with mlflow.start_run(experiment_id=experiment_id) as run:
            mlflow.log_text("there", "where.txt")
        assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/where.txt") == "there"
        assert client.get_experiment(experiment_id).workspace == current
    finally:
        mlflow.set_workspace(None)


def test_unknown_workspace_is_refused(mlflow, client):
    mlflow.set_workspace("no-such-workspace")
    try:
        with pytest.raises(mlflow.MlflowException) as caught:
            client.get_experiment("0")
        assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    finally:
        mlflow.set_workspace(None)
