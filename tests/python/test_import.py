"""`rhiza import mlflow` against a real MLflow server, and the worked example: everything is read back and compared."""

import hashlib
import json
import math
import os
import pathlib
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import harness

STEPS = 3_000


@pytest.fixture(scope="module")
def binary():
    if harness.oracle_run() or os.environ.get("RHIZA_URL"):
        pytest.skip("needs the binary")
    return os.environ["RHIZA_BIN"]


@pytest.fixture(scope="module")
def source(tmp_path_factory, binary):
    """A real MLflow server with something of everything in it."""
    server = harness.Oracle(tmp_path_factory.mktemp("source"), workers=2).start()
    try:
        server.made = fill(server.url, tmp_path_factory.mktemp("files"))
        yield server
    finally:
        server.stop()


class Target(harness.Rhiza):
    """An empty Rhiza that things are copied into."""

    def imports(self, uri, *arguments, environment=None):
        command = [self.binary, "import", "mlflow", "--uri", uri, *arguments, *self.options, *self.storage]
        clean = {k: v for k, v in self._environment().items() if not k.startswith("MLFLOW_TRACKING_")}
        done = subprocess.run(
            command, env={**clean, **(environment or {})}, capture_output=True, text=True, timeout=300
        )
        return done


@pytest.fixture
def target(tmp_path, binary):
    database_url = harness.new_database_url()
    server = Target(tmp_path, binary, database_url)
    server.init()
    yield server
    server.stop()
    harness.drop_database(database_url)


def clients(url, key=None):
    """The unchanged client for a server. MLflow reads its token from the environment at every call."""
    import mlflow

    if key:
        os.environ["MLFLOW_TRACKING_TOKEN"] = key
    else:
        os.environ.pop("MLFLOW_TRACKING_TOKEN", None)
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    return mlflow.MlflowClient(tracking_uri=url, registry_uri=url)


@pytest.fixture(scope="module", autouse=True)
def environment():
    """What `clients` changes is put back for the other tests."""
    import mlflow

    # The client notes both addresses in variables, for the processes it starts.
    ours = ("MLFLOW_TRACKING_", "MLFLOW_REGISTRY_URI")
    kept = {k: v for k, v in os.environ.items() if k.startswith(ours)}
    uri = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(None)
    for name in [k for k in os.environ if k.startswith(ours)]:
        del os.environ[name]
    os.environ.update(kept)


def fill(url, folder):
    import mlflow
    from mlflow.entities import Metric, RunStatus
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression

    client = clients(url)
    made = {}
    vision = client.create_experiment("vision", tags={"team": "ünï", "mlflow.note.content": "# note"})
    sound = client.create_experiment("sound's \"quoted\"")
    gone = client.create_experiment("gone")
    made.update(vision=vision, sound=sound, gone=gone)
    client.set_experiment_tag("0", "default", "yes")
    client.log_metric(client.create_run("0", run_name="in default").info.run_id, "m", 1.5)

    mlflow.set_experiment(experiment_id=vision)
    frame, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    frame = frame.iloc[:, :4]
    model = LogisticRegression(max_iter=200).fit(frame, labels)
    with mlflow.start_run(run_name="parent") as parent:
        mlflow.log_params({"lr": 0.1, "long": "x" * 5_000})
        mlflow.set_tag("kind", "größe 🍄")
        mlflow.log_input(mlflow.data.from_pandas(frame, name="cancer"), context="training", tags={"split": "a"})
        mlflow.log_text("hello", "notes/a b/ü.txt")
        mlflow.log_text("", "empty.txt")
        big = folder / "big.bin"
        big.write_bytes(os.urandom(3_000_000))
        mlflow.log_artifact(big, "data")
        for i in range(3):
            with mlflow.start_run(run_name=f"child {i}", nested=True) as child:
                mlflow.log_metric("score", i / 3, step=i)
                made[f"child{i}"] = child.info.run_id
        info = mlflow.sklearn.log_model(
            model, name="classifier", input_example=frame.head(2), params={"depth": 3}, pip_requirements=["scikit-learn"]
        )
        mlflow.log_metric("auc", 0.987654321, step=3, model_id=info.model_id)
        made.update(parent=parent.info.run_id, model=info.model_id)
    client.set_logged_model_tags(info.model_id, {"reviewed": "no"})

    run = client.create_run(sound, run_name="curve").info.run_id
    start = int(time.time() * 1000) - STEPS * 10
    values = [math.sin(i / 17) / 3 + 1e-17 * i for i in range(STEPS)]
    points = [Metric("loss", v, start + i * 10, i) for i, v in enumerate(values)]
    # One spot with three values, and the values that JSON does not know.
    points += [Metric("loss", v, start, 0) for v in (5.0, -5.0)]
    points += [Metric("odd", v, start + i, i) for i, v in enumerate([math.nan, math.inf, -math.inf, 1e-320, 0.1 + 0.2])]
    for i in range(0, len(points), 1_000):
        client.log_batch(run, metrics=points[i : i + 1_000])
    client.set_terminated(run, "FAILED")
    made["curve"] = run
    made["running"] = client.create_run(sound, run_name="still running").info.run_id
    client.log_metric(made["running"], "m", 1.0, step=1)
    killed = client.create_run(sound, run_name="killed").info.run_id
    client.set_terminated(killed, RunStatus.to_string(RunStatus.KILLED))
    made["deleted"] = client.create_run(sound, run_name="deleted").info.run_id
    client.log_metric(made["deleted"], "m", 2.0)
    client.set_terminated(made["deleted"])
    client.delete_run(made["deleted"])
    client.create_run(gone, run_name="in gone")
    client.delete_experiment(gone)

    client.create_registered_model("cancer", tags={"owner": "ann"}, description="finds it")
    version = client.create_model_version(
        "cancer", f"models:/{info.model_id}", made["parent"], tags={"a": "b"}, description="first", model_id=info.model_id
    )
    uri = client.get_run(made["parent"]).info.artifact_uri
    client.create_model_version("cancer", f"{uri}/notes", made["parent"])
    client.create_model_version("cancer", f"runs:/{made['parent']}/data", made["parent"])
    client.delete_model_version("cancer", "2")
    client.set_registered_model_alias("cancer", "champion", version.version)
    client.transition_model_version_stage("cancer", "1", "Production")
    client.create_registered_model("empty")
    mlflow.genai.register_prompt("greeting", "Hello {{name}}", commit_message="one")
    return made


def files(client, run_id, path=None):
    found = {}
    for item in client.list_artifacts(run_id, path):
        if item.is_dir:
            found.update(files(client, run_id, item.path))
        else:
            found[item.path] = item.file_size
    return found


def digests(folder):
    folder = pathlib.Path(folder)
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()
    }


def number(value):
    return "NaN" if math.isnan(value) else value


def everything(client, folder, view):
    """All that a client can see, with the ids of experiments and the places of files left out: those are each server's own."""
    import mlflow

    seen = {"experiments": {}, "runs": {}, "models": {}, "registered": {}}
    names = {}
    for experiment in client.search_experiments(view_type=view):
        names[experiment.experiment_id] = experiment.name
        about = {"tags": experiment.tags, "stage": experiment.lifecycle_stage}
        if experiment.experiment_id != "0":
            about.update(created=experiment.creation_time)
        seen["experiments"][experiment.name] = about
    for run in client.search_runs(list(names), run_view_type=view, max_results=1000):
        info = run.info
        keys = sorted(run.data.metrics)
        history = {
            key: [(number(m.value), m.timestamp, m.step) for m in client.get_metric_history(info.run_id, key)]
            for key in keys
        }
        here = folder / info.run_id
        here.mkdir(parents=True)
        listed = files(client, info.run_id)
        if listed:
            client.download_artifacts(info.run_id, "", str(here))
        seen["runs"][info.run_id] = {
            "experiment": names[info.experiment_id],
            "info": (info.run_name, info.user_id, info.status, info.start_time, info.end_time, info.lifecycle_stage),
            "params": run.data.params,
            "tags": run.data.tags,
            "latest": {key: number(value) for key, value in run.data.metrics.items()},
            "history": history,
            "datasets": [
                (d.dataset.to_dictionary(), sorted((t.key, t.value) for t in d.tags)) for d in run.inputs.dataset_inputs
            ],
            "models_in": [m.model_id for m in run.inputs.model_inputs],
            "models_out": [(m.model_id, m.step) for m in run.outputs.model_outputs] if run.outputs else [],
            "listed": listed,
            "files": digests(here),
        }
    for model in client.search_logged_models(list(names)):
        model = client.get_logged_model(model.model_id)
        here = folder / model.model_id
        mlflow.artifacts.download_artifacts(f"models:/{model.model_id}", dst_path=str(here))
        seen["models"][model.model_id] = {
            "experiment": names[model.experiment_id],
            "about": (model.name, str(model.status), model.model_type, model.source_run_id, model.creation_timestamp),
            "params": model.params,
            "tags": model.tags,
            "metrics": sorted(
                (m.key, m.value, m.timestamp, m.step, m.run_id, m.dataset_name, m.dataset_digest) for m in model.metrics
            ),
            "files": {k: v for k, v in digests(here).items() if k != "registered_model_meta"},
        }
    for model in client.search_registered_models():
        versions = {}
        for version in client.search_model_versions(f"name = '{model.name}'"):
            here = folder / f"{model.name}-{version.version}"
            mlflow.artifacts.download_artifacts(f"models:/{model.name}/{version.version}", dst_path=str(here))
            source = version.source
            versions[int(version.version)] = {
                "about": (version.description, version.current_stage, version.run_id, version.model_id),
                "times": (version.creation_timestamp, version.last_updated_timestamp),
                "source": source if not source.startswith("mlflow-artifacts") else source.split("/artifacts/", 1)[1],
                "tags": version.tags,
                "files": {k: v for k, v in digests(here).items() if k != "registered_model_meta"},
            }
        seen["registered"][model.name] = {
            "about": (model.description, model.creation_timestamp, model.last_updated_timestamp),
            "tags": model.tags,
            "aliases": {k: int(v) for k, v in model.aliases.items()},
            "versions": versions,
        }
    return seen


def compare(there, here):
    """As `there == here`, saying where they differ."""
    if isinstance(there, dict) and isinstance(here, dict):
        assert set(there) == set(here), (sorted(map(str, there)), sorted(map(str, here)))
        for key in there:
            try:
                compare(there[key], here[key])
            except AssertionError as error:
                raise AssertionError(f"{key}: {error}") from None
    else:
        assert there == here


def test_a_whole_server_is_copied(source, target, tmp_path):
    from mlflow.entities import ViewType

    done = target.imports(source.url, "--deleted")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "copied 4 experiments, 10 runs with" in done.stdout, done.stdout
    assert "1 logged models" in done.stdout and "3 registered models with 3 versions" in done.stdout, done.stdout
    assert "3 runs have not ended" in done.stdout, done.stdout
    target.start()
    there = everything(clients(source.url), tmp_path / "there", ViewType.ALL)
    here = everything(clients(target.url, target.key), tmp_path / "here", ViewType.ALL)
    compare(there, here)
    made = source.made
    curve = here["runs"][made["curve"]]
    assert len(curve["history"]["loss"]) == STEPS + 2
    assert [v for v, *_ in curve["history"]["odd"]][:1] == ["NaN"]
    assert here["runs"][made["child1"]]["tags"]["mlflow.parentRunId"] == made["parent"]
    assert here["registered"]["cancer"]["versions"][1]["about"][1] == "Production"
    assert 2 not in here["registered"]["cancer"]["versions"]


def test_what_was_copied_is_usable(source, target):
    import mlflow
    import pandas as pd
    from sklearn.datasets import load_breast_cancer

    assert target.imports(source.url).returncode == 0
    target.start()
    client = clients(target.url, target.key)
    frame = load_breast_cancer(as_frame=True).data.iloc[:20, :4]
    model = mlflow.pyfunc.load_model("models:/cancer@champion")
    assert len(model.predict(pd.DataFrame(frame))) == 20
    prompt = mlflow.genai.load_prompt("prompts:/greeting/1")
    assert prompt.format(name="you") == "Hello you"
    # The deleted were not asked for.
    assert source.made["deleted"] not in [r.info.run_id for r in all_runs(client)]
    assert client.get_experiment_by_name("gone") is None
    # The copy is its own: it goes on here.
    version = client.create_model_version("cancer", f"models:/{source.made['model']}", model_id=source.made["model"])
    assert version.version == "4"


def all_runs(client):
    from mlflow.entities import ViewType

    names = [e.experiment_id for e in client.search_experiments(view_type=ViewType.ALL)]
    return client.search_runs(names, run_view_type=ViewType.ALL, max_results=1000)


def test_a_second_copy_brings_only_what_is_new(source, target):
    assert target.imports(source.url, "--deleted").returncode == 0
    target.start()
    client = clients(target.url, target.key)
    before = {r.info.run_id: r.to_dictionary() for r in all_runs(client)}
    client.set_tag(source.made["parent"], "kind", "changed here")

    theirs = clients(source.url)
    new = theirs.create_run(source.made["sound"], run_name="new").info.run_id
    theirs.set_terminated(new)
    theirs.log_metric(source.made["running"], "m", 2.0, step=2)
    try:
        done = target.imports(source.url, "--deleted")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "copied 0 experiments" in done.stdout and "0 logged models" in done.stdout, done.stdout
        assert "0 registered models with 0 versions, 0 files" in done.stdout, done.stdout
        client = clients(target.url, target.key)
        after = {r.info.run_id: r.to_dictionary() for r in all_runs(client)}
        assert set(after) - set(before) == {new}
        unchanged = set(before) - {source.made["running"], source.made["parent"]}
        assert all(after[run] == before[run] for run in unchanged)
        assert client.get_run(source.made["parent"]).data.tags["kind"] == "changed here"
        running = client.get_metric_history(source.made["running"], "m")
        assert [m.value for m in running] == [m.value for m in theirs_history(source)]
    finally:
        clients(source.url).delete_run(new)


def theirs_history(source):
    return clients(source.url).get_metric_history(source.made["running"], "m")


class Flaky(BaseHTTPRequestHandler):
    """Stands before the real server: refuses and breaks off, or fails for good from a given call on."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.pass_on("GET")

    def do_POST(self):
        self.pass_on("POST")

    def pass_on(self, method):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with server.lock:
            server.calls += 1
            call = server.calls
        server.seen.append(self.headers.get("Authorization"))
        if server.dies_at and call >= server.dies_at:
            return self.answer(403, b'{"message": "not any more"}')
        if server.every and call % server.every == 0:
            return self.answer(*server.refusals[(call // server.every) % len(server.refusals)])
        parts = urllib.parse.urlsplit(server.upstream)
        import http.client

        upstream = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        upstream.request(method, self.path, body or None, {"Content-Type": "application/json"})
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        if "/mlflow-artifacts/artifacts/" in self.path and len(data) > 1_000_000 and not server.broke:
            server.broke = True
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:500_000])
            self.close_connection = True
            return None
        return self.answer(answer.status, data)

    def answer(self, status, data):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def flaky(source):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Flaky)
    server.daemon_threads = True
    server.upstream = source.url
    server.lock = threading.Lock()
    server.calls, server.every, server.dies_at, server.broke, server.seen = 0, 0, 0, False, []
    server.refusals = [(429, b"slow down"), (502, b"bad gateway")]
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_copy_that_broke_off_goes_on(source, flaky, target, tmp_path):
    from mlflow.entities import ViewType

    clean = "copied "
    for dies_at in (6, 25, 45):
        flaky.calls, flaky.dies_at = 0, dies_at
        done = target.imports(flaky.url, "--deleted")
        assert done.returncode != 0 and "not any more" in done.stderr, done.stdout + done.stderr
        assert clean not in done.stdout
    flaky.dies_at = 0
    done = target.imports(flaky.url, "--deleted")
    assert done.returncode == 0, done.stdout + done.stderr
    assert flaky.broke, "a download was to break off"
    target.start()
    there = everything(clients(source.url), tmp_path / "there", ViewType.ALL)
    here = everything(clients(target.url, target.key), tmp_path / "here", ViewType.ALL)
    compare(there, here)


def test_a_busy_source_is_asked_again_with_credentials(flaky, target):
    flaky.every = 7
    secret = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "secret"}
    done = target.imports(flaky.url, "--experiment", "vision", environment=secret)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(flaky.seen) == {"Basic YW5uOnNlY3JldA=="}
    assert "copied 1 experiments, 4 runs" in done.stdout, done.stdout
    # Of the registry only what came out of that experiment.
    assert "1 registered models with 2 versions" in done.stdout, done.stdout
    flaky.seen.clear()
    done = target.imports(flaky.url, "--experiment", "vision", environment={"MLFLOW_TRACKING_TOKEN": "tok"})
    assert done.returncode == 0 and set(flaky.seen) == {"Bearer tok"}
    assert "secret" not in done.stdout + done.stderr


def test_files_behind_no_proxy(source, target, tmp_path):
    """Those that the server itself can read come through its pages' own calls; the others are named."""
    import mlflow

    client = clients(source.url)
    own = client.create_experiment("own folder", artifact_location=(tmp_path / "elsewhere").as_uri())
    far = client.create_experiment("far away", artifact_location="strange://store/x")
    text = tmp_path / "f ü.txt"
    text.write_text("fungi")
    with mlflow.start_run(experiment_id=own) as run:
        mlflow.log_artifact(text, "sub/folder")
        mlflow.log_artifact(text)
        model = mlflow.pyfunc.log_model(name="m", python_model=lambda model_input: model_input, pip_requirements=["mlflow"])
    lost = [client.create_run(far).info.run_id for _ in range(2)]
    for run_id in lost:
        client.log_metric(run_id, "m", 1.0)
        client.set_terminated(run_id)
    try:
        listed = files(client, run.info.run_id)
        done = target.imports(source.url, "--experiment", "own folder", "--experiment", "far away")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "the files of 2 runs, models and versions were not copied" in done.stdout, done.stdout
        assert all(f"run {run_id}, which stay at strange://store/x/{run_id}" in done.stdout for run_id in lost)
        target.start()
        client = clients(target.url, target.key)
        assert files(client, run.info.run_id) == listed and len(listed) == 2
        here = pathlib.Path(client.download_artifacts(run.info.run_id, "sub/folder/f ü.txt", str(tmp_path)))
        assert here.read_text() == "fungi"
        there = mlflow.artifacts.download_artifacts(f"models:/{model.model_id}", dst_path=str(tmp_path / "m"))
        assert "MLmodel" in digests(there)
        assert client.get_metric_history(lost[0], "m")[0].value == 1.0
    finally:
        client = clients(source.url)
        client.delete_experiment(own)
        client.delete_experiment(far)


def test_files_left_out_at_first_come_with_the_next_copy(source, target):
    parent = source.made["parent"]
    done = target.imports(source.url, "--experiment", "vision", "--no-artifacts")
    assert done.returncode == 0 and " 0 files" in done.stdout, done.stdout + done.stderr
    done = target.imports(source.url, "--experiment", "vision")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "copied 0 experiments, 0 runs with 0 metric points, 0 logged models" in done.stdout, done.stdout
    target.start()
    listed = files(clients(source.url), parent)
    assert files(clients(target.url, target.key), parent) == listed and "notes/a b/ü.txt" in listed
    done = target.imports(source.url, "--experiment", "vision")
    assert " 0 files" in done.stdout, done.stdout


def test_mistakes_are_told(source, target, tmp_path):
    nobody = f"http://127.0.0.1:{harness.free_port()}"
    for arguments, code, says in [
        (["ftp://x"], 2, "must begin with http"),
        ([source.url, "--project", "nope"], 2, "there is no project \"nope\""),
        ([source.url, "--experiment", "nope"], 2, "the source has no experiment \"nope\""),
    ]:
        done = target.imports(*arguments)
        assert done.returncode == code and says in done.stderr, done.stderr
    begun = time.monotonic()
    done = target.imports(nobody)
    assert done.returncode == 1 and nobody in done.stderr and "refused" in done.stderr.lower(), done.stderr
    assert time.monotonic() - begun < 60


def test_the_worked_example_is_loaded_once(target):
    target.start()
    wire = target.wire()
    assert wire.anonymous().post("/api/v1/tracking/example").status == 401
    first = wire.post("/api/v1/tracking/example").ok()
    assert first["created"] is True
    again = wire.post("/api/v1/tracking/example").ok()
    assert again == {**first, "created": False}
    client = clients(target.url, target.key)
    experiment = client.get_experiment(first["experiment_id"])
    assert experiment.name == "Breast cancer (worked example)"
    runs = client.search_runs([first["experiment_id"]])
    assert {run.info.run_id for run in runs} <= set(first["run_ids"]) and runs
    assert all(run.data.params and run.data.metrics for run in runs)
    longest = max(
        (client.get_metric_history(run.info.run_id, key) for run in runs for key in run.data.metrics), key=len
    )
    assert len(longest) > 10 and [m.step for m in longest] == sorted(m.step for m in longest)
    version = client.get_model_version_by_alias("breast-cancer-classifier", "champion")
    assert version.run_id in first["run_ids"]
    assert json.dumps(first)
    wire.close()
