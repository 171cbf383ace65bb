"""What every client test here stands on: servers that are started and stopped, and a raw HTTP client.

The server under test is the binary RHIZA_BIN (started here on a free port with an empty data directory), or the
server at RHIZA_URL with the key RHIZA_API_KEY, or with RHIZA_ORACLE=1 the real `mlflow server`.
"""

import http.client
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("RHIZA_CACHE") or pathlib.Path.home() / ".cache" / "rhiza")
VENV_V2 = CACHE / "venv-mlflow2"
START_SECONDS = 60
STOP_SECONDS = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def oracle_run() -> bool:
    return bool(os.environ.get("RHIZA_ORACLE"))


def database_kind() -> str:
    kind = os.environ.get("RHIZA_TEST_DATABASE", "sqlite")
    if kind not in ("sqlite", "postgres"):
        raise SystemExit(f"RHIZA_TEST_DATABASE must be sqlite or postgres, not {kind!r}")
    return kind


def new_database_url() -> str | None:
    """A fresh database of the chosen kind: None lets the server put SQLite into its data directory."""
    if database_kind() == "sqlite":
        return None
    import psycopg

    base = os.environ.get("RHIZA_TEST_POSTGRES_URL")
    if not base:
        raise SystemExit("RHIZA_TEST_DATABASE=postgres needs RHIZA_TEST_POSTGRES_URL")
    name = f"rhiza_python_{secrets.token_hex(6)}"
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    parts = urllib.parse.urlsplit(base)
    return urllib.parse.urlunsplit(parts._replace(path=f"/{name}"))


def drop_database(url: str | None) -> None:
    if url is None:
        return
    import psycopg

    with psycopg.connect(os.environ["RHIZA_TEST_POSTGRES_URL"], autocommit=True) as connection:
        name = urllib.parse.urlsplit(url).path.lstrip("/")
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class Answer:
    """One HTTP answer. `body` is the decoded JSON, or the text when it is none."""

    def __init__(self, status: int, headers: dict[str, str], raw: bytes):
        self.status = status
        self.headers = headers
        self.raw = raw
        try:
            self.body = json.loads(raw) if raw else {}
        except ValueError:
            self.body = raw.decode("utf-8", "replace")

    def __repr__(self) -> str:
        return f"{self.status} {self.raw[:600]!r}"

    def ok(self):
        assert self.status == 200, self
        return self.body

    def error(self, status: int, code: str, message: str | None = None) -> str:
        """Asserts MLflow's error shape, and the message when it is given."""
        assert self.status == status, self
        assert isinstance(self.body, dict), self
        assert self.body.get("error_code") == code, self
        assert isinstance(self.body.get("message"), str), self
        if message is not None:
            assert self.body["message"] == message, self
        return self.body["message"]


class Wire:
    """A keep-alive HTTP/1.1 client that sends exactly what it is told, odd paths and headers included."""

    def __init__(self, url: str, headers: dict[str, str] | None = None):
        parts = urllib.parse.urlsplit(url)
        self.url = url
        self.host, self.port = parts.hostname, parts.port
        self.headers = dict(headers or {})
        self._connection = None

    def with_headers(self, **headers) -> "Wire":
        return Wire(self.url, {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})

    def anonymous(self) -> "Wire":
        return Wire(self.url)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def request(self, method: str, path: str, *, json_body=None, raw=None, headers=None) -> Answer:
        sent = dict(self.headers)
        data = raw
        if json_body is not None:
            data = json.dumps(json_body)
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        for attempt in (0, 1):
            fresh = self._connection is None
            if fresh:
                self._connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
            try:
                self._connection.request(method, path, data, sent)
                answer = self._connection.getresponse()
                raw_body = answer.read()
                break
            except (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest):
                # A server may close an idle connection at any time; only a fresh one tells that it is gone.
                self.close()
                if fresh or attempt:
                    raise
        result = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, raw_body)
        if answer.will_close:
            self.close()
        return result

    def get(self, path: str, /, **query) -> Answer:
        if query:
            path += "?" + urllib.parse.urlencode(query, doseq=True)
        return self.request("GET", path)

    def post(self, path: str, body=None, **kwargs) -> Answer:
        return self.request("POST", path, json_body={} if body is None else body, **kwargs)

    def patch(self, path: str, body=None, **kwargs) -> Answer:
        return self.request("PATCH", path, json_body={} if body is None else body, **kwargs)

    def delete(self, path: str, body=None, **kwargs) -> Answer:
        return self.request("DELETE", path, json_body=body, **kwargs)

    def put(self, path: str, data: bytes | str, **kwargs) -> Answer:
        return self.request("PUT", path, raw=data, **kwargs)


class _Process:
    """A server process in a session of its own, so that its children die with it."""

    url: str

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self.process: subprocess.Popen | None = None
        self.log_path = directory / "server.log"

    def _spawn(self, command: list[str], environment: dict[str, str]) -> None:
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            command,
            env=environment,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _wait_ready(self, path: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.tail()}")
            try:
                if Wire(self.url).get(path).status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"the server was not ready within {START_SECONDS} s:\n{self.tail()}")

    def tail(self) -> str:
        return self.log_path.read_text("utf-8", "replace")[-4000:]

    def pids(self) -> list[int]:
        """The process and all its descendants."""
        listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        children: dict[int, list[int]] = {}
        for line in listing.splitlines():
            pid, parent = map(int, line.split())
            children.setdefault(parent, []).append(pid)
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            todo.extend(children.get(pid, []))
        return found

    def resident_bytes(self) -> int:
        total = 0
        for pid in self.pids():
            try:
                total += int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except OSError:
                pass
        return total

    def _signal_session(self, number: int) -> None:
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def stop(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                pass
        self._signal_session(signal.SIGKILL)
        self.process.wait()
        self.log.close()
        self.process = None

    def kill(self) -> None:
        """kill -9, no farewell."""
        self._signal_session(signal.SIGKILL)
        self.process.wait()
        self.log.close()
        self.process = None


class Rhiza(_Process):
    """The binary under test on an empty data directory, set up with one organisation, project and API key."""

    email = "tests@example.org"
    password = "mycelium under the old oak 1837"

    def __init__(
        self,
        directory: pathlib.Path,
        binary: str,
        database_url: str | None = None,
        storage_url: str | None = None,
        settings: dict[str, str] | None = None,
    ):
        super().__init__(directory)
        self.binary = binary
        self.settings = settings or {}
        self.data = directory / "data"
        self.options = ["--data-dir", str(self.data)]
        self.database_url = database_url
        if database_url:
            self.options += ["--database-url", database_url]
        self.storage = ["--storage-url", storage_url] if storage_url else []
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = None

    def _environment(self) -> dict[str, str]:
        # Nothing of the caller's configuration may leak in.
        return {k: v for k, v in os.environ.items() if not k.startswith("RHIZA_")} | self.settings

    def init(self) -> None:
        done = subprocess.run(
            [self.binary, "admin", "init", "--email", self.email, "--organization", "Tests", "--project", "tests"]
            + ["--password-stdin", *self.options],
            input=self.password + "\n",
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        assert done.returncode == 0, f"rhiza admin init: {done.returncode}\n{done.stdout}\n{done.stderr}"
        made = json.loads(done.stdout)
        self.key = made["api_key"]

    def start(self) -> "Rhiza":
        if self.key is None:
            self.init()
        self._spawn(
            [self.binary, "serve", "--listen", f"127.0.0.1:{self.port}", *self.options, *self.storage],
            self._environment(),
        )
        self._wait_ready("/readyz")
        return self

    def wire(self) -> Wire:
        return Wire(self.url, {"Authorization": f"Bearer {self.key}"})


class Oracle(_Process):
    """The real `mlflow server` of this environment on SQLite."""

    key = None

    def __init__(self, directory: pathlib.Path, workers: int | None = 1, jobs: bool = False, workspaces: bool = False):
        super().__init__(directory)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.workers = workers
        self.jobs = jobs
        self.workspaces = workspaces

    @property
    def database(self) -> pathlib.Path:
        return self.directory / "mlflow.db"

    def start(self) -> "Oracle":
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "RHIZA_"))}
        if not self.jobs:
            environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", f"sqlite:///{self.database}"]
        command += ["--artifacts-destination", str(self.directory / "artifacts")]
        if self.workers:
            command += ["--workers", str(self.workers)]
        if self.workspaces:
            command += ["--enable-workspaces"]
        self._spawn(command, environment)
        self._wait_ready("/health")
        return self

    def wire(self) -> Wire:
        return Wire(self.url)


class External:
    """A server somebody else started, at RHIZA_URL with RHIZA_API_KEY."""

    def __init__(self, url: str, key: str | None):
        self.url = url
        self.key = key

    def wire(self) -> Wire:
        return Wire(self.url, {"Authorization": f"Bearer {self.key}"} if self.key else {})

    def stop(self) -> None:
        pass


def start_server(directory: pathlib.Path, settings: dict[str, str] | None = None):
    """The server under test, and what to call when it is no longer needed. `settings` are RHIZA_… variables of one started here."""
    if url := os.environ.get("RHIZA_URL"):
        server = External(url, os.environ.get("RHIZA_API_KEY"))
        return server, server.stop
    if oracle_run():
        # The workspace tests need them on, the other tests work either way.
        server = Oracle(directory, workspaces=True).start()
        return server, server.stop
    database_url = new_database_url()
    server = Rhiza(directory, os.environ["RHIZA_BIN"], database_url, settings=settings).start()

    def finish():
        server.stop()
        drop_database(database_url)

    return server, finish
