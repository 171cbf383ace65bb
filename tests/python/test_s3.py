"""Artifacts of unchanged clients when the files are in an S3 bucket: through the server, in parts, and by signed addresses."""

import hashlib
import os
import pathlib
import secrets

import pytest

import harness

pytestmark = pytest.mark.skipif(harness.oracle_run(), reason="about Rhiza's own storage")

MIB = 1 << 20


class OnS3(harness.Rhiza):
    def _environment(self):
        endpoint = os.environ.get("RHIZA_TEST_S3_ENDPOINT")
        assert endpoint, "RHIZA_TEST_S3_ENDPOINT is not set: run this through scripts/with-services.sh"
        return super()._environment() | {
            "RHIZA_STORAGE__S3_ENDPOINT": endpoint,
            "RHIZA_STORAGE__S3_PATH_STYLE": "true",
            "RHIZA_STORAGE__S3_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
            "RHIZA_STORAGE__S3_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
        }


@pytest.fixture(scope="module")
def on_s3(tmp_path_factory):
    database = harness.new_database_url()
    bucket = os.environ.get("RHIZA_TEST_S3_BUCKET", "rhiza-test")
    server = OnS3(tmp_path_factory.mktemp("s3"), os.environ["RHIZA_BIN"], database, f"s3://{bucket}/{secrets.token_hex(4)}")
    try:
        yield server.start()
    finally:
        server.stop()
        harness.drop_database(database)


@pytest.fixture
def client(on_s3, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", on_s3.url)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", on_s3.key)
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(on_s3.url)
    yield mlflow.MlflowClient(on_s3.url)
    mlflow.set_tracking_uri(before)


@pytest.fixture
def run_id(client):
    return client.create_run(client.create_experiment(f"s3-{secrets.token_hex(4)}")).info.run_id


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_folders_go_through_the_server(client, run_id, tmp_path):
    folder = tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("hello")
    (folder / "sub" / "empty.bin").write_bytes(b"")
    client.log_artifacts(run_id, str(folder))
    assert [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run_id)] == [("a.txt", False, 5), ("sub", True, None)]
    back = tmp_path / "back"
    back.mkdir()
    client.download_artifacts(run_id, "", str(back))
    assert (back / "a.txt").read_text() == "hello" and (back / "sub" / "empty.bin").read_bytes() == b""


def test_large_files_go_in_parts(client, run_id, tmp_path, monkeypatch):
    from mlflow.store.artifact import http_artifact_repo
    from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

    for name in ("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"):
        monkeypatch.setenv(name, "true")
    for what in ("UPLOAD", "DOWNLOAD"):
        monkeypatch.setenv(f"MLFLOW_MULTIPART_{what}_MINIMUM_FILE_SIZE", str(6 * MIB))
        monkeypatch.setenv(f"MLFLOW_MULTIPART_{what}_CHUNK_SIZE", str(5 * MIB))
    parts = []
    completed = HttpArtifactRepository.complete_multipart_upload

    def complete(self, local_file, upload_id, parts_=None, artifact_path=None, **kwargs):
        given = kwargs.pop("parts", parts_)
        parts.append(len(given))
        return completed(self, local_file, upload_id, given, artifact_path, **kwargs)

    monkeypatch.setattr(http_artifact_repo.HttpArtifactRepository, "complete_multipart_upload", complete)
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(17 * MIB))
    client.log_artifact(run_id, str(large), "weights")
    assert parts == [4], "the client did not upload in parts"
    listed = client.list_artifacts(run_id, "weights")
    assert [(f.path, f.file_size) for f in listed] == [("weights/large.bin", 17 * MIB)]
    back = tmp_path / "back"
    back.mkdir()
    path = client.download_artifacts(run_id, "weights/large.bin", str(back))
    assert digest(pathlib.Path(path)) == digest(large)


def test_an_upload_that_is_given_up_leaves_nothing(on_s3, client, run_id):
    wire = on_s3.wire()
    root = client.get_run(run_id).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    base = "/api/2.0/mlflow-artifacts/mpu"
    made = wire.post(f"{base}/create/{root}", {"path": "big.bin", "num_parts": 2}).ok()
    assert len(made["credentials"]) == 2 and made["upload_id"]
    wire.post(f"{base}/abort/{root}", {"path": "big.bin", "upload_id": made["upload_id"]}).ok()
    assert client.list_artifacts(run_id) == []
    again = wire.post(f"{base}/complete/{root}", {"path": "big.bin", "upload_id": made["upload_id"], "parts": []})
    assert 400 <= again.status < 500, again
    wire.close()


def test_a_signed_address_gives_the_file_and_nothing_else(on_s3, client, run_id, tmp_path):
    import urllib.error
    import urllib.request

    (tmp_path / "x.txt").write_text("signed")
    client.log_artifact(run_id, str(tmp_path / "x.txt"))
    root = client.get_run(run_id).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    wire = on_s3.wire()
    signed = wire.get(f"/api/2.0/mlflow-artifacts/presigned/{root}/x.txt").ok()
    wire.close()
    request = urllib.request.Request(signed["url"], headers=signed.get("headers") or {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.read() == b"signed"
    assert "Signature" in signed["url"], "an address without a signature"
