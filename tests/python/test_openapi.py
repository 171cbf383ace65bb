"""The OpenAPI document against the server that serves it: schemathesis makes requests of every operation, right and wrong
ones, and no answer may be a 500 or have a status that the document does not name."""

import os
import subprocess

import harness
import pytest

SCHEMATHESIS = harness.CACHE / "venv-fuzz" / "bin" / "schemathesis"
EXAMPLES = os.environ.get("RHIZA_FUZZ_EXAMPLES", "4")
# Enough operations that a document cut short cannot pass for a good one.
LEAST_OPERATIONS = 250
METHODS = {"get", "put", "post", "delete", "patch"}

# What would end the credential of the run itself, or never ends by itself (event streams); uploads and downloads in parts,
# because 501 is MLflow's own word for "in one piece, please", which its client waits for; and the second prefix of MLflow's
# operations, where the same handlers answer. One expression, because the fuzzer wants all its exclusions to hold at once.
SPARED = (
    "^(signOut|signOutEverywhere|deleteMe|leaveOrganization|switchOrganization|setPassword|deleteKey|rotateKey|.*Events"
    "|mlflow.*(Multipart|Presigned).*|mlflow.*(?<!Client))$"
)

pytestmark = pytest.mark.skipif(
    harness.oracle_run() or "RHIZA_URL" in os.environ, reason="it needs a Rhiza of its own, to leave in whatever state"
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    """A server nobody else uses: what is thrown at it deletes and renames whatever it hits."""
    unlimited = {f"RHIZA_LIMITS__{name}": "0" for name in ("ANONYMOUS", "SIGN_IN", "BAD_CREDENTIALS")}
    running, finish = harness.start_server(tmp_path_factory.mktemp("fuzzed"), unlimited)
    yield running
    finish()


def run(server, directory, headers, *selection):
    command = [SCHEMATHESIS, "run", f"{server.url}/api/openapi.json", "--no-color", "--warnings", "off"]
    command += ["--checks", "not_a_server_error,status_code_conformance", "--phases", "examples,coverage,fuzzing"]
    command += ["--max-examples", EXAMPLES, "--seed", "20", "--no-shrink", "--continue-on-failure"]
    command += ["--request-timeout", "30", "--exclude-operation-id-regex", SPARED]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    done = subprocess.run([*command, *selection], capture_output=True, text=True, cwd=directory, timeout=900)
    return done.returncode, done.stdout + done.stderr


def document(server):
    return server.wire().request("GET", "/api/openapi.json").ok()


def operations(server):
    return [o for item in document(server)["paths"].values() for method, o in item.items() if method in METHODS]


def test_every_operation_names_what_it_answers_to_a_bad_request(fuzzed):
    probes = {"/health", "/livez", "/readyz", "/version"}
    silent = [
        f"{method} {path}"
        for path, item in document(fuzzed)["paths"].items()
        for method, operation in item.items()
        if method in METHODS and path not in probes
        if not any(status.startswith("4") or status == "default" for status in operation["responses"])
    ]
    assert not silent


def test_the_document_holds_for_a_key_that_may_do_everything(fuzzed, tmp_path):
    code, output = run(fuzzed, tmp_path, {"Authorization": f"Bearer {fuzzed.key}"})
    assert code == 0, output[-12000:]
    assert len(operations(fuzzed)) >= LEAST_OPERATIONS
    assert fuzzed.wire().get("/api/v1/me").status == 200, "the key ended during the run, so it tested nothing"


def test_the_document_holds_for_a_stranger(fuzzed, tmp_path):
    code, output = run(fuzzed, tmp_path, {}, "--include-path-regex", "^/api/v1/|^/\\.well-known/")
    assert code == 0, output[-12000:]
