"""Fixtures of the client tests; see harness.py for how the server under test is chosen."""

import os
import pathlib
import secrets
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import harness  # noqa: E402

# A wrong answer must show at once, not after the client's minutes of patience.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING", "false")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server under test, one for the whole session."""
    running, finish = harness.start_server(tmp_path_factory.mktemp("server"))
    yield running
    finish()


@pytest.fixture
def wire(server):
    """A raw HTTP client with the credentials of the server under test."""
    client = server.wire()
    yield client
    client.close()


@pytest.fixture(scope="session")
def tracking(server):
    """The environment an unchanged MLflow client needs, set for this process."""
    os.environ["MLFLOW_TRACKING_URI"] = server.url
    if server.key:
        os.environ["MLFLOW_TRACKING_TOKEN"] = server.key
    import mlflow

    mlflow.set_tracking_uri(server.url)
    return mlflow


@pytest.fixture
def unique():
    """Makes names that no other test uses."""
    return lambda prefix="x": f"{prefix}-{secrets.token_hex(4)}"
