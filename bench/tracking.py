"""Tracking speed and memory: Rhiza on SQLite and PostgreSQL beside `mlflow server` as it starts by default, on SQLite.

Same machine, same run, one server at a time, requests over one kept-alive socket that costs next to nothing. The large
histories and the 100,000 runs go into Rhiza through its API; into MLflow they go by SQL, which only flatters it.
Speaks to 127.0.0.1 only.
"""

import argparse
import json
import math
import os
import pathlib
import socket
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "python"))

import harness  # noqa: E402

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
MIB = 1 << 20


class Client:
    """HTTP/1.1 on a raw socket."""

    def __init__(self, server):
        self.address = ("127.0.0.1", server.port)
        self.extra = f"Authorization: Bearer {server.key}\r\n" if server.key else ""
        self.connect()

    def connect(self):
        self.socket = socket.create_connection(self.address, timeout=600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb", buffering=MIB)

    def request(self, method, path, body=b"", kind="application/json", keep=True):
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.address[1]}\r\n{self.extra}"
        if body or method in ("POST", "PUT"):
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        head = head.encode() + b"\r\n"
        if len(body) < MIB:
            self.socket.sendall(head + body)
        else:
            self.socket.sendall(head)
            self.socket.sendall(body)
        status, data = self._answer(keep)
        if status != 200:
            raise AssertionError(f"{method} {path}: {status} {data[:300]!r}")
        return data

    def _answer(self, keep):
        line = self.reader.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        status, length, chunked, close = int(line.split()[1]), 0, False, False
        while (line := self.reader.readline().strip().lower()) != b"":
            name, _, value = line.partition(b":")
            value = value.strip()
            if name == b"content-length":
                length = int(value)
            elif name == b"transfer-encoding":
                chunked = b"chunked" in value
            elif name == b"connection":
                close = value == b"close"
        if not chunked:
            data = self._read(length, keep)
        else:
            parts = []
            while size := int(self.reader.readline().split(b";")[0], 16):
                parts.append(self._read(size, keep))
                self.reader.readline()
            self.reader.readline()
            data = b"".join(parts)
        if close:
            self.socket.close()
            self.connect()
        return status, data

    def _read(self, length, keep):
        if keep:
            return self.reader.read(length)
        left, buffer = length, bytearray(MIB)
        while left:
            got = self.reader.readinto(memoryview(buffer)[: min(left, MIB)])
            if not got:
                raise ConnectionError("the body ended early")
            left -= got
        return b""

    def post(self, path, body):
        return self.request("POST", f"{API}/{path}", json.dumps(body).encode())

    def call(self, path, body):
        return json.loads(self.post(path, body))


def timed(repeat, action):
    """Seconds of each call; the first is a rehearsal and not counted unless it is the only one."""
    taken = []
    for index in range(repeat + (repeat > 1)):
        start = time.perf_counter()
        action(index)
        taken.append(time.perf_counter() - start)
    return taken[1:] if repeat > 1 else taken


def create_experiment(client, name):
    return client.call("experiments/create", {"name": f"{name}-{uuid.uuid4().hex[:8]}"})["experiment_id"]


def create_run(client, experiment, **fields):
    body = {"experiment_id": experiment, "start_time": int(time.time() * 1000), **fields}
    return client.call("runs/create", body)["run"]["info"]["run_id"]


# --- seeding -----------------------------------------------------------------------------------------------------


def seed_runs(server, experiment, count):
    """`count` runs with one metric `acc` in [0, 1) and one param."""
    if isinstance(server, harness.Oracle):
        return seed_runs_by_sql(server, experiment, count)
    numbers, lock, failed = iter(range(count)), threading.Lock(), []

    def work():
        client = Client(server)
        try:
            while True:
                with lock:
                    index = next(numbers, None)
                if index is None:
                    return
                run = create_run(client, experiment, start_time=index + 1, run_name=f"run {index}")
                metric = {"key": "acc", "value": (index * 7919 % count) / count, "timestamp": 1, "step": 0}
                client.post("runs/log-batch", {"run_id": run, "metrics": [metric], "params": [{"key": "n", "value": str(index)}]})
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def seed_runs_by_sql(server, experiment, count):
    with sqlite3.connect(server.database, timeout=60) as db:
        ids = [uuid.uuid4().hex for _ in range(count)]
        db.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, "
            "source_version, lifecycle_stage, artifact_uri, experiment_id) "
            "VALUES (?, ?, 'UNKNOWN', '', '', '', 'RUNNING', ?, '', 'active', ?, ?)",
            ((run, f"run {i}", i + 1, f"mlflow-artifacts:/{experiment}/{run}/artifacts", int(experiment)) for i, run in enumerate(ids)),
        )
        db.executemany("INSERT INTO tags (key, value, run_uuid) VALUES ('mlflow.runName', ?, ?)", ((f"run {i}", r) for i, r in enumerate(ids)))
        db.executemany("INSERT INTO params (key, value, run_uuid) VALUES ('n', ?, ?)", ((str(i), r) for i, r in enumerate(ids)))
        for table in ("metrics", "latest_metrics"):
            db.executemany(
                f"INSERT INTO {table} (key, value, timestamp, step, is_nan, run_uuid) VALUES ('acc', ?, 1, 0, 0, ?)",
                (((i * 7919 % count) / count, r) for i, r in enumerate(ids)),
            )


def seed_history(server, client, run, count):
    if isinstance(server, harness.Oracle):
        with sqlite3.connect(server.database, timeout=60) as db:
            db.executemany(
                "INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES ('loss', ?, ?, ?, 0, ?)",
                ((i * 0.5, 1000 + i, i, run) for i in range(count)),
            )
        return
    for start in range(0, count, 1000):
        points = [{"key": "loss", "value": i * 0.5, "timestamp": 1000 + i, "step": i} for i in range(start, min(start + 1000, count))]
        client.post("runs/log-batch", {"run_id": run, "metrics": points})


def read_history(client, run, expected):
    """All pages, as the client asks for them."""
    token, read = "", 0
    while True:
        query = {"run_id": run, "metric_key": "loss", "max_results": 25000}
        if token:
            query["page_token"] = token
        data = client.request("GET", f"{API}/metrics/get-history?{urllib.parse.urlencode(query)}")
        read += data.count(b'"step"')
        # The token stands at the end: parsing a million points would measure Python.
        tail = data[-300:]
        if b'"next_page_token"' not in tail:
            if b'"next_page_token"' in data[:300]:
                tail = data[:300]
            else:
                break
        token = tail.split(b'"next_page_token"')[1].split(b'"')[1].decode()
    assert read == expected, f"{read} points instead of {expected}"


# --- what is measured --------------------------------------------------------------------------------------------


class Bench:
    """One server, all measurements. Each method returns seconds per call, or a finished text."""

    def __init__(self, server, quick):
        self.server, self.quick = server, quick
        self.peer = isinstance(server, harness.Oracle)
        self.client = Client(server)
        self.experiment = create_experiment(self.client, "bench")
        self.run = create_run(self.client, self.experiment)

    def repeat(self, many, few):
        return max(1, few if self.quick else many)

    def create_run(self):
        return timed(self.repeat(200, 30), lambda _: create_run(self.client, self.experiment))

    def log_metric(self):
        def one(index):
            self.client.post("runs/log-metric", {"run_id": self.run, "key": "m", "value": index, "timestamp": index, "step": index})

        return timed(self.repeat(200, 30), one)

    def log_batch(self):
        run = create_run(self.client, self.experiment)

        def one(index):
            points = [{"key": f"m{i % 10}", "value": i, "timestamp": index, "step": index * 1000 + i} for i in range(1000)]
            self.client.post("runs/log-batch", {"run_id": run, "metrics": points})

        return timed(self.repeat(40, 8), one)

    def search_600(self):
        body = {"filter": "metrics.acc > 0.5", "order_by": ["metrics.acc DESC"], "max_results": 100}
        return self.search(600, body, self.repeat(40, 10), 100)

    def search_600_all(self):
        return self.search(600, {"max_results": 1000}, self.repeat(15, 5), 600)

    def search_100k(self):
        count = 10_000 if self.quick else 100_000
        body = {"filter": "metrics.acc > 0.5", "order_by": ["metrics.acc DESC"], "max_results": 100}
        # The peer takes a minute for each.
        return self.search(count, body, self.repeat(2 if self.peer else 40, 5), 100)

    def search(self, count, body, repeat, expected):
        name = f"seeded {count}"
        experiment = getattr(self, name, None)
        if experiment is None:
            experiment = create_experiment(self.client, "search")
            seed_runs(self.server, experiment, count)
            # Meanwhile this connection was idle for minutes, and servers close such ones.
            self.client.connect()
            setattr(self, name, experiment)
        body = {"experiment_ids": [experiment], **body}
        assert len(self.client.call("runs/search", body)["runs"]) == expected
        return timed(repeat, lambda _: self.client.post("runs/search", body))

    def history_15k(self):
        return self.history(15_000, self.repeat(10, 3))

    def history_1m(self):
        return self.history(100_000 if self.quick else 1_000_000, 1 if self.peer else self.repeat(5, 2))

    def history(self, count, repeat):
        run = create_run(self.client, self.experiment)
        seed_history(self.server, self.client, run, count)
        return timed(repeat, lambda _: read_history(self.client, run, count))

    def artifact_path(self):
        found = json.loads(self.client.request("GET", f"{API}/runs/get?run_id={self.run}"))
        return urllib.parse.urlsplit(found["run"]["info"]["artifact_uri"]).path.lstrip("/")

    def artifact_up(self):
        data, path = os.urandom(MIB) * 64, self.artifact_path()

        def one(index):
            self.client.request("PUT", f"{ARTIFACTS}/{path}/big{index}", data, "application/octet-stream")

        return timed(self.repeat(5, 2), one)

    def artifact_down(self):
        data, path = os.urandom(MIB) * 64, self.artifact_path()
        self.client.request("PUT", f"{ARTIFACTS}/{path}/down", data, "application/octet-stream")
        return timed(self.repeat(5, 2), lambda _: self.client.request("GET", f"{ARTIFACTS}/{path}/down", keep=False))

    def clients_16(self):
        seconds, done, failed = 3 if self.quick else 10, [], []
        stop = time.monotonic() + seconds

        def work():
            count = 0
            try:
                client = Client(self.server)
                while time.monotonic() < stop:
                    run = create_run(client, self.experiment)
                    points = [{"key": "m", "value": i, "timestamp": i, "step": i} for i in range(10)]
                    client.post("runs/log-batch", {"run_id": run, "metrics": points, "tags": [{"key": "t", "value": "x"}]})
                    client.request("GET", f"{API}/runs/get?run_id={run}")
                    count += 3
            except Exception as error:
                failed.append(error)
            done.append(count)

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(done) / seconds, failed

    def memory(self):
        return self.server.resident_bytes()


MEASURES = [
    ("create_run", "create run"),
    ("log_metric", "log metric"),
    ("log_batch", "log batch of 1,000 metrics"),
    ("search_600", "search 600 runs, filter and order, 100 back"),
    ("search_600_all", "search 600 runs, all back"),
    ("search_100k", "search 100,000 runs, filter and order, 100 back"),
    ("history_15k", "history of 15,000 points"),
    ("history_1m", "history of 1,000,000 points, all pages"),
    ("artifact_up", "64 MiB artifact up"),
    ("artifact_down", "64 MiB artifact down"),
    ("clients_16", "16 clients, requests per second"),
    ("memory", "resident memory at the end"),
]


def p95(values):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * 0.95) - 1)]


def measure(server, names, quick, label):
    bench, results = Bench(server, quick), {}
    for name, title in MEASURES:
        if name not in names:
            continue
        started = time.monotonic()
        try:
            results[name] = getattr(bench, name)()
        except Exception as error:
            print(f"{label}: {title}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr, flush=True)
            results[name] = None
        print(f"{label}: {title} ({time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True)
    return results


def shown(name, value):
    if value is None:
        return "failed"
    if name == "memory":
        return f"{value / MIB:.0f} MiB"
    if name == "clients_16":
        rate, failed = value
        return f"{rate:.0f}/s" + (f", {len(failed)} clients failed" if failed else "")
    median, high = statistics.median(value) * 1000, p95(value) * 1000
    return f"{median:.2f} / {high:.2f} ms" if median < 10 else f"{median:.0f} / {high:.0f} ms"


def ratio(name, ours, theirs):
    if ours is None or theirs is None:
        return ""
    if name == "memory":
        return f"{theirs / ours:.1f}×"
    if name == "clients_16":
        return f"{ours[0] / theirs[0]:.1f}×" if theirs[0] else ""
    return f"{statistics.median(theirs) / statistics.median(ours):.1f}×"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, a tenth of the large sets")
    parser.add_argument("--only", action="append", metavar="NAME", help="one of: " + ", ".join(n for n, _ in MEASURES))
    parser.add_argument("--rhiza-only", action="store_true", help="leave the peer out")
    parser.add_argument("--peer-only", action="store_true", help="leave Rhiza out")
    options = parser.parse_args()
    names = set(options.only or [name for name, _ in MEASURES])
    if unknown := names - {name for name, _ in MEASURES}:
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    columns = []
    with tempfile.TemporaryDirectory(prefix="rhiza-bench-") as directory:
        root = pathlib.Path(directory)
        for label in ("mlflow server", "Rhiza, SQLite", "Rhiza, PostgreSQL"):
            database_url = None
            if label == "mlflow server":
                if options.rhiza_only:
                    continue
                make = lambda place: harness.Oracle(place, workers=None, jobs=True)  # noqa: E731
            elif options.peer_only:
                continue
            else:
                if label.endswith("PostgreSQL"):
                    if not os.environ.get("RHIZA_TEST_POSTGRES_URL"):
                        continue
                    os.environ["RHIZA_TEST_DATABASE"] = "postgres"
                    database_url = harness.new_database_url()
                make = lambda place: harness.Rhiza(place, os.environ["RHIZA_BIN"], database_url)  # noqa: E731
            place = root / label.replace(" ", "-").replace(",", "")
            place.mkdir()
            server = make(place)
            try:
                columns.append((label, measure(server.start(), names, options.quick, label)))
            finally:
                server.stop()
                harness.drop_database(database_url)
    theirs = next((results for label, results in columns if label == "mlflow server"), None)
    head = ["median / p95"]
    for label, _ in columns:
        head += [label] if label == "mlflow server" or theirs is None else [label, "faster (memory: smaller)"]
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for name, title in MEASURES:
        if name not in names:
            continue
        row = [title]
        for label, results in columns:
            row.append(shown(name, results[name]))
            if theirs is not None and label != "mlflow server":
                row.append(ratio(name, results[name], theirs[name]))
        print("| " + " | ".join(row) + " |")
    if options.quick:
        print("\nQuick: the sets of 100,000 runs and 1,000,000 points are a tenth of that.")
    sys.exit(any(value is None for _, results in columns for value in results.values()))


if __name__ == "__main__":
    main()
