"""Workspaces with an unchanged client: a workspace is a project, chosen by name, and nothing crosses from one to another."""

import harness
import pytest

pytestmark = pytest.mark.skipif(harness.oracle_run(), reason="the peer is started without workspaces")


@pytest.fixture
def team(wire, unique):
    """A second project of the organisation."""
    slug = unique("team")
    answer = wire.post("/api/v1/projects", {"name": f"Team {slug}", "slug": slug})
    assert answer.status == 201, answer
    return slug


@pytest.fixture
def in_workspace(tracking):
    """Enters a workspace for the time of a test."""
    yield tracking.set_workspace
    tracking.set_workspace(None)


def test_the_client_lists_and_finds_them(tracking, team):
    names = [w.name for w in tracking.list_workspaces()]
    assert team in names and names == sorted(names)
    assert tracking.get_workspace(team).description == f"Team {team}"
    assert tracking.get_workspace("default").name in names
    with pytest.raises(tracking.exceptions.RestException) as refused:
        tracking.get_workspace("no-such-team")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert "Workspace 'no-such-team' not found" in str(refused.value)


def test_the_client_hears_that_they_are_not_made_here(tracking, team):
    for attempt in (
        lambda: tracking.create_workspace("another-team"),
        lambda: tracking.update_workspace(team, description="x"),
        lambda: tracking.delete_workspace(team),
    ):
        with pytest.raises(tracking.exceptions.RestException) as refused:
            attempt()
        assert refused.value.error_code == "FEATURE_DISABLED"


def test_what_is_logged_in_one_is_not_in_another(tracking, team, in_workspace, unique):
    client = tracking.MlflowClient()
    in_workspace(team)
    experiment = client.get_experiment(client.create_experiment(unique("exp")))
    assert experiment.workspace == team
    run = client.create_run(experiment.experiment_id)
    client.log_text(run.info.run_id, "hello", "notes/a.txt")
    assert tracking.artifacts.load_text(f"{run.info.artifact_uri}/notes/a.txt") == "hello"
    assert client.get_experiment("0").name == "Default"
    in_workspace(None)
    for lookup in (
        lambda: client.get_run(run.info.run_id),
        lambda: client.get_experiment(experiment.experiment_id),
    ):
        with pytest.raises(tracking.exceptions.RestException) as refused:
            lookup()
        assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert client.get_experiment_by_name(experiment.name) is None
    assert client.search_runs([experiment.experiment_id]) == []


def test_an_unknown_one_is_refused_on_every_route(tracking, in_workspace):
    in_workspace("no-such-team")
    with pytest.raises(tracking.exceptions.RestException) as refused:
        tracking.MlflowClient().search_experiments()
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert "Workspace 'no-such-team' not found" in str(refused.value)


@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/mlflow/experiments/get?experiment_id=0",
        "/ajax-api/2.0/mlflow/registered-models/search",
        "/api/2.0/mlflow-artifacts/artifacts",
    ],
)
def test_the_header_is_read_as_mlflow_reads_it(wire, path):
    ask = lambda name: wire.request("GET", path, headers={"X-MLFLOW-WORKSPACE": name})
    for good in ("", "   ", "default", " default "):
        ask(good).ok()
    ask("nope").error(404, "RESOURCE_DOES_NOT_EXIST", "Workspace 'nope' not found")
    ask("api").error(400, "INVALID_PARAMETER_VALUE", "Workspace name 'api' is reserved and cannot be used.")
    ask("x").error(400, "INVALID_PARAMETER_VALUE", "Workspace name 'x' must be between 2 and 63 characters.")
    ask("Bad_Name").error(
        400,
        "INVALID_PARAMETER_VALUE",
        "Workspace name 'Bad_Name' must match the pattern ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$ "
        "(lowercase alphanumeric with optional internal hyphens).",
    )


def test_datasets_are_found_by_experiment(tracking, wire, unique):
    import pandas as pd

    client = tracking.MlflowClient()
    experiment = client.create_experiment(unique("exp"))
    data = tracking.data.from_pandas(pd.DataFrame({"x": [1.0, 2.0]}), name="toy")
    for _ in range(2):
        with tracking.start_run(experiment_id=experiment):
            tracking.log_input(data, context="train")
    for root in ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow"):
        found = wire.post(f"{root}/experiments/search-datasets", {"experiment_ids": [experiment]}).ok()
        summary = {"experiment_id": experiment, "name": "toy", "digest": data.digest, "context": "train"}
        assert found == {"dataset_summaries": [summary]}
