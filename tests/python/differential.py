"""One seeded random sequence of calls, applied to two servers, every answer made comparable.

EXCLUSIONS, each with its reason; everything else must be equal, field by field:
- ids, run and model names made up by the server, and times it took from its clock: they are different by nature.
- experiment locations (and what hangs below them), workspace names: they name the host's own layout.
- page tokens: opaque; only whether there is one is compared, and the next page is fetched with each server's own.
- the order of tags, params, latest metrics, aliases and of the latest versions per stage: SQL promises none, clients read maps.
- the order inside `{...}` in messages: Python prints sets in any order.
- text after "Error:" in messages and messages with driver text: that is SQLite speaking; status and code still count,
  for codes that come from the driver (BAD_REQUEST) any client error counts.
- answers of the peer with status 500 or more: its own slips (duplicate order_by, renaming a deleted experiment, …); ours
  must be a client error.
- messages about malformed filters: ours may name the position of the fault; the code counts.
"""

import random
import re

import harness

API = "/api/2.0/mlflow"
RANDOM_NAME = re.compile(r"^[a-z]+-[a-z]+-\d+$")
TIMES = {
    "creation_time", "last_update_time", "creation_timestamp", "last_updated_timestamp",
    "creation_timestamp_ms", "last_updated_timestamp_ms",
}  # fmt: skip
SORTED_LISTS = {"tags": "key", "params": "key", "aliases": "alias", "latest_versions": "version"}


class Side:
    """One server and the ids it gave to the things both servers hold."""

    def __init__(self, wire):
        self.wire = wire
        self.names: dict[str, str] = {}  # symbol -> this server's id
        self.locations: dict[str, str] = {}  # this server's artifact location of an experiment -> symbol
        self.tokens: dict[str, str] = {}

    def resolve(self, value):
        if isinstance(value, str):
            return re.sub(r"<(\w+:\d+)>", lambda m: self.names.get(m.group(1), m.group(0)), value)
        if isinstance(value, dict):
            return {k: self.resolve(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.resolve(v) for v in value]
        return value

    def call(self, step):
        method, path, query, body = step["method"], self.resolve(step["path"]), self.resolve(step.get("query")), step.get("body")
        body = self.resolve(body)
        if token := step.get("token"):
            if token in self.tokens:
                body["page_token"] = self.tokens[token]
        if method == "GET":
            answer = self.wire.get(path, **(query or {}))
        elif method == "PUT":
            answer = self.wire.put(path, step["raw"])
        else:
            answer = self.wire.request(method, path, json_body=body)
        if step.get("keep_token") and isinstance(answer.body, dict):
            if answer.body.get("next_page_token"):
                self.tokens[step["keep_token"]] = answer.body["next_page_token"]
            else:
                self.tokens.pop(step["keep_token"], None)
        return answer

    def _text(self, text: str) -> str:
        for location, symbol in sorted(self.locations.items(), key=lambda item: -len(item[0])):
            text = text.replace(location + "/", f"<location {symbol}>/")
            if text == location:
                text = f"<location {symbol}>"
        for symbol, name in self.names.items():
            if symbol.startswith("exp:"):
                text = re.sub(rf"(id=|id |experiment |ID '){name}\b", rf"\1<{symbol}>", text)
            else:
                text = text.replace(name, f"<{symbol}>")
        text = re.sub(r"\{('[^{}]*')\}", lambda m: "{" + ", ".join(sorted(m.group(1).split(", "))) + "}", text)
        return text.split(" Error: ")[0]

    def comparable(self, value, key=None):
        if isinstance(value, dict):
            return {k: self.comparable(v, k) for k, v in value.items()}
        if isinstance(value, list):
            items = [self.comparable(v) for v in value]
            if key in SORTED_LISTS:
                items.sort(key=lambda item: str(item.get(SORTED_LISTS[key])) if isinstance(item, dict) else str(item))
            elif key == "metrics":
                items.sort(key=repr)
            elif key in ("model_versions_by_stage", "dataset_inputs", "model_outputs", "model_inputs", "dataset_summaries"):
                items.sort(key=repr)
            elif key == "aliases":
                items.sort(key=repr)
            return items
        if key in TIMES:
            return "<time>"
        if key == "next_page_token":
            return "<token>"
        if key == "workspace":
            return "<workspace>"
        if key == "experiment_id":
            return next((f"<{s}>" for s, n in self.names.items() if s.startswith("exp:") and n == value), value)
        if isinstance(value, str):
            if key in ("run_name", "name", "value") and RANDOM_NAME.match(value):
                return "<random name>"
            return self._text(value)
        return value


def difference(step, ours, theirs, our_side, their_side):
    """None when the two answers count as equal, otherwise what differs."""
    if theirs.status >= 500:
        fine = ours.status == theirs.status if harness.oracle_run() else 400 <= ours.status < 500
        return None if fine else "the peer failed by itself: a client error is due"
    driver = isinstance(theirs.body, dict) and "sqlite3" in str(theirs.body.get("message"))
    if driver and theirs.body.get("error_code") == "BAD_REQUEST":
        return None if 400 <= ours.status < 500 else "a client error is due"
    if ours.status != theirs.status:
        return f"status {ours.status} instead of {theirs.status}"
    if theirs.status >= 400:
        if not isinstance(theirs.body, dict) or "error_code" not in theirs.body:
            return None  # an HTML or FastAPI page: the status is all there is
        if not isinstance(ours.body, dict) or ours.body.get("error_code") != theirs.body["error_code"]:
            return f"error_code {theirs.body['error_code']} is due"
        if step.get("code_only"):
            return None
        left = our_side.comparable(ours.body["message"])
        right = their_side.comparable(theirs.body["message"])
        return None if left == right else f"message\n  {left!r} instead of\n  {right!r}"
    if step["method"] == "PUT":
        return None
    left, right = our_side.comparable(ours.body), their_side.comparable(theirs.body)
    return None if left == right else "\n".join(_where(left, right, ""))


def _where(left, right, path):
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(set(left) | set(right)):
            if key not in left:
                yield f"{path}.{key}: missing, {right[key]!r} is due"
            elif key not in right:
                yield f"{path}.{key}: {left[key]!r} is too much"
            else:
                yield from _where(left[key], right[key], f"{path}.{key}")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, (a, b) in enumerate(zip(left, right)):
            yield from _where(a, b, f"{path}[{index}]")
    elif left != right:
        yield f"{path}: {str(left)[:800]!r} instead of {str(right)[:800]!r}"


GOOD_KEYS = ["a", "b", "loss", "acc", "x/y", "dot.ted", "mit leer", "ключ"]
BAD_KEYS = ["", "/a", "a//b", "../a", "a?b", "k" * 251, "a\nb", ".."]
VALUES = ["", "1", "x", "X", "значение", "it''s", "z%_", "v" * 300]
NUMBERS = [0, 1, -1, 0.5, 2.25, 1e10, -1e-5, 123456789, "NaN", "Infinity", "-Infinity", "1e3", 5e-324]
RUN_FILTERS = [
    None, "", "metrics.loss > 0", "metrics.acc <= 1", "metrics.loss != 0.5", "metric.a = 1", "metrics.`dot.ted` >= 0 and metrics.loss < 1e9",
    "params.a = '1'", "params.b != 'x'", "param.a LIKE '%'", "params.a ILIKE 'X'", "params.`x/y` IS NULL", "params.a IS NOT NULL",
    "tags.a = 'x'", "tags.b LIKE '_'", "tag.a ilike 'x%'", "tags.a IS NULL", "status = 'RUNNING'", "attributes.status != 'FINISHED'",
    "attr.run_name LIKE 'run%'", "run_name = 'run 3'", "start_time > 1003", "end_time >= 1", "attributes.created <= 1010", "user_id = 'ada'",
    "run_id IN ('<run:0>', '<run:1>')", "run_id NOT IN ('<run:0>')", "run_id = '<run:2>'", "dataset.name = 'd1'", "dataset.digest LIKE 'g%'",
    "dataset.context = 'train'", "tags.mlflow.runName != 'run 1'", "AND metrics.loss > 0 AND",
]  # fmt: skip
BAD_FILTERS = [
    "   ", "metrics.loss >", "metrics.loss > 'x'", "params.a > 'x'", "params.a = 1", "foo.bar = 1", "nope = 'x'", "a = 'x' OR b = 'y'",
    "(metrics.loss > 1)", "metrics.loss LIKE 'x'", "run_id IN ()", "run_id IN (1)", "status IN ('RUNNING')", "metrics.loss IS NULL",
    "params.a = 'open", "metrics.loss > 1; metrics.acc > 1", "start_time > 'x'", "dataset.foo = 'x'", "tags.a > 'x'", "NOT params.a = 'x'",
]  # fmt: skip
RUN_ORDERS = [
    None, ["metrics.loss"], ["metrics.loss DESC"], ["params.a"], ["params.a DESC", "metrics.acc"], ["tags.a"], ["start_time ASC"],
    ["attributes.end_time DESC"], ["status", "start_time"], ["metrics.`dot.ted` asc"], ["metrics.loss UP"], ["foo"], [""], ["a, b"],
]  # fmt: skip


class Generator:
    """Draws the next call; remembers what exists on both sides by symbols such as <run:3>."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.seed = seed
        self.count = {"exp": 0, "run": 0, "lm": 0}
        self.models: list[str] = []
        self.clock = 1000
        self.actions = [
            (self.create_experiment, 3), (self.create_run, 8), (self.get_run, 10), (self.update_run, 4), (self.delete_run, 2),
            (self.restore_run, 2), (self.log_metric, 10), (self.log_param, 6), (self.set_tag, 6), (self.delete_tag, 3),
            (self.log_batch, 12), (self.history, 8), (self.history_interval, 3), (self.search_runs, 14), (self.experiment_get, 4),
            (self.experiment_change, 4), (self.experiment_tag, 4), (self.search_experiments, 5), (self.log_inputs, 4),
            (self.create_logged_model, 4), (self.logged_model, 7), (self.search_logged_models, 5), (self.outputs, 2),
            (self.create_model, 3), (self.create_version, 5), (self.model, 12), (self.search_models, 4), (self.search_versions, 4),
            (self.artifact, 6), (self.list_artifacts, 4),
        ]  # fmt: skip

    def one(self, items):
        return self.random.choice(items)

    def chance(self, probability):
        return self.random.random() < probability

    def ref(self, kind):
        if self.count[kind] == 0 or self.chance(0.04):
            return self.one({"exp": ["987654321", "abc", ""], "run": ["f" * 32, "nope", ""], "lm": ["m-nope"]}[kind])
        return f"<{kind}:{self.random.randrange(self.count[kind])}>"

    def key(self):
        return self.one(BAD_KEYS) if self.chance(0.07) else self.one(GOOD_KEYS)

    def next(self):
        if self.count["exp"] == 0:
            return self.create_experiment()
        if self.count["run"] < 3:
            return self.create_run()
        actions, weights = zip(*self.actions)
        return self.random.choices(actions, weights)[0]()

    def post(self, path, body, **more):
        return {"method": "POST", "path": f"{API}/{path}", "body": body, **more}

    def get(self, path, query, **more):
        return {"method": "GET", "path": f"{API}/{path}", "query": query, **more}

    def made(self, kind):
        """Called when both servers made one more of this kind."""
        symbol = f"{kind}:{self.count[kind]}"
        self.count[kind] += 1
        return symbol

    # experiments
    def create_experiment(self):
        name = f"diff {self.seed} {self.random.randrange(30)}"
        if self.chance(0.1):
            name = self.one(["", "  ", "x" * 501, 5])
        body = {"name": name}
        if self.chance(0.4):
            body["tags"] = [{"key": self.key(), "value": self.one(VALUES)}]
        return self.post("experiments/create", body, makes="exp", id=("experiment_id",))

    def experiment_get(self):
        if self.chance(0.3):
            return self.get("experiments/get-by-name", {"experiment_name": f"diff {self.seed} {self.random.randrange(30)}"})
        return self.get("experiments/get", {"experiment_id": self.ref("exp")})

    def experiment_change(self):
        what = self.one(["update", "delete", "restore", "restore"])
        body = {"experiment_id": self.ref("exp")}
        if what == "update":
            body["new_name"] = f"diff {self.seed} {self.random.randrange(30)}"
        return self.post(f"experiments/{what}", body)

    def experiment_tag(self):
        body = {"experiment_id": self.ref("exp"), "key": self.key()}
        if self.chance(0.3):
            return self.post("experiments/delete-experiment-tag", body)
        return self.post("experiments/set-experiment-tag", {**body, "value": self.one(VALUES)})

    def search_experiments(self):
        text = f"name LIKE 'diff {self.seed} %'"
        extra = self.one(["", " AND tags.a = 'x'", " AND tags.b IS NULL", " AND creation_time > 5", " AND name ILIKE 'DIFF%'", " AND tags.a != '1'"])
        bad = self.chance(0.2)
        if bad:
            text, extra = self.one(["name >", "name > 'a'", "foo = 'x'", "metrics.a > 1", "creation_time > 1.5", "experiment_id LIKE '1'"]), ""
        body = {"filter": text + extra, "max_results": self.one([1, 3, 100, 100, 0, 50001]), "order_by": self.one([["name"], ["name DESC"], ["experiment_id ASC"], ["tags.a"]])}
        body["view_type"] = self.one(["ACTIVE_ONLY", "DELETED_ONLY", "ALL"])
        return self.post("experiments/search", body, code_only=bad)

    # runs
    def create_run(self):
        self.clock += 1
        body = {"experiment_id": self.ref("exp"), "start_time": self.clock, "user_id": self.one(["", "ada"])}
        if self.chance(0.7):
            body["run_name"] = f"run {self.random.randrange(9)}"
        if self.chance(0.4):
            body["tags"] = [{"key": "a", "value": self.one(VALUES)}]
        if body["experiment_id"] == "":
            body["experiment_id"] = "abc"
        return self.post("runs/create", body, makes="run", id=("run", "info", "run_id"))

    def get_run(self):
        return self.get("runs/get", {"run_id": self.ref("run")})

    def update_run(self):
        body = {"run_id": self.ref("run")}
        if self.chance(0.6):
            body["status"] = self.one(["RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED", 3])
        if self.chance(0.5):
            body["end_time"] = self.one([0, 5000, 9000, "7000", "zz"])
        if self.chance(0.3):
            body["run_name"] = self.one(["", "run 3", "new"])
        return self.post("runs/update", body)

    def delete_run(self):
        return self.post("runs/delete", {"run_id": self.ref("run")})

    def restore_run(self):
        return self.post("runs/restore", {"run_id": self.ref("run")})

    def point(self):
        return {"key": self.key(), "value": self.one(NUMBERS), "timestamp": self.random.randrange(50), "step": self.random.randrange(-1, 6)}

    def log_metric(self):
        body = {"run_id": self.ref("run"), **self.point()}
        if self.chance(0.1):
            body[self.one(["value", "timestamp", "step"])] = self.one(["abc", None])
        if self.chance(0.05):
            body["timestamp"] = -1
        return self.post("runs/log-metric", body)

    def log_param(self):
        return self.post("runs/log-parameter", {"run_id": self.ref("run"), "key": self.key(), "value": self.one(VALUES)})

    def set_tag(self):
        key = self.one(["mlflow.runName", "mlflow.user"]) if self.chance(0.15) else self.key()
        return self.post("runs/set-tag", {"run_id": self.ref("run"), "key": key, "value": self.one(VALUES)})

    def delete_tag(self):
        return self.post("runs/delete-tag", {"run_id": self.ref("run"), "key": self.key()})

    def log_batch(self):
        some = lambda n: range(self.random.randrange(n))  # noqa: E731
        body = {
            "run_id": self.ref("run"),
            "metrics": [self.point() for _ in some(8)],
            "params": [{"key": self.key(), "value": self.one(VALUES)} for _ in some(3)],
            "tags": [{"key": self.key(), "value": self.one(VALUES)} for _ in some(3)],
        }
        if self.chance(0.05):
            body["metrics"] = [{"key": f"m{i}", "value": i, "timestamp": 1} for i in range(1001)]
        return self.post("runs/log-batch", body)

    def history(self):
        query = {"run_id": self.ref("run"), "metric_key": self.one(GOOD_KEYS[:4])}
        if query["run_id"] in ("f" * 32, "nope"):
            query["run_id"] = "<run:0>"  # an unknown run: {} or 404, depending on whether workspaces are on
        if self.chance(0.4):
            query["max_results"] = self.one([1, 2, 100, 0, -1])
        return self.get("metrics/get-history", query)

    def history_interval(self):
        query = {"run_ids": ["<run:0>", "<run:1>"], "metric_key": self.one(GOOD_KEYS[:4]), "max_results": self.one([1, 2, 3, 10, 2500, 0])}
        if self.chance(0.4):
            query.update(start_step=self.random.randrange(4), end_step=self.random.randrange(6))
        return self.get("metrics/get-history-bulk-interval", query)

    def search_runs(self):
        bad = self.chance(0.15)
        body = {"experiment_ids": [self.ref("exp"), self.ref("exp")], "filter": self.one(BAD_FILTERS if bad else RUN_FILTERS)}
        body = {k: v for k, v in body.items() if v is not None}
        if order := self.one(RUN_ORDERS):
            body["order_by"] = order
        body["run_view_type"] = self.one(["ACTIVE_ONLY", "ACTIVE_ONLY", "DELETED_ONLY", "ALL"])
        if self.chance(0.4):
            body["max_results"] = self.one([1, 2, 5, 0, 50001])
        return self.post("runs/search", body, code_only=bad)

    def log_inputs(self):
        dataset = {"name": self.one(["d1", "d2", "n" * 501]), "digest": self.one(["g1", "g2"]), "source_type": "local", "source": "s"}
        body = {"run_id": self.ref("run"), "datasets": [{"dataset": dataset, "tags": [{"key": "mlflow.data.context", "value": "train"}]}]}
        return self.post("runs/log-inputs", body)

    # logged models
    def create_logged_model(self):
        body = {"experiment_id": self.ref("exp"), "name": self.one([f"lm{self.random.randrange(9)}", "a/b", ""])}
        if self.chance(0.5):
            body.update(source_run_id="<run:0>", model_type="sklearn", params=[{"key": "lr", "value": self.one(VALUES)}], tags=[{"key": "t", "value": "1"}])
        return self.post("logged-models", body, makes="lm", id=("model", "info", "model_id"))

    def logged_model(self):
        model = self.ref("lm")
        path = f"{API}/logged-models/{model}"
        what = self.one(["get", "get", "status", "tags", "untag", "params", "delete", "files", "metric", "metric"])
        if what == "get":
            return {"method": "GET", "path": path, "query": self.one([{}, {"allow_deleted": "true"}])}
        if what == "status":
            return {"method": "PATCH", "path": path, "body": {"model_id": model, "status": self.one(["LOGGED_MODEL_READY", "LOGGED_MODEL_PENDING", 3])}}
        if what == "tags":
            return {"method": "PATCH", "path": f"{path}/tags", "body": {"tags": [{"key": self.one("abc"), "value": self.one(VALUES)}]}}
        if what == "untag":
            return {"method": "DELETE", "path": f"{path}/tags/{self.one('abc')}"}
        if what == "params":
            return {"method": "POST", "path": f"{path}/params", "body": {"model_id": model, "params": [{"key": self.one("pqr"), "value": "v"}]}}
        if what == "delete":
            return {"method": "DELETE", "path": path}
        if what == "files" or not model.startswith("<"):
            return {"method": "GET", "path": f"{path}/artifacts/directories", "query": {}}
        self.clock += 1
        body = {"run_id": "<run:0>", "key": "acc", "value": self.random.randrange(9) / 8, "timestamp": self.clock, "step": 1, "model_id": model}
        return self.post("runs/log-metric", body)

    def search_logged_models(self):
        text = self.one([None, "metrics.acc > 0.3", "params.lr != 'x'", "name LIKE 'lm%'", "status = 'READY'", "tags.t = '1'", "model_type = 'sklearn'", "metric.a > 1", "status = 'X'", "name > 'x'"])
        body = {"experiment_ids": [self.ref("exp")], "max_results": self.one([1, 5, 50])}
        if text:
            body["filter"] = text
        body["order_by"] = [{"field_name": self.one(["creation_timestamp", "metrics.acc", "params.x"]), "ascending": self.chance(0.5)}]
        return self.post("logged-models/search", body, code_only=True)

    def outputs(self):
        return self.post("runs/outputs", {"run_id": self.ref("run"), "models": [{"model_id": self.ref("lm"), "step": self.random.randrange(3)}]})

    # registry
    def name(self):
        return f"diff{self.seed}-{self.random.randrange(4)}"

    def create_model(self):
        body = {"name": self.one([self.name(), self.name(), self.name(), "a/b", " "])}
        if self.chance(0.4):
            body.update(description=self.one(VALUES), tags=[{"key": self.key(), "value": self.one(VALUES)}])
        return self.post("registered-models/create", body)

    def create_version(self):
        body = {"name": self.name(), "source": self.one(["s3://bucket/x", "s3://bucket/y", "dbfs:/z", "/etc/passwd", "s3://b/../x", "mlflow-artifacts:/9999999/x", f"models:/{self.name()}/1"])}
        if self.chance(0.3):
            body.update(run_id="<run:0>", description="d", tags=[{"key": "k", "value": self.one(VALUES)}])
        return self.post("model-versions/create", body)

    def model(self):
        name, version = self.name(), self.one(["1", "1", "2", "3", "99", "x"])
        body = {"name": name, "version": version}
        choice = self.random.randrange(17)
        if choice == 0:
            return {"method": "PATCH", "path": f"{API}/registered-models/update", "body": {"name": name, "description": self.one(VALUES)}}
        if choice == 1:
            return self.post("registered-models/rename", {"name": name, "new_name": self.name()})
        if choice == 2 and self.chance(0.4):
            return {"method": "DELETE", "path": f"{API}/registered-models/delete", "body": {"name": name}}
        if choice == 3:
            return self.post("registered-models/set-tag", {"name": name, "key": self.key(), "value": self.one(VALUES)})
        if choice == 4:
            return {"method": "DELETE", "path": f"{API}/registered-models/delete-tag", "body": {"name": name, "key": self.key()}}
        if choice == 5:
            return self.post("registered-models/alias", {**body, "alias": self.one(["champ", "other", "v1", "latest", "a b"])})
        if choice == 6:
            return {"method": "DELETE", "path": f"{API}/registered-models/alias", "body": {"name": name, "alias": self.one(["champ", "other"])}}
        if choice == 7:
            return self.get("registered-models/alias", {"name": name, "alias": self.one(["champ", "other", "latest", "none"])})
        if choice in (8, 9):
            stage = self.one(["None", "staging", "Production", "Archived", "Bogus"])
            return self.post("model-versions/transition-stage", {**body, "stage": stage, "archive_existing_versions": self.chance(0.4)})
        if choice == 10 and self.chance(0.5):
            return {"method": "DELETE", "path": f"{API}/model-versions/delete", "body": body}
        if choice == 11:
            return {"method": "PATCH", "path": f"{API}/model-versions/update", "body": {**body, "description": self.one(VALUES)}}
        if choice == 12:
            return self.post("model-versions/set-tag", {**body, "key": self.key(), "value": self.one(VALUES)})
        if choice == 13:
            return {"method": "DELETE", "path": f"{API}/model-versions/delete-tag", "body": {**body, "key": self.key()}}
        if choice == 14:
            return self.get("model-versions/get", body)
        if choice == 15:
            return self.get("model-versions/get-download-uri", body)
        return self.get("registered-models/get", {"name": name})

    def search_models(self):
        text = self.one(["", " AND tags.a = 'x'", " AND name != 'x'", " AND tags.b LIKE '%'", " AND name > 'a'", " AND tags.`mlflow.prompt.is_prompt` != 'true'"])
        query = {"filter": f"name LIKE 'diff{self.seed}-%'{text}", "order_by": self.one([["name"], ["name DESC"], ["timestamp"], ["foo"]])}
        query["max_results"] = self.one([1, 100, 1001])
        return self.get("registered-models/search", query)

    def search_versions(self):
        text = self.one(["", " AND version_number > 1", " AND source_path LIKE 's3%'", " AND run_id != 'x'", " AND tags.k = 'x'", " AND version_number LIKE 'x'"])
        query = {"filter": f"name LIKE 'diff{self.seed}-%'{text}", "order_by": self.one([["name", "version_number"], ["version_number DESC"], ["foo"]])}
        query["max_results"] = self.one([1, 2, 100, 0])
        return self.get("model-versions/search", query)

    # artifacts
    def artifact(self):
        if self.chance(0.15):
            trick = self.one(["../x", "%2e%2e/x", "a/..%2f..%2fx", "%252e%252e/x"])
            return {"method": "PUT", "path": f"/api/2.0/mlflow-artifacts/artifacts/{trick}", "raw": b"x"}
        name = self.one(["a.txt", "dir/b", "dir/sub/c", "d", "empty"])
        raw = b"" if name == "empty" else name.encode() * self.random.randrange(1, 50)
        return {"method": "PUT", "path": "<art:0>/" + name, "raw": raw}

    def list_artifacts(self):
        query = {"run_id": "<run:0>"}
        if self.chance(0.6):
            query["path"] = self.one(["dir", "dir/sub", "nothing", "..", "/etc", "a.txt"])
        return self.get("artifacts/list", query)
