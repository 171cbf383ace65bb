"""The OpenAPI document against the server that serves it: schemathesis makes requests of every operation, right and wrong
ones, and no answer may be a 500 or have a status that the document does not name."""

import json
import os
import subprocess

import harness
import pytest

SCHEMATHESIS = harness.CACHE / "venv-fuzz" / "bin" / "schemathesis"
EXAMPLES = os.environ.get("RHIZA_FUZZ_EXAMPLES", "6")

# What would end the credential of the run itself, or never ends by itself (event streams).
SPARED = "^(signOut|signOutEverywhere|deleteMe|leaveOrganization|switchOrganization|setPassword|.*Events)$"

pytestmark = pytest.mark.skipif(harness.oracle_run(), reason="the document is Rhiza's own")


def run(server, tmp_path, headers, *selection):
    report = tmp_path / "report.json"
    command = [SCHEMATHESIS, "run", f"{server.url}/api/openapi.json", "--no-color", "--warnings", "off"]
    command += ["--checks", "not_a_server_error,status_code_conformance", "--phases", "examples,coverage,fuzzing"]
    command += ["--max-examples", EXAMPLES, "--seed", "20", "--no-shrink", "--continue-on-failure"]
    command += ["--request-timeout", "30", "--exclude-operation-id-regex", SPARED]
    command += ["--report", "json", "--report-json-path", str(report)]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    done = subprocess.run([*command, *selection], capture_output=True, text=True, cwd=tmp_path, timeout=900)
    output = done.stdout + done.stderr
    assert report.exists(), output[-4000:]
    return done.returncode, output, json.loads(report.read_text())


def operations(server):
    document = server.wire().request("GET", "/api/openapi.json").ok()
    methods = {"get", "put", "post", "delete", "patch"}
    return [o for item in document["paths"].values() for m, o in item.items() if m in methods]


def test_the_document_says_what_a_key_can_meet(server, tmp_path):
    """Every operation, with a key that may do everything. MLflow's second prefix answers by the same handlers."""
    # 501 is MLflow's own word for "upload in one piece instead", and its client waits for it.
    code, output, _ = run(
        server, tmp_path, {"Authorization": f"Bearer {server.key}"},
        "--exclude-path-regex", "^/ajax-api/|/mpu/|/presigned/",
    )
    assert code == 0, output[-12000:]
    assert len(operations(server)) > 100
    assert "Schema Error" not in output, output[-4000:]


def test_the_document_says_what_a_stranger_can_meet(server, tmp_path):
    code, output, _ = run(server, tmp_path, {}, "--include-path-regex", "^/api/v1/|^/\\.well-known/")
    assert code == 0, output[-12000:]
