"""kill -9 during a write load: whatever was acknowledged is there after the restart."""

import http.client
import json
import os
import threading
import time
import urllib.parse

import pytest

import harness
import test_automl as automl

API = "/api/2.0/mlflow"
WRITERS = 6
LOAD_SECONDS = 2.5


@pytest.fixture
def own_server(tmp_path):
    if os.environ.get("RHIZA_URL"):
        pytest.skip("needs a server of its own to kill")
    if harness.oracle_run():
        server, database_url = harness.Oracle(tmp_path).start(), None
    else:
        database_url = harness.new_database_url()
        server = harness.Rhiza(tmp_path, os.environ["RHIZA_BIN"], database_url).start()
    yield server
    server.stop()
    harness.drop_database(database_url)


class Writer(threading.Thread):
    """Writes until the server dies under it, and remembers only what was acknowledged."""

    def __init__(self, server, experiment, number):
        super().__init__()
        self.wire = server.wire()
        self.experiment, self.number = experiment, number
        self.runs: dict[str, dict] = {}
        self.error = None

    def run(self):
        try:
            self.write()
        except (OSError, http.client.HTTPException):
            pass
        except Exception as error:  # reported by the test: a thread cannot fail it
            self.error = error

    def post(self, path, body):
        return self.wire.post(f"{API}/runs/{path}", body).ok()

    def write(self):
        count = 0
        while True:
            made = self.post("create", {"experiment_id": self.experiment, "run_name": f"w{self.number}"})["run"]["info"]
            run = made["run_id"]
            kept = self.runs[run] = {"points": [], "params": {}, "tags": {}, "files": {}}
            path = urllib.parse.urlsplit(made["artifact_uri"]).path.lstrip("/")
            for step in range(20):
                count += 1
                self.post("log-metric", {"run_id": run, "key": "m", "value": count, "timestamp": count, "step": step})
                kept["points"].append((count, step))
                batch = [{"key": "b", "value": count + i, "timestamp": count, "step": i} for i in range(50)]
                body = {"run_id": run, "metrics": batch, "params": [{"key": f"p{step}", "value": str(count)}]}
                self.post("log-batch", body)
                kept["params"][f"p{step}"] = str(count)
                kept.setdefault("batches", []).append(count)
                self.post("set-tag", {"run_id": run, "key": f"t{step}", "value": str(count)})
                kept["tags"][f"t{step}"] = str(count)
                if step % 5 == 0:
                    data = json.dumps([count] * 500).encode()
                    answer = self.wire.put(f"/api/2.0/mlflow-artifacts/artifacts/{path}/f{step}", data)
                    assert answer.status == 200, answer
                    kept["files"][f"{path}/f{step}"] = data


def test_acknowledged_writes_survive_kill_9(own_server):
    wire = own_server.wire()
    experiment = wire.post(f"{API}/experiments/create", {"name": "crash"}).ok()["experiment_id"]
    wire.close()
    writers = [Writer(own_server, experiment, number) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    time.sleep(LOAD_SECONDS)
    own_server.kill()
    for writer in writers:
        writer.join(30)
        assert not writer.is_alive() and writer.error is None, writer.error
    own_server.start()

    wire = own_server.wire()
    checked = 0
    for writer in writers:
        for run, kept in writer.runs.items():
            stored = wire.get(f"{API}/runs/get", run_id=run).ok()["run"]["data"]
            params = {p["key"]: p["value"] for p in stored.get("params", [])}
            tags = {t["key"]: t["value"] for t in stored.get("tags", [])}
            assert kept["params"].items() <= params.items()
            assert kept["tags"].items() <= tags.items()
            points = wire.get(f"{API}/metrics/get-history", run_id=run, metric_key="m").ok().get("metrics", [])
            assert set(kept["points"]) <= {(p["timestamp"], p["step"]) for p in points}
            batched = wire.get(f"{API}/metrics/get-history", run_id=run, metric_key="b").ok().get("metrics", [])
            sizes = {}
            for point in batched:
                sizes[point["timestamp"]] = sizes.get(point["timestamp"], 0) + 1
            # Whole or not at all, the one in flight included.
            assert set(sizes.values()) <= {50} and set(kept.get("batches", [])) <= set(sizes)
            if kept["points"]:
                latest = next(m for m in stored["metrics"] if m["key"] == "m")
                assert latest["step"] >= kept["points"][-1][1]
            for path, data in kept["files"].items():
                assert wire.get(f"/api/2.0/mlflow-artifacts/artifacts/{path}").raw == data
            checked += len(kept["points"])
    assert checked >= WRITERS, "the load was too small to prove anything"
    # And it goes on working.
    made = wire.post(f"{API}/runs/create", {"experiment_id": experiment}).ok()
    assert made["run"]["info"]["status"] == "RUNNING"


def test_a_search_goes_on_where_it_was_when_its_server_died(own_server):
    if harness.oracle_run():
        pytest.skip("the peer does not search")
    wire = own_server.wire()
    data = (automl.DATA / "diabetes.csv").read_bytes()
    dataset = automl.upload(wire, "diabetes", data)
    wishes = {"trials": 14, "seconds": 600, "families": ["linear", "boost", "extra_trees"]}
    whole = automl.search(wire, dataset, "target", **wishes)
    whole = automl.wait(wire, f"/api/v1/automl/jobs/{whole}")
    cut = automl.search(wire, dataset, "target", **wishes)
    path = f"/api/v1/automl/jobs/{cut}"
    automl.wait(wire, path, lambda body: body["trials"] >= 3)
    own_server.kill()
    own_server.start()
    wire = own_server.wire()
    there = {trial["number"]: trial["run_id"] for trial in wire.get(f"{path}/trials").ok()["trials"]}
    assert len(there) >= 3
    done = automl.wait(wire, path)
    trials = {trial["number"]: trial["run_id"] for trial in wire.get(f"{path}/trials").ok()["trials"]}
    # What was told before is there once, with the same run; the model is the one of a search that nobody cut.
    assert sorted(trials) == list(range(14)) and there.items() <= trials.items()
    assert done["state"] == "succeeded" and done["score"] == whole["score"], (done, whole)
    runs = wire.post(
        f"{API}/runs/search",
        {"experiment_ids": [done["experiment_id"]], "filter": f"tags.`mlflow.parentRunId` = '{done['run_id']}'"},
    ).ok()["runs"]
    assert len(runs) == 14
