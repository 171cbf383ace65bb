"""script_v2.py with an unchanged MLflow 2 client, which has an environment of its own, and Basic authentication."""

import json
import os
import re
import subprocess

import pytest

import harness

SCRIPT = harness.HERE / "script_v2.py"
STEPS = re.findall(r"^@step\ndef (\w+)\(", SCRIPT.read_text("utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def results(server):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_TRACKING_")}
    environment["MLFLOW_TRACKING_URI"] = server.url
    if server.key:
        environment["MLFLOW_TRACKING_USERNAME"] = "anyone"
        environment["MLFLOW_TRACKING_PASSWORD"] = server.key
    done = subprocess.run(
        [harness.VENV_V2 / "bin" / "python", str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=300
    )
    found = {}
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            result = json.loads(line.removeprefix("RESULT "))
            found[result["step"]] = result["error"]
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return found


def test_there_are_steps():
    assert len(STEPS) >= 10


@pytest.mark.parametrize("step", STEPS)
def test_step(results, step):
    assert step in results, "the script did not reach this step"
    assert results[step] is None, results[step]
