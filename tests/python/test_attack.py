"""What a hostile or broken client sends: the server answers every time, with the proper error, and stays well.

Everything here is drawn from fixed seeds. The real server answers much of this with 500, so only ours is held to it.
"""

import json
import random
import socket
import threading
import time
import urllib.parse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

import harness

pytestmark = pytest.mark.skipif(harness.oracle_run(), reason="the real server crashes on most of this")

API = "/api/2.0/mlflow"
NATIVE = "/api/v1"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
INVALID = "INVALID_PARAMETER_VALUE"
NUL = "a\x00b"
POISON = [
    None, True, -1, 0, 2**63, -(2**63), 10**30, 1.5, 1e308, "", "x", NUL, "\ufeff", "é" * 300, "x" * 10_000, [], {},
    [None], [[]], [{}], {"a": 1}, [{"key": None, "value": []}], "NaN", "1e999", "..", "a/../b", "%00", "\\", "😀", "9" * 400,
    [NUL], [{"key": NUL, "value": NUL, "timestamp": 0}], {NUL: NUL}, "'; DROP TABLE runs; --", "file:///etc/passwd",
]  # fmt: skip
WORDS = [
    "params", "metrics", "tags", "attributes", "datasets", "run", ".", "=", "!=", "<", ">=", "LIKE", "ILIKE", "IN", "NOT",
    "IS", "NULL", "AND", "OR", "(", ")", ",", "'a'", '"b"', "`c`", "1", "1.5", "-3", "1e999", "'", "`", '"', "\\", "%", ";",
    "--", "/*", "status", "start_time", "name", "RUNNING", "é", "\t", "\n", "99999999999999999999", "' \x00'",
]  # fmt: skip


@pytest.fixture
def experiment(wire, unique):
    return wire.post(API + "/experiments/create", {"name": unique("attack")}).ok()["experiment_id"]


@pytest.fixture
def new_run(wire, experiment):
    return lambda: wire.post(API + "/runs/create", {"experiment_id": experiment}).ok()["run"]["info"]["run_id"]


@pytest.fixture(scope="module", autouse=True)
def healthy(server):
    """After everything: ready, and not one panic or failed database call in the log."""
    yield
    assert server.wire().get("/readyz").status == 200
    if isinstance(server, harness.Rhiza):
        log = server.log_path.read_text("utf-8", "replace")
        assert "panicked" not in log
        assert "The server failed to" not in log


def no_crash(answer: harness.Answer) -> None:
    assert answer.status < 500, answer
    if answer.status >= 400:
        assert isinstance(answer.body, dict), answer


def refused(answer: harness.Answer) -> None:
    assert 400 <= answer.status < 500, answer
    no_crash(answer)


def raw(server, data: bytes, seconds: float = 10, shut: bool = False) -> bytes:
    """What the server says to these very bytes until it hangs up."""
    parts = urllib.parse.urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=seconds) as connection:
        out = b""
        try:
            connection.sendall(data)
            if shut:
                connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                out += chunk
        except ConnectionError:
            pass
        return out


def message(server, method: str, path: str, *headers: str, body: bytes = b"", length: bool = True) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {server.key}", "Connection: close"]
    lines += ["Content-Type: application/json", *headers] + ([f"Content-Length: {len(body)}"] if length else [])
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def at_once(server, count: int, call) -> list[harness.Answer]:
    gate = threading.Barrier(count)

    def one(index: int) -> harness.Answer:
        client = server.wire()
        client.get("/livez")
        gate.wait()
        return call(client, index)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_fields_of_every_kind(wire, experiment, new_run, unique):
    run, model = new_run(), unique("model")
    wire.post(API + "/registered-models/create", {"name": model}).ok()
    calls = {
        "/runs/create": {"experiment_id": experiment, "start_time": 1, "tags": [{"key": "a", "value": "b"}], "run_name": "n"},
        "/runs/update": {"run_id": run, "status": "RUNNING", "end_time": 1, "run_name": "n"},
        "/runs/log-metric": {"run_id": run, "key": "m", "value": 1, "timestamp": 1, "step": 1},
        "/runs/log-parameter": {"run_id": run, "key": "p", "value": "1"},
        "/runs/set-tag": {"run_id": run, "key": "t", "value": "1"},
        "/runs/delete-tag": {"run_id": run, "key": "t"},
        "/runs/log-batch": {"run_id": run, "metrics": [], "params": [], "tags": []},
        "/runs/log-inputs": {"run_id": run, "datasets": [], "models": []},
        "/runs/outputs": {"run_id": run, "models": []},
        "/runs/search": {"experiment_ids": [experiment], "filter": "", "order_by": [], "max_results": 1, "page_token": ""},
        "/experiments/create": {"name": "x", "artifact_location": "", "tags": []},
        "/experiments/search": {"filter": "", "order_by": [], "max_results": 1, "page_token": "", "view_type": "ALL"},
        "/experiments/set-experiment-tag": {"experiment_id": experiment, "key": "t", "value": "1"},
        "/registered-models/rename": {"name": model, "new_name": model},
        "/registered-models/set-tag": {"name": model, "key": "t", "value": "1"},
        "/registered-models/alias": {"name": model, "alias": "a", "version": "1"},
        "/model-versions/create": {"name": model, "source": "s3://b/x", "run_id": run, "tags": []},
        "/model-versions/transition-stage": {"name": model, "version": "1", "stage": "None"},
        "/logged-models": {"experiment_id": experiment, "name": "m", "params": [], "tags": [], "source_run_id": run},
        "/logged-models/search": {"experiment_ids": [experiment], "filter": "", "order_by": [], "max_results": 1},
    }
    for path, good in calls.items():
        for field in good:
            for poison in POISON:
                no_crash(wire.post(API + path, {**good, field: poison}))
    native = {"experiment_ids": [experiment], "filter": "", "order_by": [], "cursor": "x", "limit": 1}
    for path, good in {"/tracking/runs/search": native, "/tracking/series": {"run_ids": [run], "keys": ["m"]}}.items():
        for field in good:
            for poison in POISON:
                no_crash(wire.post(NATIVE + path, {**good, field: poison}))


def test_a_nul_character_is_a_client_error_everywhere(wire, unique):
    queries = {
        "/runs/get": ["run_id"],
        "/experiments/get": ["experiment_id"],
        "/experiments/get-by-name": ["experiment_name"],
        "/metrics/get-history": ["run_id", "metric_key"],
        "/registered-models/get": ["name"],
        "/registered-models/alias": ["name", "alias"],
        "/model-versions/get": ["name", "version"],
        "/artifacts/list": ["run_id"],
    }
    for path, fields in queries.items():
        refused(wire.get(API + path, **dict.fromkeys(fields, NUL)))
    for path in ("delete", "restore", "delete-tag", "update"):
        refused(wire.post(API + f"/runs/{path}", {"run_id": NUL, "key": "k"}))
    refused(wire.delete(API + "/registered-models/delete", {"name": NUL}))
    for path in ("/logged-models/%00", "/logged-models/%00/artifacts/directories"):
        refused(wire.get(API + path))
    for path in ("/tracking/runs/%00/artifacts", "/tracking/runs/%00/events", "/tracking/models/%00/artifacts"):
        refused(wire.get(NATIVE + path))


def test_paths_that_are_not_utf8_are_refused_in_the_protocols_shape(wire):
    for path in (API + "/logged-models/%ff", ARTIFACTS + "/%ff", "/api/3.0/mlflow/workspaces/%ff"):
        answer = wire.get(path)
        assert answer.status == 400 and answer.body["error_code"] == "BAD_REQUEST", answer
    answer = wire.get(NATIVE + "/projects/%ff")
    assert answer.status == 400 and answer.body["code"] == "malformed", answer


def test_bodies_that_are_none(server, new_run):
    run = new_run().encode()
    path = API + "/runs/set-tag"
    deep = b"[" * 10_000 + b"]" * 10_000
    for body in (
        b"", b"null", b"1", b"[]", b"nonsense", b"\xff\xfe{}", deep, b'{"run_id":' + deep + b"}", b'{"a":' * 10_000,
        b'{"run_id":"\\ud800","key":"k","value":"v"}', b'{"run_id":"' + run + b'","key":"k","value":"\xff"}',
        b'{"run_id":"' + run + b'","key":"k","value":"\\u0000"}', b"\x1f\x8b\x08" + b"\x00" * 100,
    ):  # fmt: skip
        assert status(raw(server, message(server, "POST", path, body=body))) == 400, body[:60]
    too_long = raw(server, message(server, "POST", path, body=b" " * (17 << 20)), 20)
    assert status(too_long) == 413 and b'"error_code":"BAD_REQUEST"' in too_long
    # A few bytes each, but a hundred times that once they are read.
    too_many = raw(server, message(server, "POST", path, body=b'{"run_id":[' + b"[]," * 4_000_000 + b"0]}"), 20)
    assert status(too_many) == 413 and b'"error_code":"BAD_REQUEST"' in too_many


def test_doubles_as_python_writes_them(server, wire, new_run):
    run = new_run()
    for key, value in {"nan": "NaN", "inf": "Infinity", "ninf": "-Infinity", "big": "1e999"}.items():
        body = f'{{"run_id": "{run}", "key": "{key}", "value": {value}, "timestamp": 1, "step": 0}}'.encode()
        assert status(raw(server, message(server, "POST", API + "/runs/log-metric", body=body))) == 200, value
    metrics = wire.get(API + "/runs/get", run_id=run).ok()["run"]["data"]["metrics"]
    most = 1.7976931348623157e308
    assert {m["key"]: m["value"] for m in metrics} == {"nan": "NaN", "inf": most, "ninf": -most, "big": most}


def test_broken_http(server):
    path = API + "/runs/set-tag"
    chunked = message(server, "POST", path, "Transfer-Encoding: chunked", length=False)
    for data, shut in (
        (chunked + b'5\r\n{"run', True),
        (chunked + b"zz\r\nx", False),
        (chunked + b"f" * 20 + b"\r\nx", False),
        (message(server, "POST", path, "Content-Length: -1", length=False), False),
        (message(server, "POST", path, "Content-Length: 9" + "9" * 30, length=False), False),
        (message(server, "POST", path, "Content-Length: 50", length=False) + b"{", True),
        (b"GET /health\r\n\r\n", False),
        (b"\x16\x03\x01\x02\x00\x01\x00" + bytes(range(256)), False),
    ):
        assert status(raw(server, data, shut=shut)) == 400, data[-40:]
    flood = "".join(f"X-{i}: 1\r\n" for i in range(100_000)).encode()
    for data in (
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + flood + b"\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        answer = raw(server, data)
        # The client that is still sending may find the connection reset before it reads the answer.
        assert not answer or status(answer) in (414, 431)
    pipelined = raw(server, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 50 + message(server, "GET", "/health"))
    assert pipelined.count(b"HTTP/1.1 200") == 51
    for method in ("TRACE", "FOO", "PROPFIND", "get"):
        assert status(raw(server, message(server, method, API + "/runs/get?run_id=x"))) == 405


def test_times_and_steps_at_the_ends_of_their_range(wire, experiment, new_run):
    run = new_run()
    for time_ms in (0, 253402300800000, 2**63 - 1):
        for step in (-(2**63), -1, 2**63 - 1):
            point = {"run_id": run, "key": "m", "value": 1, "timestamp": time_ms, "step": step}
            wire.post(API + "/runs/log-metric", point).ok()
    for bad in (-1, 2**63, 1e30, 1.5):
        point = {"run_id": run, "key": "m", "value": 1, "timestamp": bad, "step": 0}
        wire.post(API + "/runs/log-metric", point).error(400, INVALID)
    for when in (-(2**63), -1, 2**63 - 1):
        wire.post(API + "/runs/create", {"experiment_id": experiment, "start_time": when}).ok()
        wire.post(API + "/runs/update", {"run_id": run, "end_time": when}).ok()
    assert len(wire.get(API + "/metrics/get-history", run_id=run, metric_key="m").ok()["metrics"]) == 9
    wire.post(NATIVE + "/tracking/runs/search", {"experiment_ids": [experiment]}).ok()
    for axis in ("step", "time", "relative"):
        wire.post(NATIVE + "/tracking/series", {"run_ids": [run], "keys": ["m"], "x": axis}).ok()


def test_searches_out_of_a_grammar_gone_wrong(wire, experiment):
    dice = random.Random(1837)
    for _ in range(120):
        text = "".join(dice.choice(WORDS) + dice.choice(("", " ", " ")) for _ in range(dice.randint(1, 9)))
        for path in ("/runs/search", "/logged-models/search"):
            no_crash(wire.post(API + path, {"experiment_ids": [experiment], "filter": text}))
        no_crash(wire.post(API + "/experiments/search", {"filter": text}))
        no_crash(wire.post(API + "/runs/search", {"experiment_ids": [experiment], "order_by": [text]}))
        for path in ("/registered-models/search", "/model-versions/search"):
            no_crash(wire.get(API + path, filter=text))
        no_crash(wire.post(NATIVE + "/tracking/runs/search", {"experiment_ids": [experiment], "filter": text}))


def test_searches_too_large_to_plan_are_refused(wire, experiment):
    search = lambda **more: wire.post(API + "/runs/search", {"experiment_ids": [experiment], **more})  # noqa: E731
    started = time.monotonic()
    search(filter=" AND ".join(f"metrics.m{i} > 1" for i in range(150))).error(400, INVALID)
    search(order_by=[f"metrics.m{i}" for i in range(500)]).error(400, INVALID)
    search(filter="(" * 5000 + "tags.a = 'x'" + ")" * 5000).error(400, INVALID)
    refused(wire.post(API + "/runs/search", {"experiment_ids": [str(i) for i in range(70_000)]}))
    search(filter=" AND ".join(f"metrics.m{i} > 1" for i in range(20))).ok()
    assert time.monotonic() - started < 20


def test_forged_tokens_and_cursors(wire, experiment, new_run):
    for _ in range(3):
        new_run()
    body = {"experiment_ids": [experiment], "max_results": 1}
    token = wire.post(API + "/runs/search", body).ok()["next_page_token"]
    dice = random.Random(7)
    forged = ["x", "%", NUL, "e30=", "eyJvZmZzZXQiOiAtMX0=", "A" * 10_000]
    for _ in range(60):
        letters = list(token)
        letters[dice.randrange(len(letters))] = dice.choice('ABCabc012-_=+/{}":,')
        forged.append("".join(letters[: dice.randint(1, len(letters))]))
    for fake in forged:
        no_crash(wire.post(API + "/runs/search", {**body, "page_token": fake}))
        no_crash(wire.get(API + "/registered-models/search", page_token=fake))
        no_crash(wire.post(NATIVE + "/tracking/runs/search", {"experiment_ids": [experiment], "cursor": fake}))
        for path in ("/audit", "/keys", "/projects", "/sessions", "/jobs", "/tracking/experiments"):
            no_crash(wire.get(NATIVE + path, cursor=fake))


def test_one_of_many_at_once_wins(server, wire, new_run, unique):
    name, run = unique("race"), new_run()
    for path in ("/experiments/create", "/registered-models/create"):
        answers = at_once(server, 16, lambda client, _, path=path: client.post(API + path, {"name": name}))
        assert Counter(a.status for a in answers) == {200: 1, 400: 15}, answers
    batch = lambda client, i: client.post(  # noqa: E731
        API + "/runs/log-batch",
        {
            "run_id": run,
            "params": [{"key": "p", "value": str(i)}, {"key": f"q{i}", "value": "1"}],
            "metrics": [{"key": f"m{i}", "value": i, "timestamp": 1}],
        },
    )
    answers = at_once(server, 16, batch)
    assert Counter(a.status for a in answers) == {200: 1, 400: 15}, answers
    winner = next(i for i, a in enumerate(answers) if a.status == 200)
    data = wire.get(API + "/runs/get", run_id=run).ok()["run"]["data"]
    # Of the batches that lost, nothing.
    assert {p["key"]: p["value"] for p in data["params"]} == {"p": str(winner), f"q{winner}": "1"}
    assert [m["key"] for m in data["metrics"]] == [f"m{winner}"]


def test_no_alias_is_left_of_a_version_that_went(server, wire, unique):
    name = unique("aliases")
    wire.post(API + "/registered-models/create", {"name": name}).ok()
    made = at_once(server, 8, lambda c, _: c.post(API + "/model-versions/create", {"name": name, "source": "s3://b/x"}))
    assert sorted(int(a.ok()["model_version"]["version"]) for a in made) == list(range(1, 9))

    def pull(client, i):
        version = {"name": name, "version": str(i // 2 + 1)}
        if i % 2:
            return client.delete(API + "/model-versions/delete", version)
        return client.post(API + "/registered-models/alias", {**version, "alias": f"a{i}"})

    answers = at_once(server, 16, pull)
    assert {a.status for a in answers} <= {200, 404}, answers
    assert not wire.get(API + "/registered-models/get", name=name).ok()["registered_model"].get("aliases")


def test_an_upload_that_breaks_off_leaves_nothing(server, wire, experiment, new_run):
    folder = f"{ARTIFACTS}/{experiment}/{new_run()}/artifacts"
    wire.put(folder + "/kept.bin", b"old").ok()
    temporary = lambda: sum(1 for p in server.data.rglob("*") if p.is_file() and "tmp" in str(p))  # noqa: E731
    local = isinstance(server, harness.Rhiza)
    before = temporary() if local else 0
    content = bytes(range(256)) * 16
    for sent in (0, 1, 100, len(content) - 1):
        for name in ("new.bin", "kept.bin"):
            head = message(server, "PUT", f"{folder}/{name}", f"Content-Length: {len(content)}", length=False)
            answer = raw(server, head + content[:sent], shut=True)
            assert not answer or 400 <= status(answer) < 500, answer
    assert wire.get(folder + "/new.bin").status == 404
    assert wire.get(folder + "/kept.bin").raw == b"old"
    deadline = time.monotonic() + 5
    while local and temporary() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not local or temporary() == before


def test_files_and_folders_do_not_hide_each_other(wire, experiment, new_run):
    folder = f"{ARTIFACTS}/{experiment}/{new_run()}/artifacts"
    wire.put(folder + "/a", b"file").ok()
    refused(wire.put(folder + "/a/b", b"below a file"))
    wire.put(folder + "/d/x", b"").ok()
    refused(wire.put(folder + "/d", b"over a folder"))
    assert wire.get(folder + "/a").raw == b"file"
    assert wire.get(folder + "/d/x").raw == b""
    for trick in ("../x", "%2e%2e/x", "a%5cb", "%252e%252e/x", "a%00b", "a%0ab"):
        refused(wire.put(f"{folder}/{trick}", b"x"))


def test_a_cookie_alone_changes_nothing_from_elsewhere(server):
    if not isinstance(server, harness.Rhiza):
        pytest.skip("needs the password of the server under test")
    person = {"email": server.email, "password": server.password}
    ours = {"Origin": server.url}
    signed = harness.Wire(server.url).post(NATIVE + "/auth/sign-in", person, headers=ours)
    cookie = signed.headers["set-cookie"]
    assert signed.status == 200 and "httponly" in cookie.lower() and "samesite=" in cookie.lower(), cookie
    client = harness.Wire(server.url, {"Cookie": cookie.split(";")[0], "X-Rhiza-Project": "tests"})
    assert client.get(NATIVE + "/me").status == 200
    for origin in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {}, {"Sec-Fetch-Site": "cross-site"}):
        answer = client.post("/ajax-api/2.0/mlflow/experiments/create", {"name": "csrf"}, headers=origin)
        assert answer.status == 403, (origin, answer)
    assert client.get("/ajax-api/2.0/mlflow/experiments/get-by-name", experiment_name="csrf").status == 404
    for credentials in ("Bearer x", "Bearer " + server.key[:-1], "Basic !!!", "Basic /w==", "Bearer", "Digest x"):
        answer = harness.Wire(server.url, {"Authorization": credentials}).get(API + "/experiments/search")
        assert answer.status == 401 and answer.body["error_code"] == "UNAUTHENTICATED", (credentials, answer)
    for email in (NUL, None, [], "x" * 100_000):
        refused(harness.Wire(server.url).post(NATIVE + "/auth/sign-in", {"email": email, "password": "x"}, headers=ours))
    stranger = server.wire().with_headers(X_MLFLOW_WORKSPACE="no-such-project")
    assert stranger.get(API + "/runs/get", run_id="x").status in (400, 404)
    assert json.loads(harness.Wire(server.url).get("/readyz").raw)["ready"] is True
