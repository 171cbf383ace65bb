"""The wire itself: exact requests and answers of every operation an MLflow client uses, and every bad input's proper error.

Where the real server answers a bad input with 500 (its own slips), it is asserted only that ours does not: see NO_500.
"""

import base64
import json
import os
import re
import socket
import time
import urllib.parse

import pytest

import harness

API = "/api/2.0/mlflow"
AJAX = "/ajax-api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
TAIL = " See the API docs for more information about request parameters."
BAD_CHARACTERS = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."
)
BAD_PATH = (
    "Names may be treated as files in certain cases, and must not resolve to other names when treated as such. "
    "This name would resolve to {!r}"
)
RUN_ID = re.compile(r"[0-9a-f]{32}")
INVALID = "INVALID_PARAMETER_VALUE"
MISSING = "RESOURCE_DOES_NOT_EXIST"
EXISTS = "RESOURCE_ALREADY_EXISTS"
# The real server's own crashes are no model; our server answers all of these with a client error.
NO_500 = not harness.oracle_run()


def missing(field: str) -> str:
    return f"Missing value for required parameter '{field}'.{TAIL}"


def wrong_type(field: str, value, kind: str) -> str:
    shown = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"Invalid value {shown} for parameter '{field}' supplied:  Hint: Value was of type '{kind}'.{TAIL}"


def bad_name(field: str, value: str, resolved: str | None = None) -> str:
    why = BAD_CHARACTERS if resolved is None else BAD_PATH.format(resolved)
    return f"Invalid value {json.dumps(value)} for parameter '{field}' supplied: {why}"


def client_error(answer: harness.Answer) -> None:
    """A fault of the caller's, in MLflow's shape."""
    if NO_500 or answer.status < 500:
        assert 400 <= answer.status < 500, answer
        assert isinstance(answer.body, dict) and isinstance(answer.body.get("error_code"), str), answer
        assert answer.body.get("message"), answer


@pytest.fixture
def experiment(wire, unique):
    return wire.post(f"{API}/experiments/create", {"name": unique("wire")}).ok()["experiment_id"]


@pytest.fixture
def run(wire, experiment):
    body = {"experiment_id": experiment, "user_id": "ada", "start_time": 1000, "run_name": "wire"}
    return wire.post(f"{API}/runs/create", body).ok()["run"]["info"]["run_id"]


@pytest.fixture
def model(wire, unique):
    name = unique("model")
    wire.post(f"{API}/registered-models/create", {"name": name}).ok()
    return name


@pytest.fixture
def logged(wire, experiment):
    return wire.post(f"{API}/logged-models", {"experiment_id": experiment, "name": "lm"}).ok()["model"]["info"]["model_id"]


def get_run(wire, run_id):
    return wire.get(f"{API}/runs/get", run_id=run_id).ok()["run"]


def pairs(items):
    return {item["key"]: item["value"] for item in items or []}


# --- envelope ----------------------------------------------------------------------------------------------------


def test_health_and_version_are_plain_text(wire):
    health = wire.anonymous().get("/health")
    assert (health.status, health.raw) == (200, b"OK")
    version = wire.anonymous().get("/version")
    assert version.status == 200 and re.fullmatch(rb"\d+\.\d+\.\d+\S*", version.raw)


def test_server_info(wire):
    for prefix in ("/api", "/ajax-api"):
        info = wire.get(f"{prefix}/3.0/mlflow/server-info").ok()
        assert info["workspaces_enabled"] is True and info["artifact_serving_enabled"] is True
        for flag in ("multipart_uploads_enabled", "multipart_downloads_enabled", "artifacts_presigned_only"):
            assert isinstance(info[flag], bool), flag


def test_error_shape(wire):
    answer = wire.get(f"{API}/experiments/get", experiment_id="987654321")
    answer.error(404, MISSING, "No Experiment with id=987654321 exists")
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    assert answer.body["sqlstate"] == "KAM00" and answer.body["error_class"] == "RESOURCE_NOT_FOUND"
    invalid = wire.get(f"{API}/experiments/get")
    assert invalid.body["sqlstate"] == "KAM00" and invalid.body["error_class"] == INVALID


def test_success_is_json(wire):
    answer = wire.get(f"{API}/experiments/get", experiment_id="0")
    assert answer.headers["content-type"].split(";")[0] == "application/json"


def test_unknown_paths_are_404_and_wrong_methods_405(wire):
    assert wire.get(f"{API}/nothing").status == 404
    assert wire.get("/api/3.0/mlflow/nothing").status == 404
    assert wire.get(f"{API}/experiments/create").status == 405
    assert wire.request("PUT", f"{API}/runs/create", json_body={}).status == 405
    assert wire.post(f"{API}/registered-models/update", {}).status == 405


def test_content_type_is_required(wire):
    path = f"{API}/experiments/create"
    wire.request("POST", path, raw="{}").error(400, INVALID, "Bad Request. Content-Type header is missing.")
    wire.request("POST", path, raw="{}", headers={"Content-Type": "text/plain"}).error(
        400, INVALID, "Bad Request. Content-Type must be one of ['application/json']."
    )


@pytest.mark.parametrize("raw", ["", "{", "null", "\xff", "{}"])
def test_a_body_that_says_nothing_counts_as_empty(wire, raw):
    answer = wire.request(
        "POST", f"{API}/experiments/create", raw=raw.encode("latin-1"), headers={"Content-Type": "application/json"}
    )
    answer.error(400, INVALID, missing("name"))


@pytest.mark.parametrize("raw", ["[1]", "5", "true", '"abc"', "[" * 5000])
def test_a_body_of_another_kind_is_refused(wire, raw):
    client_error(
        wire.request("POST", f"{API}/experiments/create", raw=raw, headers={"Content-Type": "application/json"})
    )


def test_doubly_encoded_body_and_camel_case(wire, unique, experiment):
    name = unique("twice")
    raw = json.dumps(json.dumps({"name": name}))
    wire.request("POST", f"{API}/experiments/create", raw=raw, headers={"Content-Type": "application/json; charset=utf-8"}).ok()
    made = wire.post(f"{API}/runs/create", {"experimentId": experiment, "runName": "camel", "odd": [1]}).ok()["run"]["info"]
    assert (made["experiment_id"], made["run_name"]) == (experiment, "camel")
    both = {"experiment_id": experiment, "runName": "a", "run_name": "a"}
    wire.post(f"{API}/runs/create", both).error(
        400, INVALID, "Request specifies both 'run_name' and 'runName'; provide only one of them."
    )


def test_ajax_twins_answer_the_same(wire, experiment, run, model, logged):
    for path, query in [
        ("experiments/get", {"experiment_id": experiment}),
        ("runs/get", {"run_id": run}),
        ("metrics/get-history", {"run_id": run, "metric_key": "m"}),
        ("registered-models/get", {"name": model}),
        ("registered-models/search", {"max_results": 5, "filter": f"name = '{model}'"}),
        ("model-versions/search", {"max_results": 5, "filter": f"name = '{model}'"}),
        (f"logged-models/{logged}", {}),
        ("artifacts/list", {"run_id": run}),
        ("experiments/get", {"experiment_id": "abc"}),
    ]:
        assert wire.get(f"{API}/{path}", **query).body == wire.get(f"{AJAX}/{path}", **query).body, path
    body = {"experiment_ids": [experiment], "max_results": 5}
    for path in ("runs/search", "logged-models/search"):
        assert wire.post(f"{API}/{path}", body).ok() == wire.post(f"{AJAX}/{path}", body).ok(), path
    made = wire.post(f"{AJAX}/runs/create", {"experiment_id": experiment}).ok()["run"]["info"]["run_id"]
    wire.post(f"{AJAX}/runs/log-metric", {"run_id": made, "key": "m", "value": 1, "timestamp": 1}).ok()
    wire.put(f"/ajax-api/2.0/mlflow-artifacts/artifacts/{experiment}/{made}/artifacts/x.txt", "x")
    assert wire.get("/ajax-api/2.0/mlflow-artifacts/artifacts", path=f"{experiment}/{made}/artifacts").status == 200


def test_every_answer_carries_a_request_id(wire):
    if harness.oracle_run():
        pytest.skip("the real server has no request ids")
    answer = wire.get(f"{API}/experiments/get", experiment_id="0")
    assert answer.headers.get("x-request-id")


# --- experiments -------------------------------------------------------------------------------------------------


def test_experiment_json(wire, unique):
    name = unique("json")
    before = int(time.time() * 1000)
    body = {"name": name, "tags": [{"key": "k", "value": "v"}, {"key": "empty"}]}
    made = wire.post(f"{API}/experiments/create", body).ok()
    assert set(made) == {"experiment_id"} and re.fullmatch(r"\d+", made["experiment_id"])
    stored = wire.get(f"{API}/experiments/get", experiment_id=made["experiment_id"]).ok()["experiment"]
    assert set(stored) == {
        "experiment_id", "name", "artifact_location", "lifecycle_stage", "last_update_time", "creation_time", "tags", "workspace"
    }  # fmt: skip
    assert stored["name"] == name and stored["lifecycle_stage"] == "active"
    assert pairs(stored["tags"]) == {"k": "v", "empty": ""}
    assert before - 2000 <= stored["creation_time"] == stored["last_update_time"] <= time.time() * 1000 + 2000
    assert stored["artifact_location"].startswith("mlflow-artifacts:/")
    assert stored["artifact_location"].endswith("/" + made["experiment_id"])
    by_name = wire.get(f"{API}/experiments/get-by-name", experiment_name=name).ok()
    assert by_name["experiment"] == stored
    bare = wire.post(f"{API}/experiments/create", {"name": unique("json")}).ok()
    assert "tags" not in wire.get(f"{API}/experiments/get", experiment_id=bare["experiment_id"]).ok()["experiment"]


@pytest.mark.parametrize(
    "body, message",
    [
        ({}, missing("name")),
        ({"name": ""}, missing("name")),
        ({"name": None}, missing("name")),
        ({"name": "  "}, "Invalid experiment name: '  '"),
        ({"name": 5}, wrong_type("name", 5, "int")),
        ({"name": ["x"]}, wrong_type("name", ["x"], "list")),
        ({"name": "x" * 501}, "'name' exceeds the maximum length of 500 characters"),
        ({"name": "q", "tags": "x"}, wrong_type("tags", "x", "str")),
        ({"name": "q", "tags": [{"key": "/bad", "value": "v"}]}, bad_name("key", "/bad", "/bad")),
        ({"name": "q", "tags": [{"value": "v"}]}, bad_name("key", "", ".")),
        ({"name": "q", "tags": [{"key": "a?b", "value": "v"}]}, bad_name("key", "a?b")),
        ({"name": "q", "tags": [{"key": "k" * 251, "value": "v"}]}, "'key' exceeds the maximum length of 250 characters"),
        ({"name": "q", "tags": [{"key": "k", "value": "v" * 20001}]}, "'value' exceeds the maximum length of 20000 characters"),
        ({"name": "q", "artifact_location": "s3://b/x#frag"}, "'artifact_location' URL can't include fragments or params."),
    ],
)
def test_create_experiment_bad_input(wire, body, message):
    wire.post(f"{API}/experiments/create", body).error(400, INVALID, message)


def test_experiment_names_are_unique_even_against_deleted_ones(wire, unique):
    name = unique("taken")
    made = wire.post(f"{API}/experiments/create", {"name": name}).ok()["experiment_id"]
    message = wire.post(f"{API}/experiments/create", {"name": name}).error(400, EXISTS)
    assert message.startswith(f"Experiment(name={name}) already exists.")
    wire.post(f"{API}/experiments/delete", {"experiment_id": made}).ok()
    wire.post(f"{API}/experiments/create", {"name": name}).error(400, EXISTS)
    other = wire.post(f"{API}/experiments/create", {"name": unique("other")}).ok()["experiment_id"]
    client_error(wire.post(f"{API}/experiments/update", {"experiment_id": other, "new_name": name}))


@pytest.mark.parametrize(
    "experiment_id, status, code, message",
    [
        ("987654321", 404, MISSING, "No Experiment with id=987654321 exists"),
        ("-1", 404, MISSING, "No Experiment with id=-1 exists"),
        ("abc", 400, INVALID, "Invalid experiment ID 'abc'. Experiment ID must be a valid integer."),
        ("1.5", 400, INVALID, "Invalid experiment ID '1.5'. Experiment ID must be a valid integer."),
    ],
)
def test_unknown_experiment_ids(wire, experiment_id, status, code, message):
    wire.get(f"{API}/experiments/get", experiment_id=experiment_id).error(status, code, message)
    for path, extra in [
        ("delete", {}),
        ("restore", {}),
        ("update", {"new_name": "x"}),
        ("set-experiment-tag", {"key": "k", "value": "v"}),
        ("delete-experiment-tag", {"key": "k"}),
    ]:
        wire.post(f"{API}/experiments/{path}", {"experiment_id": experiment_id, **extra}).error(status, code, message)
    wire.post(f"{API}/runs/create", {"experiment_id": experiment_id}).error(status, code, message)
    wire.post(f"{API}/logged-models", {"experiment_id": experiment_id}).error(status, code, message)


def test_huge_experiment_id(wire):
    client_error(wire.get(f"{API}/experiments/get", experiment_id="9" * 30))
    client_error(wire.post(f"{API}/runs/search", {"experiment_ids": ["9" * 30]})) if NO_500 else None


def test_required_experiment_fields(wire, experiment):
    wire.get(f"{API}/experiments/get").error(400, INVALID, missing("experiment_id"))
    wire.get(f"{API}/experiments/get", experiment_id="").error(400, INVALID, missing("experiment_id"))
    wire.get(f"{API}/experiments/get-by-name").error(400, INVALID, missing("experiment_name"))
    wire.get(f"{API}/experiments/get-by-name", experiment_name="no such one").error(
        404, MISSING, "Could not find experiment with name 'no such one'"
    )
    for path in ("delete", "restore"):
        wire.post(f"{API}/experiments/{path}").error(400, INVALID, missing("experiment_id"))
    wire.post(f"{API}/experiments/update", {"experiment_id": experiment}).error(400, INVALID, missing("new_name"))
    wire.post(f"{API}/experiments/update", {"experiment_id": experiment, "new_name": ""}).error(400, INVALID, missing("new_name"))
    wire.post(f"{API}/experiments/set-experiment-tag", {"experiment_id": experiment, "value": "v"}).error(
        400, INVALID, missing("key")
    )
    wire.post(f"{API}/experiments/set-experiment-tag", {"experiment_id": experiment, "key": "k", "value": 5}).error(
        400, INVALID, wrong_type("value", 5, "int")
    )
    wire.post(f"{API}/experiments/delete-experiment-tag", {"experiment_id": experiment, "key": "none"}).error(
        404, MISSING, f"No tag with name: none in experiment with id {experiment}"
    )


def test_deleted_experiment(wire, experiment, run):
    wire.post(f"{API}/experiments/delete", {"experiment_id": experiment}).ok()
    stored = wire.get(f"{API}/experiments/get", experiment_id=experiment).ok()["experiment"]
    assert stored["lifecycle_stage"] == "deleted" and stored["last_update_time"] >= stored["creation_time"]
    gone = f"No Experiment with id={experiment} exists"
    wire.post(f"{API}/experiments/delete", {"experiment_id": experiment}).error(404, MISSING, gone)
    inactive = f"The experiment {experiment} must be in the 'active' state. Current state is deleted."
    wire.post(f"{API}/runs/create", {"experiment_id": experiment}).error(400, INVALID, inactive)
    wire.post(f"{API}/logged-models", {"experiment_id": experiment}).error(400, INVALID, inactive)
    tag = {"experiment_id": experiment, "key": "k", "value": "v"}
    wire.post(f"{API}/experiments/set-experiment-tag", tag).error(400, INVALID, inactive)
    rename = wire.post(f"{API}/experiments/update", {"experiment_id": experiment, "new_name": "n"})
    assert rename.body["message"] == "Cannot rename a non-active experiment."
    if NO_500:
        assert 400 <= rename.status < 500, rename
    assert get_run(wire, run)["info"]["lifecycle_stage"] == "deleted"
    wire.post(f"{API}/experiments/restore", {"experiment_id": experiment}).ok()
    assert get_run(wire, run)["info"]["lifecycle_stage"] == "active"
    wire.post(f"{API}/experiments/restore", {"experiment_id": experiment}).error(404, MISSING, gone)


@pytest.mark.parametrize(
    "body, message",
    [
        ({}, "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer"),
        ({"max_results": 0}, "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer"),
        ({"max_results": -1}, "Invalid value -1 for parameter 'max_results' supplied. It must be a positive integer"),
        ({"max_results": 50001}, "Invalid value 50001 for parameter 'max_results' supplied. It must be at most 50000"),
        ({"max_results": "x"}, wrong_type("max_results", "x", "str")),
        ({"max_results": 1, "page_token": "abc"}, "Invalid page token, could not base64-decode"),
        ({"max_results": 1, "order_by": ["tags.a"]}, "Invalid order_by entity: tag"),
        ({"max_results": 1, "order_by": ["name up"]}, "Invalid ordering key in order_by clause 'name up'."),
        ({"max_results": 1, "filter": "creation_time > 1.5"}, "Invalid value for numeric attribute 'creation_time': '1.5'"),
        ({"max_results": 1, "filter": "experiment_id LIKE '1'"}, "Invalid comparator for experiment_id: LIKE"),
        ({"max_results": 1, "filter": "tags.t > 'a'"}, "Invalid comparator for tag: >"),
    ],
)
def test_search_experiments_bad_input(wire, body, message):
    wire.post(f"{API}/experiments/search", body).error(400, INVALID, message)


def test_search_experiments_by_get_and_view_type(wire, experiment):
    found = wire.get(f"{API}/experiments/search", max_results=1, view_type="ALL", filter=f"experiment_id = '{experiment}'").ok()
    assert [e["experiment_id"] for e in found["experiments"]] == [experiment] and "next_page_token" not in found
    wire.post(f"{API}/experiments/delete", {"experiment_id": experiment}).ok()
    for view, there in (("ACTIVE_ONLY", False), ("DELETED_ONLY", True), ("ALL", True), (2, True), (None, False)):
        body = {"max_results": 5, "filter": f"experiment_id = '{experiment}'"}
        if view is not None:
            body["view_type"] = view
        found = wire.post(f"{API}/experiments/search", body).ok()
        assert bool(found.get("experiments")) is there, view


# --- runs --------------------------------------------------------------------------------------------------------


def test_run_json(wire, experiment):
    body = {
        "experiment_id": experiment,
        "user_id": "ada",
        "start_time": 123,
        "run_name": "name",
        "tags": [{"key": "zz", "value": "1"}, {"key": "aa", "value": "2"}],
    }
    made = wire.post(f"{API}/runs/create", body).ok()["run"]
    run_id = made["info"]["run_id"]
    assert RUN_ID.fullmatch(run_id)
    location = wire.get(f"{API}/experiments/get", experiment_id=experiment).ok()["experiment"]["artifact_location"]
    info = {
        "run_id": run_id,
        "run_uuid": run_id,
        "experiment_id": experiment,
        "run_name": "name",
        "user_id": "ada",
        "status": "RUNNING",
        "start_time": 123,
        "artifact_uri": f"{location}/{run_id}/artifacts",
        "lifecycle_stage": "active",
    }
    assert made["info"] == info
    assert set(made) == {"info", "data", "inputs"} and made["inputs"] == {}
    assert set(made["data"]) == {"tags"}
    assert pairs(made["data"]["tags"]) == {"zz": "1", "aa": "2", "mlflow.runName": "name"}
    stored = get_run(wire, run_id)
    assert stored["info"] == info and stored["inputs"] == {} and stored["outputs"] == {}
    assert wire.get(f"{API}/runs/get", run_uuid=run_id).ok()["run"] == stored
    assert wire.get(f"{API}/runs/get", run_id=run_id, run_uuid="other").ok()["run"] == stored


def test_run_defaults_and_names(wire, experiment):
    plain = wire.post(f"{API}/runs/create", {"experiment_id": experiment}).ok()["run"]
    assert plain["info"]["start_time"] == 0 and plain["info"]["user_id"] == ""
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", plain["info"]["run_name"])
    tagged = {"experiment_id": experiment, "tags": [{"key": "mlflow.runName", "value": "tagged"}]}
    assert wire.post(f"{API}/runs/create", tagged).ok()["run"]["info"]["run_name"] == "tagged"
    clash = {**tagged, "run_name": "named"}
    wire.post(f"{API}/runs/create", clash).error(
        400,
        INVALID,
        "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
        "(run_name='named', mlflow.runName='tagged').",
    )
    text = wire.post(f"{API}/runs/create", {"experiment_id": experiment, "start_time": "55"}).ok()
    assert text["run"]["info"]["start_time"] == 55
    wire.post(f"{API}/runs/create", {"experiment_id": experiment, "start_time": "abc"}).error(
        400, INVALID, wrong_type("start_time", "abc", "str")
    )
    wire.post(f"{API}/runs/create", {"experiment_id": 1}).error(400, INVALID, wrong_type("experiment_id", 1, "int"))


def test_update_run(wire, run):
    same = wire.post(f"{API}/runs/update", {"run_id": run}).ok()["run_info"]
    assert same["status"] == "RUNNING" and "end_time" not in same
    done = wire.post(f"{API}/runs/update", {"run_id": run, "status": "FINISHED", "end_time": 5000}).ok()["run_info"]
    assert (done["status"], done["end_time"]) == ("FINISHED", 5000)
    named = wire.post(f"{API}/runs/update", {"run_uuid": run, "run_name": "new"}).ok()["run_info"]
    assert named["run_name"] == "new" and named["status"] == "FINISHED"
    assert pairs(get_run(wire, run)["data"]["tags"])["mlflow.runName"] == "new"
    assert wire.post(f"{API}/runs/update", {"run_id": run, "run_name": ""}).ok()["run_info"]["run_name"] == "new"
    by_number = wire.post(f"{API}/runs/update", {"run_id": run, "status": 4}).ok()["run_info"]
    assert by_number["status"] == "FAILED"
    wire.post(f"{API}/runs/update", {"run_id": run, "end_time": "zz"}).error(400, INVALID, wrong_type("end_time", "zz", "str"))
    wire.post(f"{API}/runs/update", {}).error(400, INVALID, missing("run_id"))


UNKNOWN = "0123456789abcdef0123456789abcdef"


def test_unknown_run_ids(wire):
    gone = f"Run with id={UNKNOWN} not found"
    wire.get(f"{API}/runs/get", run_id=UNKNOWN).error(404, MISSING, gone)
    wire.get(f"{API}/runs/get", run_id="nope").error(404, MISSING, "Run with id=nope not found")
    wire.get(f"{API}/artifacts/list", run_id=UNKNOWN).error(404, MISSING, gone)
    for path, extra in [
        ("update", {"status": "FAILED"}),
        ("delete", {}),
        ("restore", {}),
        ("set-tag", {"key": "k", "value": "v"}),
        ("delete-tag", {"key": "k"}),
        ("log-parameter", {"key": "k", "value": "v"}),
        ("log-metric", {"key": "k", "value": 1, "timestamp": 1}),
        ("log-batch", {}),
        ("log-inputs", {"datasets": []}),
        ("outputs", {"models": [{"model_id": "m-x", "step": 0}]}),
    ]:
        wire.post(f"{API}/runs/{path}", {"run_id": UNKNOWN, **extra}).error(404, MISSING, gone)


def test_required_run_fields(wire, run):
    wire.get(f"{API}/runs/get").error(400, INVALID, missing("run_id"))
    wire.get(f"{API}/artifacts/list").error(400, INVALID, missing("run_id"))
    for path, body, field in [
        ("delete", {}, "run_id"),
        ("restore", {}, "run_id"),
        ("set-tag", {"key": "k"}, "run_id"),
        ("set-tag", {"run_id": run, "value": "v"}, "key"),
        ("delete-tag", {"run_id": run}, "key"),
        ("log-parameter", {"run_id": run, "key": ""}, "key"),
        ("log-metric", {"run_id": run}, "key"),
        ("log-metric", {"run_id": run, "key": "k"}, "value"),
        ("log-metric", {"run_id": run, "key": "k", "value": 1}, "timestamp"),
        ("log-metric", {"run_id": run, "key": "k", "value": None, "timestamp": 1}, "value"),
        ("log-batch", {}, "run_id"),
        ("log-batch", {"run_id": run, "metrics": [{"value": 1, "timestamp": 1}]}, "metrics[0].key"),
        ("log-batch", {"run_id": run, "metrics": [{"key": "k", "timestamp": 1}]}, "metrics[0].value"),
        ("log-batch", {"run_id": run, "metrics": [{"key": "k", "value": 1}]}, "metrics[0].timestamp"),
        ("log-batch", {"run_id": run, "params": [{"value": "x"}]}, "params[0].key"),
        ("log-batch", {"run_id": run, "tags": [{"key": "a"}, {"value": "x"}]}, "tags[1].key"),
        ("outputs", {"run_id": run}, "models"),
        ("log-model", {"run_id": run}, "model_json"),
    ]:
        wire.post(f"{API}/runs/{path}", body).error(400, INVALID, missing(field))


def test_deleted_run_is_read_only(wire, run):
    wire.post(f"{API}/runs/delete", {"run_id": run}).ok()
    wire.post(f"{API}/runs/delete", {"run_id": run}).ok()
    inactive = f"The run {run} must be in the 'active' state. Current state is deleted."
    for path, extra in [
        ("update", {"status": "FAILED"}),
        ("set-tag", {"key": "k", "value": "v"}),
        ("delete-tag", {"key": "mlflow.runName"}),
        ("log-parameter", {"key": "k", "value": "v"}),
        ("log-metric", {"key": "k", "value": 1, "timestamp": 1}),
        ("log-batch", {"metrics": []}),
        ("log-inputs", {"datasets": []}),
        ("outputs", {"models": [{"model_id": "m-x", "step": 0}]}),
    ]:
        wire.post(f"{API}/runs/{path}", {"run_id": run, **extra}).error(400, INVALID, inactive)
    assert get_run(wire, run)["info"]["lifecycle_stage"] == "deleted"
    wire.post(f"{API}/runs/restore", {"run_id": run}).ok()
    wire.post(f"{API}/runs/restore", {"run_id": run}).ok()
    wire.post(f"{API}/runs/set-tag", {"run_id": run, "key": "k", "value": "v"}).ok()


def test_tags(wire, run):
    def set_tag(key, value=None):
        body = {"run_id": run, "key": key}
        if value is not None:
            body["value"] = value
        return wire.post(f"{API}/runs/set-tag", body)

    def tags():
        return pairs(get_run(wire, run)["data"]["tags"])

    set_tag("k", "1").ok()
    set_tag("k", "2").ok()
    set_tag("none").ok()
    set_tag("ключ é/sub:x", "значение 🎉").ok()
    assert tags() == {"mlflow.runName": "wire", "k": "2", "none": "", "ключ é/sub:x": "значение 🎉"}
    set_tag("mlflow.runName", "renamed").ok()
    set_tag("mlflow.runName", "").ok()
    stored = get_run(wire, run)
    assert stored["info"]["run_name"] == "renamed" and tags()["mlflow.runName"] == "renamed"
    set_tag("long", "v" * 8001).ok()
    assert tags()["long"] == "v" * 8000
    set_tag("../x", "1").error(400, INVALID, bad_name("key", "../x", "../x"))
    set_tag("a//b", "1").error(400, INVALID, bad_name("key", "a//b", "a/b"))
    set_tag("a?b", "1").error(400, INVALID, bad_name("key", "a?b"))
    set_tag("a\nb", "1").error(400, INVALID, bad_name("key", "a\nb"))
    set_tag("k" * 251, "1").error(400, INVALID, "'key' exceeds the maximum length of 250 characters")
    wire.post(f"{API}/runs/set-tag", {"run_id": run, "key": "k", "value": 7}).error(400, INVALID, wrong_type("value", 7, "int"))
    wire.post(f"{API}/runs/delete-tag", {"run_id": run, "key": "k"}).ok()
    wire.post(f"{API}/runs/delete-tag", {"run_id": run, "key": "k"}).error(
        404, MISSING, f"No tag with name: k in run with id {run}"
    )
    assert "k" not in tags()


def test_params(wire, run):
    def log(key, value=None):
        body = {"run_id": run, "key": key}
        if value is not None:
            body["value"] = value
        return wire.post(f"{API}/runs/log-parameter", body)

    log("p", "1").ok()
    log("p", "1").ok()
    log("p", "2").error(
        400,
        INVALID,
        "Changing param values is not allowed. Param with key='p' was already logged with value='1' "
        f"for run ID='{run}'. Attempted logging new value '2'.",
    )
    log("none").ok()
    log("long", "x" * 6001).ok()
    log("long", "x" * 6500).ok()
    assert pairs(get_run(wire, run)["data"]["params"]) == {"p": "1", "none": "", "long": "x" * 6000}
    log("a//b", "x").error(400, INVALID, bad_name("key", "a//b", "a/b"))
    log("k" * 251, "x").error(400, INVALID, "'Param key' exceeds the maximum length of 250 characters")


# --- metrics -----------------------------------------------------------------------------------------------------


def log_metric(wire, run, **fields):
    return wire.post(f"{API}/runs/log-metric", {"run_id": run, "key": "m", "value": 1.5, "timestamp": 10, **fields})


def history(wire, run, key="m", **query):
    return wire.get(f"{API}/metrics/get-history", run_id=run, metric_key=key, **query)


def test_metric_values_and_latest(wire, run):
    for fields in (
        {"step": 3},
        {"step": 2, "value": 9},
        {"step": 2, "value": 9},
        {"key": "nan", "value": "NaN"},
        {"key": "inf", "value": "Infinity"},
        {"key": "ninf", "value": "-Infinity"},
        {"key": "text", "value": "1e3"},
        {"key": "time", "timestamp": "12"},
        {"key": "neg", "step": -3},
        {"key": "zero", "value": 0, "timestamp": 0},
        {"key": "tiny", "value": 5e-324},
        {"key": "big", "value": 123456789012345678},
    ):
        log_metric(wire, run, **fields).ok()
    latest = {m["key"]: m for m in get_run(wire, run)["data"]["metrics"]}
    assert latest["m"] == {"key": "m", "value": 1.5, "timestamp": 10, "step": 3}
    assert latest["nan"]["value"] == "NaN"
    assert latest["inf"]["value"] == 1.7976931348623157e308 and latest["ninf"]["value"] == -1.7976931348623157e308
    assert latest["text"]["value"] == 1000.0 and latest["time"]["timestamp"] == 12 and latest["neg"]["step"] == -3
    assert latest["zero"] == {"key": "zero", "value": 0.0, "timestamp": 0, "step": 0}
    assert latest["tiny"]["value"] == 5e-324 and latest["big"]["value"] == 1.2345678901234568e17
    assert history(wire, run).ok() == {
        "metrics": [
            {"key": "m", "value": 9.0, "timestamp": 10, "step": 2},
            {"key": "m", "value": 1.5, "timestamp": 10, "step": 3},
        ]
    }
    assert history(wire, run, "nan").ok()["metrics"][0]["value"] == "NaN"


def test_latest_is_by_step_then_time_then_value(wire, run):
    for step, timestamp, value in ((1, 5, 1.0), (1, 5, 3.0), (1, 5, 2.0), (1, 4, 9.0), (0, 99, 8.0)):
        log_metric(wire, run, step=step, timestamp=timestamp, value=value).ok()
    assert get_run(wire, run)["data"]["metrics"] == [{"key": "m", "value": 3.0, "timestamp": 5, "step": 1}]
    assert [(m["timestamp"], m["step"], m["value"]) for m in history(wire, run).ok()["metrics"]] == [
        (4, 1, 9.0), (5, 1, 1.0), (5, 1, 2.0), (5, 1, 3.0), (99, 0, 8.0)
    ]  # fmt: skip


def test_clock_skewed_timestamps_are_kept(wire, run):
    log_metric(wire, run, timestamp=0, step=1).ok()
    log_metric(wire, run, timestamp=253402300799999, step=2).ok()
    log_metric(wire, run, timestamp=9223372036854775807, step=3).ok()
    assert [m["timestamp"] for m in history(wire, run).ok()["metrics"]] == [0, 253402300799999, 9223372036854775807]
    client_error(log_metric(wire, run, timestamp=9223372036854775808, step=4)) if NO_500 else None


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"value": "abc"}, wrong_type("value", "abc", "str")),
        ({"step": "x"}, wrong_type("step", "x", "str")),
        ({"timestamp": "x"}, wrong_type("timestamp", "x", "str")),
        (
            {"timestamp": -1},
            "Invalid value -1 for parameter 'timestamp' supplied: metric 'm' (value=1.5). "
            "Timestamp must be a nonnegative long (64-bit integer) ",
        ),
        ({"key": "a?"}, bad_name("name", "a?")),
        ({"key": "../a"}, bad_name("name", "../a", "../a")),
        ({"key": "/a"}, bad_name("name", "/a", "/a")),
        ({"key": "k" * 251}, "'Metric name' exceeds the maximum length of 250 characters"),
    ],
)
def test_metric_bad_input(wire, run, fields, message):
    log_metric(wire, run, **fields).error(400, INVALID, message)
    assert "metrics" not in get_run(wire, run)["data"]


def test_bare_nan_in_json_is_no_crash(wire, run):
    for literal in ("NaN", "Infinity", "1e999"):
        raw = '{"run_id": "%s", "key": "m", "value": %s, "timestamp": 1}' % (run, literal)
        answer = wire.request("POST", f"{API}/runs/log-metric", raw=raw, headers={"Content-Type": "application/json"})
        assert answer.status in (200, 400), answer


def test_history_pages(wire, run):
    points = [{"key": "m", "value": i, "timestamp": i, "step": i} for i in range(5)]
    wire.post(f"{API}/runs/log-batch", {"run_id": run, "metrics": points}).ok()
    everything = history(wire, run).ok()
    assert [m["step"] for m in everything["metrics"]] == [0, 1, 2, 3, 4] and "next_page_token" not in everything
    steps, token = [], None
    for _ in range(5):
        page = history(wire, run, max_results=2, **({"page_token": token} if token else {})).ok()
        steps += [m["step"] for m in page["metrics"]]
        token = page.get("next_page_token")
        if not token:
            break
    assert steps == [0, 1, 2, 3, 4]
    assert "next_page_token" not in history(wire, run, max_results=5).ok()
    for wrong in (0, -1):
        history(wire, run, max_results=wrong).error(
            400, INVALID, f"Invalid value {wrong} for parameter 'max_results' supplied. It must be a positive integer."
        )
    wire.get(f"{API}/metrics/get-history", run_id=run).error(400, INVALID, missing("metric_key"))
    wire.get(f"{API}/metrics/get-history", metric_key="m").error(400, INVALID, missing("run_id"))
    assert history(wire, run, "unknown").ok() == {}


def test_history_bulk(wire, experiment, run):
    other = wire.post(f"{API}/runs/create", {"experiment_id": experiment}).ok()["run"]["info"]["run_id"]
    for target in (run, other):
        points = [{"key": "m", "value": i, "timestamp": 10 - i, "step": i} for i in range(4)]
        wire.post(f"{API}/runs/log-batch", {"run_id": target, "metrics": points}).ok()
    bulk = wire.get(f"{AJAX}/metrics/get-history-bulk", run_id=[run, other], metric_key="m").ok()["metrics"]
    expected = [(r, 10 - i, i) for r in sorted((run, other)) for i in (3, 2, 1, 0)]
    assert [(m["run_id"], m["timestamp"], m["step"]) for m in bulk] == expected
    limited = wire.get(f"{AJAX}/metrics/get-history-bulk", run_id=[run], metric_key="m", max_results=2).ok()
    assert len(limited["metrics"]) == 2
    wire.get(f"{AJAX}/metrics/get-history-bulk", metric_key="m").error(
        400, INVALID, "GetMetricHistoryBulk request must specify at least one run_id."
    )
    wire.get(f"{AJAX}/metrics/get-history-bulk", run_id=run).error(
        400, INVALID, "GetMetricHistoryBulk request must specify a metric_key."
    )
    wire.get(f"{AJAX}/metrics/get-history-bulk", run_id=[run] * 101, metric_key="m").error(
        400, INVALID, "GetMetricHistoryBulk request cannot specify more than 100 run_ids. Received 101 run_ids."
    )


def test_history_bulk_interval(wire, run):
    points = [{"key": "m", "value": i, "timestamp": i, "step": i} for i in range(20)]
    wire.post(f"{API}/runs/log-batch", {"run_id": run, "metrics": points}).ok()

    def steps(**query):
        answer = wire.get(f"{API}/metrics/get-history-bulk-interval", run_ids=[run], metric_key="m", **query)
        return [m["step"] for m in answer.ok().get("metrics", [])]

    assert steps() == list(range(20))
    # Twenty points in six buckets (4, 4, 3, 3, 3, 3): the first of each, the last of all replacing the last sample.
    assert steps(max_results=6) == [0, 4, 8, 11, 14, 19]
    assert steps(max_results=1) == [19]
    assert steps(start_step=5, end_step=7) == [5, 6, 7]
    interval = f"{API}/metrics/get-history-bulk-interval"
    wire.get(interval, run_ids=[run]).error(400, INVALID, missing("metric_key"))
    wire.get(interval, metric_key="m").error(400, INVALID, missing("run_ids"))
    wire.get(interval, run_ids=[run], metric_key="m", max_results=0).error(
        400, INVALID, f"max_results must be between 1 and 2500.{TAIL}"
    )
    wire.get(interval, run_ids=[run], metric_key="m", start_step=1).error(
        400, INVALID, "If either start step or end step are specified, both must be specified."
    )
    wire.get(interval, run_ids=[run], metric_key="m", start_step=5, end_step=1).error(
        400, INVALID, "end_step must be greater than start_step. Found start_step=5 and end_step=1."
    )


# --- batches -----------------------------------------------------------------------------------------------------


def batch(wire, run, **fields):
    return wire.post(f"{API}/runs/log-batch", {"run_id": run, **fields})


def test_batch_writes_everything(wire, run):
    batch(
        wire,
        run,
        metrics=[{"key": "m", "value": 1, "timestamp": 1, "step": 0}, {"key": "m", "value": 2, "timestamp": 2, "step": 1}],
        params=[{"key": "p", "value": "1"}, {"key": "none"}],
        tags=[{"key": "t", "value": "1"}, {"key": "t", "value": "2"}, {"key": "mlflow.runName", "value": "by batch"}],
    ).ok()
    stored = get_run(wire, run)
    assert stored["info"]["run_name"] == "by batch"
    assert pairs(stored["data"]["params"]) == {"p": "1", "none": ""}
    assert pairs(stored["data"]["tags"]) == {"t": "2", "mlflow.runName": "by batch"}
    assert stored["data"]["metrics"] == [{"key": "m", "value": 2.0, "timestamp": 2, "step": 1}]
    batch(wire, run).ok()


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"metrics": [{"key": "x", "value": 1, "timestamp": 1}, {"key": "y?", "value": 1, "timestamp": 1}]}, bad_name("metrics[1].name", "y?")),
        ({"params": [{"key": "/x", "value": "1"}]}, bad_name("params[0].key", "/x", "/x")),
        ({"tags": [{"key": "a//b", "value": "1"}]}, bad_name("tags[0].key", "a//b", "a/b")),
        ({"tags": [{"key": "k" * 251, "value": "1"}]}, "'tags[0].key' exceeds the maximum length of 250 characters"),
        ({"params": [{"key": "k" * 251, "value": "1"}]}, "'Param key' exceeds the maximum length of 250 characters"),
        (
            {"metrics": [{"key": "x", "value": 1, "timestamp": -1}]},
            "Invalid value -1 for parameter 'metrics[0].timestamp' supplied: metric 'x' (value=1.0). "
            "Timestamp must be a nonnegative long (64-bit integer) ",
        ),
        ({"metrics": "s"}, wrong_type("metrics", "s", "str")),
        (
            {"params": [{"key": "d", "value": "1"}, {"key": "d", "value": "2"}, {"key": "d", "value": "1"}]},
            "Duplicate parameter keys have been submitted: ['d', 'd']. Please ensure the request contains only one param "
            "value per param key.",
        ),
        (
            {"metrics": [{"key": f"m{i}", "value": 1, "timestamp": 1} for i in range(1001)]},
            "A batch logging request can contain at most 1000 metrics. Got 1001 metrics. Please split up metrics across "
            "multiple requests and try again.",
        ),
        (
            {"params": [{"key": f"p{i}", "value": "1"} for i in range(101)]},
            "A batch logging request can contain at most 100 params. Got 101 params. Please split up params across "
            "multiple requests and try again.",
        ),
        (
            {"tags": [{"key": f"t{i}", "value": "1"} for i in range(101)]},
            "A batch logging request can contain at most 100 tags. Got 101 tags. Please split up tags across "
            "multiple requests and try again.",
        ),
        (
            {
                "metrics": [{"key": f"m{i}", "value": 1, "timestamp": 1} for i in range(960)],
                "tags": [{"key": f"t{i}", "value": "1"} for i in range(50)],
            },
            "A batch logging request can contain at most 1000 metrics, params, and tags. Got 1010 metrics, params, and "
            "tags. Please split up metrics, params, and tags across multiple requests and try again.",
        ),
    ],
)  # fmt: skip
def test_batch_bad_input_writes_nothing(wire, run, fields, message):
    rest = {
        "metrics": [{"key": "ok", "value": 1, "timestamp": 1}],
        "params": [{"key": "ok", "value": "1"}],
        "tags": [{"key": "ok", "value": "1"}],
    }
    if len(fields.get("metrics", ())) < 900:
        fields = {**rest, **fields}
    batch(wire, run, **fields).error(400, INVALID, message)
    data = get_run(wire, run)["data"]
    assert "metrics" not in data and "params" not in data and set(pairs(data["tags"])) == {"mlflow.runName"}


def test_batch_with_a_changed_param_writes_nothing(wire, run):
    batch(wire, run, params=[{"key": "p", "value": "1"}]).ok()
    batch(
        wire,
        run,
        metrics=[{"key": "m", "value": 1, "timestamp": 1}],
        params=[{"key": "fresh", "value": "1"}, {"key": "p", "value": "2"}],
        tags=[{"key": "t", "value": "1"}],
    ).error(
        400,
        INVALID,
        "Changing param values is not allowed. Params were already "
        f"logged='[{{'key': 'p', 'old_value': '1', 'new_value': '2'}}]' for run ID='{run}'.",
    )
    data = get_run(wire, run)["data"]
    assert pairs(data["params"]) == {"p": "1"} and "metrics" not in data and "t" not in pairs(data["tags"])


def test_batch_run_id_shape(wire):
    batch(wire, "bad id!").error(400, INVALID, "Invalid value \"bad id!\" for parameter 'run_id' supplied.")


def test_oversized_body_is_refused_or_taken_but_never_a_crash(wire, run):
    answer = batch(wire, run, params=[{"key": "big", "value": "v" * 3_000_000}])
    assert answer.status in (200, 400, 413), answer


# --- search ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, message",
    [
        ("metrics.acc > '1'", "Expected numeric value type for metric. Found '1'"),
        ("params.p > 'x'", None),
        ("params.p = 1", "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 1"),
        ("start_time > '5'", "Expected numeric value type for numeric attribute: start_time. Found '5'"),
        ("foo.bar = 'x'", "Invalid entity type 'foo'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']"),
        ("status IN ('RUNNING')", "Only ['run_id'] attributes support comparison with a list of quoted string values."),
        ("metrics.acc IS NULL", "IS NULL / IS NOT NULL is only supported for tags and params, not for 'metric' 'acc'"),
        ("nope = 'x'", None),
        ("dataset.nope = 'x'", None),
        ("metrics.acc LIKE 1", None),
        ("tags.t > 'x'", None),
        ("a = 'x' OR b = 'y'", None),
        ("metrics.acc >", None),
        ("> 1", None),
        ("(metrics.acc > 1)", None),
        ("metrics.acc > 1; metrics.acc > 2", None),
        ("params.p = 'open", None),
        ("   ", None),
        ("'", None),
        ("\x00", None),
        ("metrics.`open > 1", None),
        ("run_id IN ()", None),
        ("run_id IN (1, 2)", None),
        ("run_id IN ('a'", None),
        ("select * from runs", None),
        ("metrics.acc > 1 -- drop", None),
    ],
)
def test_search_runs_malformed_filters(wire, experiment, text, message):
    answer = wire.post(f"{API}/runs/search", {"experiment_ids": [experiment], "filter": text})
    said = answer.error(400, INVALID)
    if message is not None:
        # Ours may add where the fault is.
        assert message in said, answer


@pytest.mark.parametrize("size", [10_000, 200_000])
def test_a_monstrous_filter_is_no_crash(wire, experiment, size):
    for text in ("a" * size, "(" * size, "metrics.a > 1 AND " * (size // 20) + "metrics.a > 1"):
        if not NO_500 and size > 10_000:
            continue  # the real server takes minutes over these
        answer = wire.post(f"{API}/runs/search", {"experiment_ids": [experiment], "filter": text})
        assert answer.status in (200, 400, 413) or not NO_500, answer


@pytest.mark.parametrize(
    "body, message",
    [
        ({"max_results": 0}, "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer"),
        ({"max_results": 50001}, wrong_type("max_results", 50001, "int")),
        ({"order_by": "x"}, wrong_type("order_by", "x", "str")),
        ({"order_by": ["metrics.a UP"]}, "Invalid ordering key in order_by clause 'metrics.a UP'."),
        ({"order_by": ["metrics.a, params.b"]}, "Invalid order_by clause 'metrics.a, params.b'. Could not be parsed."),
        ({"order_by": [""]}, "Invalid order_by clause ''. Could not be parsed."),
        ({"order_by": ["dataset.name"]}, "Invalid identifier type 'dataset'"),
        ({"experiment_ids": "1"}, wrong_type("experiment_ids", "1", "str")),
        ({"experiment_ids": ["x"]}, "Invalid experiment ID 'x'. Experiment ID must be a valid integer."),
        ({"page_token": "abc"}, "Invalid page token, could not base64-decode"),
        ({"page_token": "eyJvZmZzZXQiOiAwfQ=="}, None),
        ({"page_token": "W10="}, None),
    ],
)
def test_search_runs_bad_input(wire, experiment, body, message):
    answer = wire.post(f"{API}/runs/search", {"experiment_ids": [experiment], **body})
    client_error(answer)
    if message is not None:
        answer.error(400, INVALID, message)


def test_search_runs_json(wire, experiment, run):
    empty = wire.post(f"{API}/runs/search", {}).ok()
    assert empty == {}
    found = wire.post(f"{API}/runs/search", {"experiment_ids": [experiment]}).ok()
    assert set(found) == {"runs"} and found["runs"] == [get_run(wire, run)]
    token = base64.b64encode(json.dumps({"offset": 1}).encode()).decode()
    wire.post(f"{API}/runs/create", {"experiment_id": experiment}).ok()
    first = wire.post(f"{API}/runs/search", {"experiment_ids": [experiment], "max_results": 1}).ok()
    assert first["runs"][0]["info"]["run_id"] == run and first["next_page_token"]
    second = wire.post(
        f"{API}/runs/search", {"experiment_ids": [experiment], "max_results": 1, "page_token": first["next_page_token"]}
    ).ok()
    assert len(second["runs"]) == 1 and "next_page_token" not in second
    assert wire.post(f"{API}/runs/search", {"experiment_ids": [experiment], "page_token": token}).status in (200, 400)


# --- inputs, outputs, logged models ------------------------------------------------------------------------------


def dataset(**fields):
    return {
        "tags": [{"key": "mlflow.data.context", "value": "train"}],
        "dataset": {"name": "d", "digest": "g", "source_type": "local", "source": "s", **fields},
    }


def test_dataset_inputs(wire, experiment, run):
    first = [dataset(schema="S", profile="P"), dataset(source="ignored"), dataset(name="other")]
    wire.post(f"{API}/runs/log-inputs", {"run_id": run, "datasets": first}).ok()
    again = {"tags": [{"key": "late", "value": "x"}], "dataset": {**first[0]["dataset"], "source": "changed"}}
    wire.post(f"{API}/runs/log-inputs", {"run_id": run, "datasets": [again]}).ok()
    inputs = sorted(get_run(wire, run)["inputs"]["dataset_inputs"], key=lambda i: i["dataset"]["name"])
    assert inputs == [dataset(schema="S", profile="P"), dataset(name="other")]
    summary = wire.post(f"{AJAX}/experiments/search-datasets", {"experiment_ids": [experiment]}).ok()["dataset_summaries"]
    assert sorted((s["name"], s["digest"], s["context"]) for s in summary) == [("d", "g", "train"), ("other", "g", "train")]
    wire.post(f"{AJAX}/experiments/search-datasets", {}).error(
        400, INVALID, "SearchDatasets request must specify at least one experiment_id."
    )
    for fields, message in [
        ({"name": "n" * 501}, "'name' exceeds the maximum length of 500 characters"),
        ({"digest": "n" * 37}, "'digest' exceeds the maximum length of 36 characters"),
        ({"source": "n" * 65536}, "'source' exceeds the maximum length of 65535 characters"),
        ({"schema": "n" * 1048576}, "'schema' exceeds the maximum length of 1048575 characters"),
    ]:
        answer = wire.post(f"{API}/runs/log-inputs", {"run_id": run, "datasets": [dataset(**fields)]})
        if answer.status != 413:
            answer.error(400, INVALID, message)
    for tag, message in [
        ({"key": "k" * 256, "value": "v"}, "'key' exceeds the maximum length of 255 characters"),
        ({"key": "k", "value": "v" * 501}, "'value' exceeds the maximum length of 500 characters"),
    ]:
        body = {"run_id": run, "datasets": [{"tags": [tag], "dataset": dataset()["dataset"]}]}
        wire.post(f"{API}/runs/log-inputs", body).error(400, INVALID, message)


def test_model_inputs_and_outputs(wire, run, logged):
    wire.post(f"{API}/runs/outputs", {"run_id": run, "models": [{"model_id": logged, "step": 3}]}).ok()
    wire.post(f"{API}/runs/log-inputs", {"run_id": run, "models": [{"model_id": logged}]}).ok()
    wire.post(f"{API}/runs/outputs", {"run_id": run, "models": []}).ok()
    stored = get_run(wire, run)
    assert stored["outputs"] == {"model_outputs": [{"model_id": logged, "step": 3}]}
    assert stored["inputs"] == {"model_inputs": [{"model_id": logged}]}
    client_error(wire.post(f"{API}/runs/outputs", {"run_id": run, "models": [{"model_id": logged, "step": 3}]}))


def test_log_model_of_mlflow_2(wire, run):
    description = {
        "artifact_path": "model",
        "flavors": {"sklearn": {"a": 1}},
        "utc_time_created": "2026-01-01 00:00:00",
        "run_id": run,
        "model_uuid": "u",
    }
    wire.post(f"{API}/runs/log-model", {"run_id": run, "model_json": json.dumps(description)}).ok()
    wire.post(f"{API}/runs/log-model", {"run_id": run, "model_json": json.dumps({**description, "artifact_path": "two"})}).ok()
    tag = json.loads(pairs(get_run(wire, run)["data"]["tags"])["mlflow.log-model.history"])
    assert [entry["artifact_path"] for entry in tag] == ["model", "two"] and tag[0]["flavors"] == {"sklearn": {"a": 1}}
    wire.post(f"{API}/runs/log-model", {"run_id": run, "model_json": "{"}).error(
        400, INVALID, "Malformed model info. \n { \n is not a valid JSON."
    )
    said = wire.post(f"{API}/runs/log-model", {"run_id": run, "model_json": "{}"}).error(400, INVALID)
    assert said.startswith("Model json is missing mandatory fields:")
    client_error(wire.post(f"{API}/runs/log-model", {"run_id": run, "model_json": "[]"}))


def test_logged_model_json(wire, experiment, run):
    body = {
        "experiment_id": experiment,
        "name": "mod",
        "model_type": "sklearn",
        "source_run_id": run,
        "params": [{"key": "lr", "value": "0.1"}],
        "tags": [{"key": "t", "value": "1"}],
    }
    made = wire.post(f"{API}/logged-models", body).ok()["model"]
    model_id = made["info"]["model_id"]
    assert re.fullmatch(r"m-[0-9a-f]{32}", model_id)
    location = wire.get(f"{API}/experiments/get", experiment_id=experiment).ok()["experiment"]["artifact_location"]
    info = dict(made["info"])
    created, updated = info.pop("creation_timestamp_ms"), info.pop("last_updated_timestamp_ms")
    assert created == updated
    assert info == {
        "model_id": model_id,
        "experiment_id": experiment,
        "name": "mod",
        "artifact_uri": f"{location}/models/{model_id}/artifacts",
        "status": "LOGGED_MODEL_PENDING",
        "model_type": "sklearn",
        "source_run_id": run,
        "tags": [{"key": "t", "value": "1"}],
    }
    assert made["data"] == {"params": [{"key": "lr", "value": "0.1"}]}
    assert wire.get(f"{API}/logged-models/{model_id}").ok()["model"] == made
    log_metric(wire, run, key="acc", value=0.5, timestamp=5, step=1, model_id=model_id).ok()
    log_metric(
        wire, run, key="acc", value=0.7, timestamp=6, step=2, model_id=model_id, dataset_name="ds", dataset_digest="dg"
    ).ok()
    common = {"key": "acc", "model_id": model_id, "run_id": run}
    metrics = wire.get(f"{API}/logged-models/{model_id}").ok()["model"]["data"]["metrics"]
    assert sorted(metrics, key=lambda m: m["step"]) == [
        {**common, "value": 0.5, "timestamp": 5, "step": 1},
        {**common, "value": 0.7, "timestamp": 6, "step": 2, "dataset_name": "ds", "dataset_digest": "dg"},
    ]
    found = wire.post(f"{API}/logged-models/search", {"experiment_ids": [experiment]}).ok()
    assert found["models"] == [wire.get(f"{API}/logged-models/{model_id}").ok()["model"]]


def test_logged_model_life(wire, experiment, logged):
    path = f"{API}/logged-models/{logged}"
    wire.patch(path, {"status": "LOGGED_MODEL_READY"}).error(400, INVALID, missing("model_id"))
    wire.patch(path, {"model_id": logged}).error(400, INVALID, missing("status"))
    ready = wire.patch(path, {"model_id": logged, "status": "LOGGED_MODEL_READY"}).ok()["model"]["info"]
    assert ready["status"] == "LOGGED_MODEL_READY" and ready["last_updated_timestamp_ms"] >= ready["creation_timestamp_ms"]
    failed = wire.patch(path, {"model_id": logged, "status": 3}).ok()["model"]["info"]
    assert failed["status"] == "LOGGED_MODEL_UPLOAD_FAILED"
    assert wire.patch(f"{path}/tags", {"tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}, {"key": "e"}]}).ok() == {}
    assert pairs(wire.get(path).ok()["model"]["info"]["tags"]) == {"a": "2", "e": ""}
    assert wire.delete(f"{path}/tags/a").ok() == {}
    wire.delete(f"{path}/tags/a").error(404, MISSING, f"No tag with key 'a' found for model with ID '{logged}'.")
    wire.post(f"{path}/params", {"params": []}).error(400, INVALID, missing("model_id"))
    wire.post(f"{path}/params", {"model_id": logged, "params": [{"key": "p", "value": "v"}]}).ok()
    client_error(wire.post(f"{path}/params", {"model_id": logged, "params": [{"key": "p", "value": "v"}]}))
    assert wire.get(path).ok()["model"]["data"]["params"] == [{"key": "p", "value": "v"}]
    assert wire.delete(path).ok() == {}
    assert wire.delete(path).ok() == {}
    gone = f"Logged model with ID '{logged}' not found."
    wire.get(path).error(404, MISSING, gone)
    assert wire.get(path, allow_deleted="true").ok()["model"]["info"]["model_id"] == logged
    assert wire.post(f"{API}/logged-models/search", {"experiment_ids": [experiment]}).ok() == {}


def test_logged_model_bad_input(wire, experiment):
    wire.post(f"{API}/logged-models").error(400, INVALID, missing("experiment_id"))
    characters = "('/', ':', '.', '%', '\"', \"'\")"
    wire.post(f"{API}/logged-models", {"experiment_id": experiment, "name": "a/b"}).error(
        400,
        INVALID,
        "Invalid model name ('a/b') provided. Model name must be a non-empty string and cannot contain the following "
        f"characters: {characters}",
    )
    gone = "Logged model with ID 'm-nope' not found."
    path = f"{API}/logged-models/m-nope"
    wire.get(path).error(404, MISSING, gone)
    wire.delete(path).error(404, MISSING, gone)
    wire.patch(path, {"model_id": "m-nope", "status": "LOGGED_MODEL_READY"}).error(404, MISSING, gone)
    wire.patch(f"{path}/tags", {"tags": [{"key": "k", "value": "v"}]}).error(404, MISSING, gone)
    wire.delete(f"{path}/tags/k").error(404, MISSING, gone)
    wire.post(f"{path}/params", {"model_id": "m-nope", "params": []}).error(404, MISSING, gone)
    wire.get(f"{path}/artifacts/directories").error(404, MISSING, gone)
    search = f"{API}/logged-models/search"
    wire.post(search, {}).error(400, INVALID, missing("experiment_ids"))
    assert wire.post(search, {"experiment_ids": []}).ok() == {}
    for body, message in [
        ({"filter": "metric.acc > 1"}, "Invalid entity type: 'metric'. Expected one of ['attributes', 'metrics', 'params', 'tags']."),
        ({"filter": "status = 'X'"}, "Unknown model status in filter: 'X'"),
        ({"filter": "status LIKE 'P%'"}, "Invalid comparison operator for status: LIKE"),
        ({"order_by": [{"field_name": "params.lr"}]}, "Invalid order by field name: params.lr. Only metrics are supported."),
        ({"order_by": [{"field_name": "foo"}]}, "Invalid order by field name: foo"),
        ({"datasets": [{"dataset_digest": "x"}]}, "`dataset_name` in the `datasets` clause must be specified."),
        ({"filter": "foo = 'x'"}, None),
        ({"filter": "metrics.acc > 'x'"}, None),
        ({"page_token": "zz"}, None),
        ({"filter": "name = 'a' OR name = 'b'"}, None),
    ]:
        answer = wire.post(search, {"experiment_ids": [experiment], **body})
        client_error(answer)
        if message is not None:
            assert message in answer.error(400, INVALID), answer


def test_metric_of_an_unknown_model(wire, run):
    answer = log_metric(wire, run, model_id="m-nope")
    client_error(answer)
    if NO_500:
        # Nothing half-written: the real server keeps the run's metric here.
        assert "metrics" not in get_run(wire, run)["data"]


# --- registry ----------------------------------------------------------------------------------------------------


def test_registered_model_json(wire, unique):
    name = unique("rm")
    body = {"name": name, "description": "d", "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}
    made = wire.post(f"{API}/registered-models/create", body).ok()["registered_model"]
    assert made == {
        "name": name,
        "creation_timestamp": made["creation_timestamp"],
        "last_updated_timestamp": made["creation_timestamp"],
        "description": "d",
        "tags": [{"key": "a", "value": "2"}],
    }
    assert wire.get(f"{API}/registered-models/get", name=name).ok()["registered_model"] == made
    wire.post(f"{API}/registered-models/create", {"name": name}).error(
        400, EXISTS, f"Registered Model (name={name}) already exists."
    )
    prompt = {"name": name, "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}
    wire.post(f"{API}/registered-models/create", prompt).error(
        400,
        EXISTS,
        f"Tried to create a prompt with name '{name}', but the name is already taken by a registered model. "
        "MLflow does not allow creating a model and a prompt with the same name.",
    )
    updated = wire.patch(f"{API}/registered-models/update", {"name": name, "description": "e"}).ok()["registered_model"]
    assert updated["description"] == "e" and updated["last_updated_timestamp"] >= made["last_updated_timestamp"]
    cleared = wire.patch(f"{API}/registered-models/update", {"name": name}).ok()["registered_model"]
    assert "description" not in cleared


@pytest.mark.parametrize(
    "name, message",
    [
        ("", missing("name")),
        (" ", "Missing value for required parameter 'name'."),
        ("a/b", "Invalid model name 'a/b'. Names cannot contain '/' or ':'."),
        ("a:b", "Invalid model name 'a:b'. Names cannot contain '/' or ':'."),
        ("..", bad_name("name", "..", "..")),
        (5, wrong_type("name", 5, "int")),
    ],
)
def test_registered_model_names(wire, name, message):
    wire.post(f"{API}/registered-models/create", {"name": name}).error(400, INVALID, message)
    if isinstance(name, str) and name.strip():
        wire.get(f"{API}/registered-models/get", name=name).error(400, INVALID, message)


def test_model_version_json(wire, model):
    body = {"name": model, "source": "s3://bucket/x"}
    made = wire.post(f"{API}/model-versions/create", body).ok()["model_version"]
    assert made == {
        "name": model,
        "version": "1",
        "creation_timestamp": made["creation_timestamp"],
        "last_updated_timestamp": made["creation_timestamp"],
        "current_stage": "None",
        "description": "",
        "source": "s3://bucket/x",
        "run_id": "",
        "status": "READY",
        "run_link": "",
    }
    assert wire.get(f"{API}/model-versions/get", name=model, version="1").ok()["model_version"] == made
    assert wire.get(f"{API}/registered-models/get", name=model).ok()["registered_model"]["latest_versions"] == [made]
    download = wire.get(f"{API}/model-versions/get-download-uri", name=model, version="1").ok()
    assert download == {"artifact_uri": "s3://bucket/x"}
    full = {
        "name": model,
        "source": "s3://bucket/y",
        "run_id": "r",
        "run_link": "http://l",
        "description": "d",
        "tags": [{"key": "k", "value": "v"}],
    }
    second = wire.post(f"{API}/model-versions/create", full).ok()["model_version"]
    assert {k: second[k] for k in ("version", "run_id", "run_link", "description", "tags")} == {
        "version": "2", "run_id": "r", "run_link": "http://l", "description": "d", "tags": [{"key": "k", "value": "v"}]
    }  # fmt: skip


def test_unknown_models_and_versions(wire, model):
    gone = "Registered Model with name=no-such-model not found"
    for path, method, extra in [
        ("get", "GET", {}),
        ("update", "PATCH", {"description": "d"}),
        ("delete", "DELETE", {}),
        ("rename", "POST", {"new_name": "other"}),
        ("set-tag", "POST", {"key": "k", "value": "v"}),
        ("delete-tag", "DELETE", {"key": "k"}),
        ("get-latest-versions", "POST", {}),
        ("alias", "GET", {"alias": "a"}),
        ("alias", "DELETE", {"alias": "a"}),
    ]:
        body = {"name": "no-such-model", **extra}
        if method == "GET":
            answer = wire.get(f"{API}/registered-models/{path}", **body)
        else:
            answer = wire.request(method, f"{API}/registered-models/{path}", json_body=body)
        answer.error(404, MISSING, gone)
    wire.post(f"{API}/model-versions/create", {"name": "no-such-model", "source": "s3://b/x"}).error(404, MISSING, gone)
    for version, status, code, message in [
        ("99", 404, MISSING, f"Model Version (name={model}, version=99) not found"),
        ("0", 404, MISSING, f"Model Version (name={model}, version=0) not found"),
        ("x", 400, INVALID, "Parameter 'version' must be an integer, got 'x'."),
    ]:
        body = {"name": model, "version": version}
        wire.get(f"{API}/model-versions/get", **body).error(status, code, message)
        wire.get(f"{API}/model-versions/get-download-uri", **body).error(status, code, message)
        wire.patch(f"{API}/model-versions/update", {**body, "description": "d"}).error(status, code, message)
        wire.delete(f"{API}/model-versions/delete", body).error(status, code, message)
        wire.post(f"{API}/model-versions/transition-stage", {**body, "stage": "Staging"}).error(status, code, message)
        wire.post(f"{API}/model-versions/set-tag", {**body, "key": "k", "value": "v"}).error(status, code, message)
        wire.delete(f"{API}/model-versions/delete-tag", {**body, "key": "k"}).error(status, code, message)
        wire.post(f"{API}/registered-models/alias", {**body, "alias": "a"}).error(status, code, message)


def test_required_registry_fields(wire, model):
    wire.get(f"{API}/registered-models/get").error(400, INVALID, missing("name"))
    wire.post(f"{API}/model-versions/create", {"name": model}).error(400, INVALID, missing("source"))
    wire.get(f"{API}/model-versions/get", name=model).error(400, INVALID, missing("version"))
    wire.post(f"{API}/registered-models/rename", {"name": model}).error(400, INVALID, missing("new_name"))
    wire.post(f"{API}/model-versions/transition-stage", {"name": model, "version": "1"}).error(400, INVALID, missing("stage"))
    wire.post(f"{API}/registered-models/alias", {"name": model, "version": "1"}).error(400, INVALID, missing("alias"))
    wire.get(f"{API}/registered-models/alias", name=model).error(400, INVALID, missing("alias"))
    # What deletes reads its body only, as the client sends it.
    wire.delete(f"{API}/registered-models/delete?name={model}").error(400, INVALID, missing("name"))


@pytest.mark.parametrize(
    "source, start",
    [
        ("/etc/passwd", "Invalid model version source: '/etc/passwd'. To use a local path as a model version source,"),
        ("file:///etc", "Invalid model version source: 'file:///etc'. To use a local path as a model version source,"),
        ("relative", "Invalid model version source: 'relative'. To use a local path as a model version source,"),
        ("mlflow-artifacts:/1/../x", "Invalid model version source: 'mlflow-artifacts:/1/../x'. If supplying a source as"),
        ("mlflow-artifacts:/1/%2e%2e/x", "Invalid model version source: 'mlflow-artifacts:/1/%2e%2e/x'. If supplying a source as"),
        ("s3://bucket/../x", "Invalid model version source: 's3://bucket/../x'. If supplying a source as"),
        (
            "mlflow-artifacts:/1/x",
            "Invalid model version source: 'mlflow-artifacts:/1/x'. The run_id request parameter must identify the resource "
            "that contains the source.",
        ),
        ("runs:/0123456789abcdef0123456789abcdef/m", "Invalid model version source: 'runs:/0123456789abcdef0123456789abcdef/m'. The run_id"),
        ("http://169.254.169.254/x", "'source' cannot use the 'http' scheme:"),
    ],
)  # fmt: skip
def test_model_version_sources(wire, model, source, start):
    said = wire.post(f"{API}/model-versions/create", {"name": model, "source": source}).error(400, INVALID)
    assert said.startswith(start), said


def test_model_version_from_run_and_logged_model(wire, experiment, run, model):
    uri = get_run(wire, run)["info"]["artifact_uri"]
    made = wire.post(f"{API}/model-versions/create", {"name": model, "source": f"{uri}/model", "run_id": run}).ok()
    assert made["model_version"]["run_id"] == run
    body = {"experiment_id": experiment, "name": "lm", "source_run_id": run}
    logged = wire.post(f"{API}/logged-models", body).ok()["model"]["info"]
    second = wire.post(
        f"{API}/model-versions/create", {"name": model, "source": f"models:/{logged['model_id']}", "model_id": logged["model_id"]}
    ).ok()["model_version"]
    assert second["run_id"] == run and second["source"] == f"models:/{logged['model_id']}"
    download = wire.get(f"{API}/model-versions/get-download-uri", name=model, version="2").ok()
    assert download == {"artifact_uri": logged["artifact_uri"]}
    tags = pairs(wire.get(f"{API}/logged-models/{logged['model_id']}").ok()["model"]["info"]["tags"])
    assert json.loads(tags["mlflow.modelVersions"]) == [{"name": model, "version": 2}]
    third = wire.post(f"{API}/model-versions/create", {"name": model, "source": f"models:/{model}/1"}).ok()["model_version"]
    assert third["run_id"] == run
    assert wire.get(f"{API}/model-versions/get-download-uri", name=model, version="3").ok() == {"artifact_uri": f"{uri}/model"}


def make_versions(wire, model, count):
    for _ in range(count):
        wire.post(f"{API}/model-versions/create", {"name": model, "source": "s3://bucket/x"}).ok()


def test_stages(wire, model):
    make_versions(wire, model, 2)

    def move(version, stage, **extra):
        return wire.post(f"{API}/model-versions/transition-stage", {"name": model, "version": version, "stage": stage, **extra})

    assert move("1", "production").ok()["model_version"]["current_stage"] == "Production"
    assert move("2", "PRODUCTION", archive_existing_versions=True).ok()["model_version"]["current_stage"] == "Production"
    first = wire.get(f"{API}/model-versions/get", name=model, version="1").ok()["model_version"]
    assert first["current_stage"] == "Archived"
    move("1", "Bogus").error(
        400, INVALID, "Invalid Model Version stage: Bogus. Value must be one of None, Staging, Production, Archived."
    )
    client_error(move("1", "Archived", archive_existing_versions=True))
    latest = wire.post(f"{API}/registered-models/get-latest-versions", {"name": model}).ok()["model_versions"]
    assert {v["current_stage"]: v["version"] for v in latest} == {"Archived": "1", "Production": "2"}
    by_get = wire.get(f"{API}/registered-models/get-latest-versions", name=model, stages=["Production"]).ok()
    assert [v["version"] for v in by_get["model_versions"]] == ["2"]
    wire.post(f"{API}/registered-models/get-latest-versions", {"name": model, "stages": ["bad"]}).error(400, INVALID)


def test_aliases(wire, model):
    make_versions(wire, model, 2)

    def alias(name, version="1"):
        return wire.post(f"{API}/registered-models/alias", {"name": model, "alias": name, "version": version})

    alias("champ").ok()
    alias("champ", "2").ok()
    alias("other").ok()
    stored = wire.get(f"{API}/registered-models/get", name=model).ok()["registered_model"]
    assert stored["aliases"] == [{"alias": "champ", "version": "2"}, {"alias": "other", "version": "1"}]
    found = wire.get(f"{API}/registered-models/alias", name=model, alias="champ").ok()["model_version"]
    assert found["version"] == "2" and found["aliases"] == ["champ"]
    newest = wire.get(f"{API}/registered-models/alias", name=model, alias="latest").ok()["model_version"]
    assert newest["version"] == "2"
    wire.get(f"{API}/registered-models/alias", name=model, alias="none").error(
        400, INVALID, "Registered model alias none not found."
    )
    for name, message in [
        ("v1", "Version alias name 'v1' is reserved."),
        ("V22", "Version alias name 'V22' is reserved."),
        ("latest", "'latest' alias name (case insensitive) is reserved."),
        ("LATEST", "'latest' alias name (case insensitive) is reserved."),
        ("a b", "Invalid alias name: 'a b'. Names may only contain alphanumerics, underscores (_), and dashes (-)."),
        ("a/b", "Invalid alias name: 'a/b'. Names may only contain alphanumerics, underscores (_), and dashes (-)."),
        ("a" * 256, "'Registered model alias name' exceeds the maximum length of 255 characters"),
    ]:
        alias(name).error(400, INVALID, message)
    for _ in range(2):
        assert wire.delete(f"{API}/registered-models/alias", {"name": model, "alias": "other"}).ok() == {}
    wire.delete(f"{API}/model-versions/delete", {"name": model, "version": "2"}).ok()
    assert "aliases" not in wire.get(f"{API}/registered-models/get", name=model).ok()["registered_model"]


def test_deleted_versions_stay_counted(wire, model):
    make_versions(wire, model, 2)
    wire.delete(f"{API}/model-versions/delete", {"name": model, "version": "2"}).ok()
    wire.delete(f"{API}/model-versions/delete", {"name": model, "version": "2"}).error(
        404, MISSING, f"Model Version (name={model}, version=2) not found"
    )
    made = wire.post(f"{API}/model-versions/create", {"name": model, "source": "s3://bucket/x"}).ok()
    assert made["model_version"]["version"] == "3"
    found = wire.get(f"{API}/model-versions/search", filter=f"name = '{model}'", max_results=10).ok()
    assert [v["version"] for v in found["model_versions"]] == ["3", "1"]


def test_rename_moves_everything(wire, model, unique):
    make_versions(wire, model, 1)
    wire.post(f"{API}/registered-models/alias", {"name": model, "alias": "a", "version": "1"}).ok()
    taken = unique("taken")
    wire.post(f"{API}/registered-models/create", {"name": taken}).ok()
    said = wire.post(f"{API}/registered-models/rename", {"name": model, "new_name": taken}).error(400, EXISTS)
    assert said.startswith(f"Registered Model (name={taken}) already exists.")
    wire.post(f"{API}/registered-models/rename", {"name": model, "new_name": "a/b"}).error(400, INVALID)
    fresh = unique("fresh")
    renamed = wire.post(f"{API}/registered-models/rename", {"name": model, "new_name": fresh}).ok()["registered_model"]
    assert renamed["name"] == fresh and renamed["latest_versions"][0]["name"] == fresh
    moved = wire.get(f"{API}/registered-models/alias", name=fresh, alias="a").ok()["model_version"]
    assert moved["name"] == fresh
    wire.get(f"{API}/registered-models/get", name=model).error(404, MISSING)


def test_registry_tags(wire, model):
    make_versions(wire, model, 1)
    for prefix, extra in (("registered-models", {}), ("model-versions", {"version": "1"})):
        body = {"name": model, **extra}

        def stored():
            if extra:
                return pairs(wire.get(f"{API}/model-versions/get", name=model, version="1").ok()["model_version"].get("tags"))
            return pairs(wire.get(f"{API}/registered-models/get", name=model).ok()["registered_model"].get("tags"))

        wire.post(f"{API}/{prefix}/set-tag", {**body, "key": "k", "value": "1"}).ok()
        wire.post(f"{API}/{prefix}/set-tag", {**body, "key": "k", "value": "2"}).ok()
        wire.post(f"{API}/{prefix}/set-tag", {**body, "key": "e"}).ok()
        assert stored() == {"k": "2", "e": ""}
        wire.post(f"{API}/{prefix}/set-tag", {**body, "key": "big", "value": "v" * 100_000}).ok()
        wire.post(f"{API}/{prefix}/set-tag", {**body, "key": "k", "value": "v" * 100_001}).error(
            400, INVALID, "'value' exceeds the maximum length of 100000 characters"
        )
        wire.post(f"{API}/{prefix}/set-tag", {**body, "key": "k" * 251, "value": "v"}).error(
            400, INVALID, "'key' exceeds the maximum length of 250 characters"
        )
        wire.post(f"{API}/{prefix}/set-tag", {**body, "key": "/k", "value": "v"}).error(400, INVALID, bad_name("key", "/k", "/k"))
        for _ in range(2):
            assert wire.delete(f"{API}/{prefix}/delete-tag", {**body, "key": "k"}).ok() == {}
        assert set(stored()) == {"e", "big"}


def test_registry_search_bad_input(wire):
    for query, message in [
        ({"filter": "name > 'a'"}, "Invalid comparator for attribute: >"),
        ({"filter": "tags.t > 'a'"}, "Invalid comparator for tag: >"),
        ({"filter": "attributes.name = 'm'"}, "Invalid entity type 'attributes'. Valid entity types are ('attribute', 'tag', 'tags')"),
        ({"filter": "name IS NULL"}, "IS NULL / IS NOT NULL is not supported for registered model search."),
        ({"filter": "name = 'a' OR name = 'b'"}, "Invalid clause(s) in filter string: OR"),
        ({"order_by": ["name UP"]}, "Invalid ordering key in order_by clause 'name UP'."),
        ({"max_results": 1001}, wrong_type("max_results", "1001", "str")),
        ({"page_token": "abc"}, "Invalid page token, could not base64-decode"),
    ]:
        assert message in wire.get(f"{API}/registered-models/search", **query).error(400, INVALID), query
    for query, message in [
        ({"filter": "version_number = 1.5"}, "Invalid value for numeric attribute 'version_number': 1.5"),
        ({"filter": "version_number LIKE '1'"}, "Invalid comparator for attribute version_number: LIKE"),
        ({"filter": "source_path IN ('x')"}, "Only ['name', 'run_id'] attributes support comparison with a list of quoted string values."),
        ({"filter": "name IS NULL"}, "IS NULL / IS NOT NULL is not supported for model version search."),
        ({"max_results": 0}, "Invalid value for max_results. It must be a positive integer, but got 0"),
        ({"max_results": 200001}, wrong_type("max_results", "200001", "str")),
    ]:
        assert message in wire.get(f"{API}/model-versions/search", **query).error(400, INVALID), query


def test_prompts_are_kept_apart(wire, unique):
    name = unique("prompt")
    is_prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    wire.post(f"{API}/registered-models/create", {"name": name, "tags": is_prompt}).ok()
    wire.post(f"{API}/registered-models/create", {"name": name, "tags": is_prompt}).error(
        400, EXISTS, f"Prompt (name={name}) already exists."
    )
    text = [*is_prompt, {"key": "mlflow.prompt.text", "value": "Hello {{name}}"}]
    wire.post(f"{API}/model-versions/create", {"name": name, "source": "s3://b/x", "tags": text}).error(
        400, INVALID, "Invalid prompt source: 's3://b/x'. Prompt sources must use an MLflow placeholder."
    )
    made = wire.post(f"{API}/model-versions/create", {"name": name, "source": "dummy-source", "tags": text}).ok()
    assert pairs(made["model_version"]["tags"])["mlflow.prompt.text"] == "Hello {{name}}"

    def names(text, kind="registered-models", key="registered_models"):
        return {m["name"] for m in wire.get(f"{API}/{kind}/search", filter=text, max_results=1000).ok().get(key, [])}

    for kind, key in (("registered-models", "registered_models"), ("model-versions", "model_versions")):
        assert names(f"name = '{name}'", kind, key) == set()
        assert names(f"name = '{name}' AND tags.`mlflow.prompt.is_prompt` = 'true'", kind, key) == {name}
        assert names(f"name = '{name}' AND tags.`mlflow.prompt.is_prompt` != 'true'", kind, key) == set()
    model = unique("model")
    wire.post(f"{API}/registered-models/create", {"name": model}).ok()
    assert names(f"name = '{model}' AND tags.`mlflow.prompt.is_prompt` != 'true'") == {model}
    assert names(f"name = '{model}' AND tags.`mlflow.prompt.is_prompt` = 'false'") == {model}


# --- artifacts ---------------------------------------------------------------------------------------------------


@pytest.fixture
def root(wire, run):
    """The proxied path of the run's artifacts, as the client derives it from the artifact URI."""
    uri = get_run(wire, run)["info"]["artifact_uri"]
    assert uri.startswith("mlflow-artifacts:/")
    return urllib.parse.quote(urllib.parse.urlsplit(uri).path.lstrip("/"))


def test_artifact_round_trip(wire, run, root):
    payload = bytes(range(256)) * 300
    assert wire.put(f"{ARTIFACTS}/{root}/dir/sub/x.bin", payload).status == 200
    wire.put(f"{ARTIFACTS}/{root}/a.txt", "hello")
    wire.put(f"{ARTIFACTS}/{root}/a.txt", "hello world")
    wire.put(f"{ARTIFACTS}/{root}/empty", b"")
    got = wire.get(f"{ARTIFACTS}/{root}/dir/sub/x.bin")
    assert got.status == 200 and got.raw == payload and got.headers["content-length"] == str(len(payload))
    text = wire.get(f"{ARTIFACTS}/{root}/a.txt")
    assert text.raw == b"hello world" and text.headers["content-type"].startswith("text/plain")
    assert text.headers["content-disposition"].startswith("attachment")
    assert text.headers["x-content-type-options"] == "nosniff"
    listing = wire.get(ARTIFACTS, path=urllib.parse.unquote(root)).ok()["files"]
    assert listing == [
        {"path": "a.txt", "is_dir": False, "file_size": 11},
        {"path": "dir", "is_dir": True},
        {"path": "empty", "is_dir": False},
    ]
    by_run = wire.get(f"{API}/artifacts/list", run_id=run).ok()
    assert by_run == {"root_uri": get_run(wire, run)["info"]["artifact_uri"], "files": listing}
    inner = wire.get(f"{API}/artifacts/list", run_id=run, path="dir").ok()["files"]
    assert inner == [{"path": "dir/sub", "is_dir": True}]
    assert wire.get(f"{API}/artifacts/list", run_id=run, path="nothing").ok() == {"root_uri": by_run["root_uri"]}
    assert wire.get(ARTIFACTS, path=urllib.parse.unquote(root) + "/a.txt").ok() == {}


def test_artifact_ranges(wire, root):
    wire.put(f"{ARTIFACTS}/{root}/r.bin", b"0123456789")

    def ranged(value):
        return wire.request("GET", f"{ARTIFACTS}/{root}/r.bin", headers={"Range": value})

    part = ranged("bytes=2-5")
    assert (part.status, part.raw, part.headers["content-range"]) == (206, b"2345", "bytes 2-5/10")
    assert ranged("bytes=7-").raw == b"789" and ranged("bytes=-3").raw == b"789"
    beyond = ranged("bytes=99-")
    assert beyond.status == 416 and beyond.headers["content-range"] == "bytes */10"


def test_missing_artifacts_and_directories(wire, root):
    wire.put(f"{ARTIFACTS}/{root}/dir/x", b"x")
    said = wire.get(f"{ARTIFACTS}/{root}/nope").error(404, MISSING)
    assert said.startswith("No such artifact:")
    folder = wire.get(f"{ARTIFACTS}/{root}/dir")
    assert folder.status == 400, folder


def test_artifact_deletion(wire, root):
    for name in ("a", "dir/b", "dir/c/d"):
        wire.put(f"{ARTIFACTS}/{root}/{name}", b"x")
    for _ in range(2):
        assert wire.delete(f"{ARTIFACTS}/{root}/a").status == 200
    assert wire.delete(f"{ARTIFACTS}/{root}/dir").status == 200
    assert wire.get(ARTIFACTS, path=urllib.parse.unquote(root)).ok() == {}


PATH_TRICKS = [
    "../x",
    "%2e%2e/x",
    "%2E%2E%2Fx",
    "a/%2e%2e/%2e%2e/x",
    "a/..%2fx",
    "%252e%252e/x",
    "%252e%252e%252fx",
    "%2fetc/passwd",
    "/etc/passwd",
    "%2Fetc%2Fpasswd",
    "a%23b",
    "C:%5Cx",
]


@pytest.mark.parametrize("trick", PATH_TRICKS)
def test_path_tricks_are_refused(wire, trick):
    for method in ("PUT", "GET", "DELETE"):
        answer = wire.request(method, f"{ARTIFACTS}/{trick}", raw=b"x" if method == "PUT" else None)
        if answer.status == 308 and not NO_500:
            continue  # the real server redirects a doubled slash here, to a path inside its root
        answer.error(400, INVALID, "Invalid path")
    wire.request("GET", f"{ARTIFACTS}?path={trick}").error(400, INVALID, "Invalid path")


@pytest.mark.parametrize("trick", ["a%00b", "..%00/x", "a%5C..%5C..%5Cx", "..%5cx", "a%0Ab", "a/./b", "n" * 300, "%ff%fe", "a/../b"])
def test_odd_paths_never_leave_the_root(wire, root, trick):
    """Refused, or stored as an odd name inside the run: never a crash, never elsewhere."""
    wire.put(f"{ARTIFACTS}/{root}/plain", b"plain")
    before = wire.get(ARTIFACTS, path="").body
    put = wire.put(f"{ARTIFACTS}/{root}/{trick}", b"odd")
    if NO_500:
        assert put.status in (200, 400, 404), put
    if put.status == 200:
        assert wire.get(f"{ARTIFACTS}/{root}/{trick}").raw == b"odd"
    if NO_500:
        assert wire.get(ARTIFACTS, path="").body == before


@pytest.mark.parametrize("path", ["..", "../x", "/etc", "a/../../x", "%2e%2e"])
def test_path_tricks_in_listings(wire, run, logged, path):
    quoted = urllib.parse.quote(path)
    wire.request("GET", f"{API}/artifacts/list?run_id={run}&path={quoted}").error(400, INVALID, "Invalid path")
    wire.request("GET", f"{API}/logged-models/{logged}/artifacts/directories?artifact_directory_path={quoted}").error(
        400, INVALID, "Invalid path"
    )


def test_logged_model_artifacts(wire, logged):
    uri = wire.get(f"{API}/logged-models/{logged}").ok()["model"]["info"]["artifact_uri"]
    path = urllib.parse.urlsplit(uri).path.lstrip("/")
    wire.put(f"{ARTIFACTS}/{path}/MLmodel", b"flavors: {}")
    wire.put(f"{ARTIFACTS}/{path}/data/x", b"12")
    listing = wire.get(f"{API}/logged-models/{logged}/artifacts/directories").ok()
    assert listing == {
        "root_uri": uri,
        "files": [{"path": "MLmodel", "is_dir": False, "file_size": 11}, {"path": "data", "is_dir": True}],
    }
    inner = wire.get(f"{API}/logged-models/{logged}/artifacts/directories", artifact_directory_path="data").ok()
    assert inner["files"] == [{"path": "data/x", "is_dir": False, "file_size": 2}]


def test_an_upload_that_breaks_off_leaves_nothing(wire, root):
    wire.put(f"{ARTIFACTS}/{root}/kept", b"old")
    for name in ("broken", "kept"):
        with socket.create_connection((wire.host, wire.port), timeout=30) as raw:
            head = f"PUT {ARTIFACTS}/{root}/{name} HTTP/1.1\r\nHost: {wire.host}:{wire.port}\r\nContent-Length: 1000000\r\n"
            head += "".join(f"{k}: {v}\r\n" for k, v in wire.headers.items())
            raw.sendall(head.encode() + b"\r\n" + b"x" * 100_000)
            raw.shutdown(socket.SHUT_RDWR)
    time.sleep(0.5)
    if harness.oracle_run():
        return  # the real server keeps the torn file
    wire.get(f"{ARTIFACTS}/{root}/broken").error(404, MISSING)
    assert wire.get(f"{ARTIFACTS}/{root}/kept").raw == b"old"
    assert [f["path"] for f in wire.get(ARTIFACTS, path=urllib.parse.unquote(root)).ok()["files"]] == ["kept"]


def test_chunked_upload(wire, root):
    def blocks():
        for _ in range(5):
            yield b"y" * 70_000

    answer = wire.request("PUT", f"{ARTIFACTS}/{root}/chunked", raw=blocks())
    assert answer.status == 200, answer
    assert wire.get(f"{ARTIFACTS}/{root}/chunked").raw == b"y" * 350_000


def test_multipart_and_presigned_say_whether_they_work(wire, run, root):
    info = wire.get("/api/3.0/mlflow/server-info").ok()
    create = wire.post(f"/api/2.0/mlflow-artifacts/mpu/create/{root}", {"path": "big", "num_parts": 2})
    if info["multipart_uploads_enabled"]:
        body = create.ok()
        assert body["upload_id"] and len(body["credentials"]) == 2
        wire.post(f"/api/2.0/mlflow-artifacts/mpu/abort/{root}", {"path": "big", "upload_id": body["upload_id"]}).ok()
    else:
        create.error(501, "NOT_IMPLEMENTED", "Multipart upload is not supported for the current artifact repository")
    if not info["multipart_downloads_enabled"]:
        wire.get(f"/api/2.0/mlflow-artifacts/presigned/{root}/x").error(
            501, "NOT_IMPLEMENTED", "Multipart download is not supported for the current artifact repository"
        )
    wire.post(f"/api/2.0/mlflow-artifacts/mpu/create/{root}", {}).error(400, INVALID, missing("path"))
    wire.post("/api/2.0/mlflow-artifacts/mpu/create/%2e%2e/x", {"path": "f"}).error(400, INVALID, "Invalid path")
    wire.post(f"{API}/artifacts/presigned-upload-url", {"path": "x"}).error(
        400, INVALID, "Exactly one of run_id and model_id must be provided."
    )
    wire.post(f"{API}/artifacts/presigned-download-url", {"run_id": run, "path": "x", "expiration": 0}).error(
        400, INVALID, "expiration must be between 1 and 604800 seconds (got 0)."
    )


def test_get_artifact(wire, run, root):
    wire.put(f"{ARTIFACTS}/{root}/a.txt", b"hello")
    assert wire.get("/get-artifact", run_uuid=run, path="a.txt").raw == b"hello"
    assert wire.get("/get-artifact", run_id=run, path="a.txt").raw == b"hello"
    wire.get("/get-artifact", run_id=run, path="../x").error(400, INVALID, "Invalid path")
    wire.get("/get-artifact", run_id=UNKNOWN, path="a.txt").error(404, MISSING)
    wire.get("/get-artifact", run_id=run, path="none").error(404, MISSING)


# --- workspaces --------------------------------------------------------------------------------------------------

SPACES = "/api/3.0/mlflow/workspaces"


def test_workspaces_list_and_get(wire):
    listed = wire.get(SPACES).ok()["workspaces"]
    assert listed and all(re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", space["name"]) for space in listed)
    assert wire.get("/ajax-api/3.0/mlflow/workspaces").ok()["workspaces"] == listed
    name = listed[0]["name"]
    assert wire.get(f"{SPACES}/{name}").ok()["workspace"] == listed[0]
    wire.get(f"{SPACES}/no-such-space").error(404, MISSING, "Workspace 'no-such-space' not found")
    pattern = "must match the pattern ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$ (lowercase alphanumeric with optional internal hyphens)."
    wire.get(f"{SPACES}/Bad_Name").error(400, INVALID, f"Workspace name 'Bad_Name' {pattern}")


def test_workspace_header(wire, unique):
    name = wire.get(SPACES).ok()["workspaces"][0]["name"]
    inside = wire.with_headers(X_MLFLOW_WORKSPACE=name)
    made = inside.post(f"{API}/experiments/create", {"name": unique("ws")}).ok()["experiment_id"]
    stored = inside.get(f"{API}/experiments/get", experiment_id=made).ok()["experiment"]
    assert stored["workspace"] == name
    other = wire.with_headers(X_MLFLOW_WORKSPACE="no-such-space")
    other.get(f"{API}/experiments/get", experiment_id=made).error(404, MISSING, "Workspace 'no-such-space' not found")
    other.post(f"{API}/runs/create", {"experiment_id": made}).error(404, MISSING, "Workspace 'no-such-space' not found")
    wire.with_headers(X_MLFLOW_WORKSPACE="Bad Name").get(f"{API}/experiments/get", experiment_id=made).error(400, INVALID)
    assert other.get("/api/3.0/mlflow/server-info").status == 200
    assert wire.with_headers(X_MLFLOW_WORKSPACE=" ").get(f"{API}/experiments/get", experiment_id=made).status == 200


# --- authentication ----------------------------------------------------------------------------------------------

needs_keys = pytest.mark.skipif(harness.oracle_run(), reason="the real server is started without authentication")
ROUTES = [
    ("GET", f"{API}/experiments/get?experiment_id=0"),
    ("POST", f"{API}/runs/search"),
    ("GET", f"{AJAX}/experiments/get?experiment_id=0"),
    ("GET", f"{ARTIFACTS}?path="),
    ("PUT", f"{ARTIFACTS}/0/x"),
    ("GET", f"{API}/registered-models/search"),
    ("GET", SPACES),
    ("GET", "/get-artifact?run_id=x&path=y"),
]


@needs_keys
@pytest.mark.parametrize("method, path", ROUTES)
def test_no_key_is_401(wire, method, path):
    body = b"{}" if method != "GET" else None
    kind = {"Content-Type": "application/json"}
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"user:wrong").decode()},
        {"Authorization": "Digest x"},
        {"Authorization": "Bearer rz_live_" + "a" * 40},
    ):
        answer = wire.anonymous().request(method, path, raw=body, headers={**kind, **headers})
        answer.error(401, "UNAUTHENTICATED")


@needs_keys
def test_bearer_and_basic(server, wire):
    path = f"{API}/experiments/get?experiment_id=0"
    basic = base64.b64encode(f"anyone:{server.key}".encode()).decode()
    for authorization in (f"Bearer {server.key}", f"Basic {basic}", f"bearer {server.key}"):
        answer = wire.anonymous().request("GET", path, headers={"Authorization": authorization})
        assert answer.status == 200, (authorization.split()[0], answer)


@needs_keys
def test_public_routes(wire):
    for path in ("/health", "/version", "/livez", "/readyz"):
        assert wire.anonymous().get(path).status == 200, path


@pytest.fixture
def keys(server, wire):
    """Makes further API keys the way the console does: signed in, over the native API."""
    if not isinstance(server, harness.Rhiza):
        pytest.skip("needs the account that the harness set up")
    session = wire.anonymous()
    signed = session.request(
        "POST",
        "/api/v1/auth/sign-in",
        json_body={"email": server.email, "password": server.password},
        headers={"Origin": server.url, "Sec-Fetch-Site": "same-origin"},
    )
    assert signed.status == 200, signed
    cookie = signed.headers["set-cookie"].split(";")[0]
    session.headers = {"Cookie": cookie, "Origin": server.url, "Sec-Fetch-Site": "same-origin"}
    return session


@needs_keys
def test_revoked_key(keys, wire):
    made = keys.post("/api/v1/keys", {"name": "revoke me"})
    assert made.status in (200, 201), made
    secret = made.body["secret"]
    key_id = made.body.get("id") or made.body["key"]["id"]
    use = wire.anonymous().with_headers(Authorization=f"Bearer {secret}")
    assert use.get(f"{API}/experiments/get", experiment_id="0").status == 200
    assert keys.delete(f"/api/v1/keys/{key_id}").status in (200, 204)
    use.get(f"{API}/experiments/get", experiment_id="0").error(401, "UNAUTHENTICATED")
    use.put(f"{ARTIFACTS}/0/x", b"x").error(401, "UNAUTHENTICATED")


@needs_keys
def test_expired_key(keys, wire):
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    made = keys.post("/api/v1/keys", {"name": "short lived", "expires_at": soon})
    assert made.status in (200, 201), made
    use = wire.anonymous().with_headers(Authorization=f"Bearer {made.body['secret']}")
    time.sleep(3.5)
    use.get(f"{API}/experiments/get", experiment_id="0").error(401, "UNAUTHENTICATED")
