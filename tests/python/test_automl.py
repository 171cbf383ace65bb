"""From a file to a registered model that answers, seen by an unchanged MLflow client: datasets, searches, explanations, serving."""

import gzip
import json
import os
import subprocess
import time
import urllib.request

import harness
import pytest

pytestmark = pytest.mark.skipif(harness.oracle_run(), reason="the peer has no such routes")

DATA = harness.HERE.parent.parent / "fixtures" / "data"
PATIENCE = 180


def wait(wire, path, done=lambda body: body["state"] not in ("queued", "running", "reading")):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        body = wire.get(path).ok()
        if done(body):
            return body
        time.sleep(0.1)
    raise AssertionError(f"{path} did not end: {body}")


def upload(wire, name, data: bytes | str):
    answer = wire.request("POST", f"/api/v1/datasets?name={name}&file={name}.csv", raw=data)
    assert answer.status in (200, 202), answer
    found = answer.body["id"]
    latest = wait(wire, f"/api/v1/datasets/{found}", lambda body: body["latest"]["state"] != "reading")["latest"]
    assert latest["state"] == "ready", latest
    return found


def search(wire, dataset, target, **wishes):
    answer = wire.post("/api/v1/automl/jobs", {"dataset_id": dataset, "target": target, **wishes})
    assert answer.status == 202, answer
    return answer.body["automl_id"]


def explain(wire, model, rows, kind, **wishes):
    answer = wire.post("/api/v1/explanations", {"model": model, "rows": rows, "kind": kind, **wishes})
    assert answer.status == 202, answer
    made = wait(wire, f"/api/v1/explanations/{answer.body['explanation_id']}")
    assert made["state"] == "succeeded", made
    return made["result"]


@pytest.fixture(scope="module")
def found(server):
    """A finished search on real data: the wire, the dataset and the search."""
    wire = server.wire()
    dataset = upload(wire, "diabetes", (DATA / "diabetes.csv").read_bytes())
    automl = search(wire, dataset, "target", trials=6, seconds=120)
    job = wait(wire, f"/api/v1/automl/jobs/{automl}")
    assert job["state"] == "succeeded", job
    yield wire, dataset, job
    wire.close()


def test_a_search_ends_with_an_honest_leaderboard(found):
    wire, _, job = found
    assert job["plan"]["task"] == "regression" and job["plan"]["metric"] == "rmse" and job["trials"] == 6
    board = wire.get(f"/api/v1/automl/jobs/{job['automl_id']}/trials").ok()
    scores = [trial["score"] for trial in board["trials"] if trial["state"] == "scored"]
    assert scores == sorted(scores) and board["greater_is_better"] is False
    results = wire.get(f"/api/v1/automl/jobs/{job['automl_id']}/results").ok()
    assert sum(member["weight"] for member in results["members"]) == pytest.approx(1)
    # Linear regression reaches about 54 on this set; the mean alone about 77.
    assert results["hold_out"]["rows"] == 88 and 40 < results["hold_out"]["scores"]["rmse"] < 70
    assert {line["name"] for line in results["importance"]} == set(job["plan"]["columns"])
    assert results["importance"][0]["name"] in ("bmi", "s5")


def test_the_client_sees_the_search_and_its_trials(found, tracking):
    wire, dataset, job = found
    parent = tracking.get_run(job["run_id"])
    assert parent.info.status == "FINISHED" and parent.data.params["target"] == "target"
    assert parent.data.metrics["cv_rmse"] == pytest.approx(job["score"])
    assert parent.inputs.dataset_inputs[0].dataset.name == "diabetes"
    children = tracking.search_runs(
        [job["experiment_id"]], f"tags.mlflow.parentRunId = '{job['run_id']}'", order_by=["metrics.cv_rmse ASC"]
    )
    assert len(children) == 6 and (children["status"] == "FINISHED").all()
    board = wire.get(f"/api/v1/automl/jobs/{job['automl_id']}/trials").ok()["trials"]
    assert list(children["run_id"]) == [trial["run_id"] for trial in board]
    assert children["metrics.cv_rmse"].iloc[0] == board[0]["score"]
    history = tracking.MlflowClient().get_metric_history(job["run_id"], "best_cv_rmse")
    assert [point.step for point in history] == list(range(6))
    assert min(point.value for point in history) == board[0]["score"]


def test_events_are_followed_and_taken_up_again(found):
    wire, _, job = found
    path = f"{wire.url}/api/v1/automl/jobs/{job['automl_id']}/events"

    def follow(**headers):
        request = urllib.request.Request(path, headers={**wire.headers, **headers})
        text = urllib.request.urlopen(request, timeout=30).read().decode()
        return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]

    events = follow()
    assert sorted(e["trial"]["number"] for e in events if e["type"] == "trial") == list(range(6))
    assert [e["job"]["state"] for e in events if e["type"] == "job"] == ["succeeded"]
    assert [e["trial"]["number"] for e in follow(**{"Last-Event-ID": "3"}) if e["type"] == "trial"] == [4, 5]


def test_a_registered_model_answers_in_every_way_of_the_protocol(found, tracking, unique):
    wire, _, job = found
    name = unique("diabetes")
    made = wire.post(f"/api/v1/automl/jobs/{job['automl_id']}/register", {"name": name, "alias": "champion"})
    assert made.status == 201 and made.body == {"name": name, "version": "1"}
    version = tracking.MlflowClient().get_model_version_by_alias(name, "champion")
    assert version.run_id == job["run_id"] and version.source == f"runs:/{job['run_id']}/model"
    assert wire.get(f"/api/v1/automl/jobs/{job['automl_id']}").ok()["registered"] == [{"name": name, "version": "1"}]
    sample = wire.get(f"/api/v1/automl/jobs/{job['automl_id']}/results").ok()["sample"][:2]
    expected = wire.post(f"/api/v1/automl/jobs/{job['automl_id']}/predict", {"records": sample}).ok()
    assert all(low < said < high for said, (low, high) in zip(expected["predictions"], expected["intervals"]))
    columns = list(sample[0])
    rows = [[row[column] for column in columns] for row in sample]
    path = f"/serving/{name}/invocations"
    for body in (
        {"dataframe_split": {"columns": columns, "data": rows}},
        {"dataframe_records": sample},
        {"instances": sample},
        {"inputs": {column: [row[column] for row in sample] for column in columns}},
    ):
        assert wire.post(path, body).ok() == {"predictions": expected["predictions"]}
    csv = ",".join(columns) + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    assert wire.request("POST", path, raw=csv, headers={"Content-Type": "text/csv"}).ok() == {
        "predictions": expected["predictions"]
    }
    assert wire.post(f"{path}?alias=champion&details=true", {"instances": sample}).ok()["intervals"] == expected["intervals"]
    assert wire.post(f"{path}?version=1", {"instances": sample}).status == 200
    wire.post(f"{path}?version=2", {"instances": sample}).error(404, "RESOURCE_DOES_NOT_EXIST")
    assert '"sex"' in wire.post(path, {"instances": [{"age": 1.0}]}).error(400, "BAD_REQUEST")
    wire.post("/serving/no-such-model/invocations", {"instances": sample}).error(404, "RESOURCE_DOES_NOT_EXIST")
    assert wire.anonymous().post(path, {"instances": sample}).status == 401


def test_the_client_loads_the_model_and_it_says_the_same(found, tracking, unique):
    import pandas

    wire, _, job = found
    sample = wire.get(f"/api/v1/automl/jobs/{job['automl_id']}/results").ok()["sample"]
    expected = wire.post(f"/api/v1/automl/jobs/{job['automl_id']}/predict", {"records": sample}).ok()
    model = tracking.pyfunc.load_model(f"runs:/{job['run_id']}/model")
    said = model.predict(pandas.DataFrame(sample))
    assert list(said["prediction"]) == pytest.approx(expected["predictions"], rel=1e-9)
    # Classes and words, too.
    words = "colour,size,when,y\n" + "".join(
        f"{'red' if row % 3 else 'blue'},{row % 7},2024-01-{row % 28 + 1:02},{'yes' if row % 3 and row % 7 > 2 else 'no'}\n"
        for row in range(120)
    )
    dataset = upload(wire, unique("words"), words)
    automl = search(wire, dataset, "y", trials=5, seconds=60, ignore=["when"])
    done = wait(wire, f"/api/v1/automl/jobs/{automl}")
    assert done["state"] == "succeeded", done
    rows = [{"colour": "red", "size": 5.0}, {"colour": "blue", "size": 1.0}, {"colour": "never seen", "size": 6.0}]
    expected = wire.post(f"/api/v1/automl/jobs/{automl}/predict", {"records": rows}).ok()
    # The client hands columns over as NumPy has them, and NumPy has no strings of pandas' newest kind.
    frame = pandas.DataFrame(rows).astype({"colour": object})
    said = tracking.pyfunc.load_model(f"runs:/{done['run_id']}/model").predict(frame)
    assert list(said["label"]) == expected["predictions"]
    for at, name in enumerate(expected["classes"]):
        assert list(said[f"probability of {name}"]) == pytest.approx([row[at] for row in expected["probabilities"]])
    assert wire.get(f"/api/v1/automl/jobs/{automl}/model?format=onnx").status == 200


def test_explanations_add_up_and_are_kept(found):
    wire, dataset, job = found
    model = {"automl_id": job["automl_id"]}
    shap = explain(wire, model, {"dataset_id": dataset, "count": 5}, "shap")
    for row, (values, said) in enumerate(zip(shap["values"], shap["predictions"])):
        assert sum(v[0] for v in values) + shap["base_values"][0] == pytest.approx(said[0], rel=1e-6), row
    assert shap["cells"][0][shap["features"].index("bmi")] == 32.1
    importance = explain(wire, model, {"dataset_id": dataset, "count": 200}, "importance")
    assert importance["metric"] == "rmse" and importance["columns"][0]["name"] in ("bmi", "s5")
    effects = explain(wire, model, {"dataset_id": dataset, "count": 50}, "effects", columns=["bmi"])
    average = [point[0] for point in effects["columns"][0]["average"]]
    assert average[-1] > average[0] and len(effects["columns"][0]["ice"]) == 50
    row = {"records": [dict(zip(shap["features"], shap["cells"][0]))]}
    wanted = shap["predictions"][0][0] - 60
    other = explain(wire, model, row, "counterfactual", wanted={"at_most": wanted})
    nearest = other["rows"][0]["found"][0]
    assert nearest["prediction"][0] <= wanted and nearest["changes"]
    anchor = explain(wire, model, row, "anchor")
    assert 0 <= anchor["rows"][0]["precision"] <= 1
    lime = explain(wire, model, {"dataset_id": dataset, "count": 2}, "lime")
    assert len(lime["r2"]) == 2
    listed = wire.get("/api/v1/explanations", automl_id=job["automl_id"]).ok()["items"]
    assert len(listed) == 6 and all("result" not in one for one in listed)
    ids = {one["kind"]: one["explanation_id"] for one in listed}
    compared = wire.get("/api/v1/explanations/compare", left=ids["shap"], right=ids["importance"]).ok()
    assert len(compared["columns"]) == 10 and compared["correlation"] > 0
    assert wire.get("/api/v1/explanations/compare", left=ids["shap"], right=ids["effects"]).status == 409
    assert wire.delete(f"/api/v1/explanations/{ids['lime']}").status == 204
    assert wire.get(f"/api/v1/explanations/{ids['lime']}").status == 404


def test_models_from_elsewhere_are_explained_exactly_and_served(found, tracking, unique, tmp_path):
    wire, dataset, _ = found
    file = DATA.parent / "learn"
    models = sorted(file.rglob("*.txt")) if file.exists() else []
    models = [path for path in models if path.read_text(errors="replace").startswith("tree")]
    if not models:
        pytest.fail("no LightGBM model among the fixtures")
    client = tracking.MlflowClient()
    experiment = client.create_experiment(unique("elsewhere"))
    run = client.create_run(experiment)
    copy = tmp_path / "model.lgb"
    copy.write_bytes(models[0].read_bytes())
    client.log_artifact(run.info.run_id, str(copy), "model")
    names = [line for line in copy.read_text().splitlines() if line.startswith("feature_names=")][0][14:].split()
    rows = [{name: float(at + row) for at, name in enumerate(names)} for row in range(3)]
    shap = explain(
        wire,
        {"run_id": run.info.run_id, "path": "model/model.lgb"},
        {"records": rows},
        "shap",
        background={"dataset_id": upload_rows(wire, unique("rows"), names, rows)},
    )
    assert shap["method"] == "tree" and shap["features"] == names
    name = unique("elsewhere")
    client.create_registered_model(name)
    client.create_model_version(name, f"runs:/{run.info.run_id}/model", run.info.run_id)
    answer = wire.post(f"/serving/{name}/invocations", {"dataframe_records": rows}).ok()
    assert len(answer["predictions"]) == 3


def upload_rows(wire, name, names, rows):
    lines = [",".join(names)] + [",".join(str(row[column]) for column in names) for row in rows]
    return upload(wire, name, "\n".join(lines) + "\n")


def test_a_search_is_cancelled_and_taken_up_again(found, tracking):
    wire, dataset, _ = found
    automl = search(wire, dataset, "target", trials=500, seconds=600)
    path = f"/api/v1/automl/jobs/{automl}"
    wait(wire, path, lambda body: body["trials"] >= 3)
    assert wire.delete(path).status == 409
    stopped = wire.post(f"{path}/cancel").ok()
    assert stopped["state"] == "cancelled" and tracking.get_run(stopped["run_id"]).info.status == "KILLED"
    assert wire.post(f"{path}/cancel").status == 409
    assert wire.get(f"{path}/results").status == 409
    there = wire.get(path).ok()["trials"]
    assert wire.post(f"{path}/resume", {"seconds": -1}).status in (400, 422)
    assert wire.post(f"{path}/resume", {"seconds": 0}).status == 202
    done = wait(wire, path)
    # Nothing was tried again, and nothing new.
    assert done["state"] == "succeeded" and done["trials"] == there, done
    # The model is of all of them, not of the first.
    assert done["score"] <= done["best"]["score"] * 1.02, done
    runs = tracking.search_runs([done["experiment_id"]], f"tags.mlflow.parentRunId = '{done['run_id']}'")
    assert len(runs) == there and tracking.get_run(done["run_id"]).info.status == "FINISHED"
    assert wire.post(f"{path}/resume", {}).status == 409
    assert wire.delete(path).status == 204 and wire.get(path).status == 404


def test_the_same_seed_gives_the_same_model(found):
    wire, dataset, job = found
    again = search(wire, dataset, "target", trials=6, seconds=120)
    done = wait(wire, f"/api/v1/automl/jobs/{again}")
    assert done["score"] == job["score"] and done["best"] == job["best"]


def numbers(columns, rows=40):
    """A table with a target that follows from its row's number, and other columns as given."""
    head = [*columns, "y"]
    lines = [[str(make(row)) for make in columns.values()] + [str(row * 1.5)] for row in range(rows)]
    return "\n".join(",".join(line) for line in [head, *lines]) + "\n"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("a,y\n" + "1,2\n" * 30, "there is nothing to predict"),
        (numbers({"a": lambda row: row}, 5), "at least 10 are needed"),
        (numbers({"a": lambda row: row}, 1), "at least 10 are needed"),
        ("a,y\n" + "".join(f"{i},word{i}\n" for i in range(40)), "are no classes"),
        ("a,y\n" + "".join(f"{i},{'inf' if i == 7 else i * 1.5}\n" for i in range(40)), "is infinite"),
        ("a,y\n" + "".join(f"{i},2024-01-{i % 28 + 1:02}\n" for i in range(40)), None),
    ],
)
def test_what_cannot_be_predicted_is_told(wire, unique, rows, says):
    dataset = upload(wire, unique("odd"), rows)
    answer = wire.post("/api/v1/automl/jobs", {"dataset_id": dataset, "target": "y", "trials": 2, "seconds": 30})
    if says is None:
        assert answer.status == 422 and "points in time" in answer.body["errors"][0]["detail"], answer
        return
    done = wait(wire, f"/api/v1/automl/jobs/{answer.body['automl_id']}")
    assert done["state"] == "failed" and says in done["error"], done


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"empty": lambda row: "", "a": lambda row: row}, id="a column that is missing everywhere"),
        pytest.param({"same": lambda row: 1, "a": lambda row: row}, id="a constant column"),
        pytest.param({"name": lambda row: f"row{row}", "a": lambda row: row}, id="a name for each row"),
        pytest.param({"mixed": lambda row: row if row % 3 else "word", "a": lambda row: row}, id="words among numbers"),
        pytest.param({"wild": lambda row: "inf" if row == 3 else row, "a": lambda row: row}, id="an infinity"),
    ],
)
def test_odd_columns_do_no_harm(wire, unique, columns):
    dataset = upload(wire, unique("odd"), numbers(columns))
    done = wait(wire, f"/api/v1/automl/jobs/{search(wire, dataset, 'y', trials=3, seconds=60)}")
    assert done["state"] == "succeeded", done
    # The mean alone is off by 17; the other column says it all.
    assert done["best"]["score"] < 8, done


@pytest.mark.parametrize("columns", [{"same": lambda row: 1}, {"empty": lambda row: ""}])
def test_where_nothing_is_to_be_learnt_it_is_said(wire, unique, columns):
    dataset = upload(wire, unique("odd"), numbers(columns))
    done = wait(wire, f"/api/v1/automl/jobs/{search(wire, dataset, 'y', trials=3, seconds=60)}")
    assert done["state"] == "failed" and "learn" in done["error"], done


def test_ten_thousand_columns_are_learnt_from(wire, unique):
    columns = {f"c{at}": (lambda row, at=at: (row * (at + 1)) % 97) for at in range(10_000)}
    dataset = upload(wire, unique("wide"), numbers(columns, 60))
    done = wait(wire, f"/api/v1/automl/jobs/{search(wire, dataset, 'y', trials=3, seconds=20)}")
    assert done["state"] == "succeeded" and done["trials"] >= 1, done
    results = wire.get(f"/api/v1/automl/jobs/{done['automl_id']}/results").ok()
    assert len(results["columns"]) >= 9_000


def test_a_budget_for_one_model_leaves_the_baseline(wire, found):
    _, dataset, _ = found
    done = wait(wire, f"/api/v1/automl/jobs/{search(wire, dataset, 'target', trials=1, seconds=1)}")
    assert done["state"] == "succeeded" and done["trials"] == 1 and done["best"]["family"] == "baseline"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"a,b\n", None),
        (b"PK\x03\x04" + b"\0" * 100, "ZIP archive"),
        (gzip.compress(b"0" * 50_000_000), "gzip"),
        (b"PAR1 and nothing else", "Parquet"),
        (b"a,b\n1,2\n3\n", "line 3"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, None),
    ],
)
def test_files_that_are_no_tables_are_told_apart(wire, unique, data, says):
    answer = wire.request("POST", f"/api/v1/datasets?name={unique('bad')}", raw=data)
    if answer.status in (200, 202):
        path = f"/api/v1/datasets/{answer.body['id']}"
        latest = wait(wire, path, lambda body: body["latest"]["state"] != "reading")["latest"]
        if says is None and latest["state"] == "ready":
            # A table of no rows is one; there is nothing to search.
            asked = wire.post("/api/v1/automl/jobs", {"dataset_id": answer.body["id"], "target": "b", "seconds": 5})
            ended = wait(wire, f"/api/v1/automl/jobs/{asked.body['automl_id']}")
            assert ended["state"] == "failed" and ended["error"], ended
            return
        assert latest["state"] == "failed" and (says or "") in latest["error"], latest
    else:
        assert answer.status in (400, 422) and (says or "") in answer.body["detail"], answer


def test_wishes_that_cannot_be_met_are_refused_with_their_place(wire, found):
    _, dataset, _ = found

    def fields(**wishes):
        answer = wire.post("/api/v1/automl/jobs", {"dataset_id": dataset, "target": "target", **wishes})
        assert answer.status in (400, 422), answer
        return [error["pointer"] for error in answer.body.get("errors", [])]

    assert fields(target="none") == ["/target"]
    assert fields(metric="best") == ["/metric"]
    assert fields(seconds=0) == ["/seconds"]
    assert fields(trials=0, folds=99, hold_out=0.9) == ["/trials", "/folds", "/hold_out"]
    assert fields(time_column="none", group_column="target", ignore=["none"]) == [
        "/time_column",
        "/group_column",
        "/ignore/0",
    ]
    assert fields(surprise=1) is not None
    missing = "dat_" + "0" * 32
    assert wire.post("/api/v1/automl/jobs", {"dataset_id": missing, "target": "y"}).status == 404


def rhiza(server, *arguments):
    environment = {**os.environ, "RHIZA_API_KEY": server.key, "NO_COLOR": "1"}
    command = [os.environ["RHIZA_BIN"], *map(str, arguments), "--server", server.url]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)


@pytest.mark.skipif("RHIZA_BIN" not in os.environ, reason="needs the command")
def test_the_command_line_has_its_work_done_by_the_server(server, found, unique, tmp_path):
    wire, _, _ = found
    out = tmp_path / "model.rhiza"
    arguments = ("automl", DATA / "diabetes.csv", "--target", "target", "--trials", 3, "--json", "--out", out)
    done = rhiza(server, *arguments)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["task"] == "regression" and len(said["leaderboard"]) == 3 and out.read_bytes().startswith(b"\x89RHZ")
    page = next(line.split()[-1] for line in done.stderr.splitlines() if "watched at" in line)
    name = unique("command")
    made = wire.post(f"/api/v1/automl/jobs/{page.rsplit('/', 1)[1]}/register", {"name": name, "alias": "best"})
    assert made.status == 201, made
    alone = subprocess.run(
        [os.environ["RHIZA_BIN"], "predict", out, DATA / "diabetes.csv", "--json"], capture_output=True, text=True
    )
    for model in (name, f"{name}/1", f"{name}@best"):
        there = rhiza(server, "predict", model, DATA / "diabetes.csv", "--json")
        assert there.returncode == 0, there.stderr
        assert json.loads(there.stdout)["predictions"] == json.loads(alone.stdout)["predictions"]
    why = rhiza(server, "explain", name, DATA / "diabetes.csv", "--rows", 2, "--json")
    assert why.returncode == 0 and len(json.loads(why.stdout)["values"]) == 2, why.stderr
    refused = rhiza(server, "automl", DATA / "diabetes.csv", "--target", "none")
    assert refused.returncode == 1 and "/target there is no column" in refused.stderr
