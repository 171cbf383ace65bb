"""The same random calls against the server under test and a real `mlflow server`: every answer must be the same.

RHIZA_DIFF_SEEDS="1 2 3" chooses the seeds, RHIZA_DIFF_STEPS the length. What cannot be compared, and why, is listed at
the head of differential.py.
"""

import json
import os
import urllib.parse

import pytest

import differential
import harness

SEEDS = [int(seed) for seed in os.environ.get("RHIZA_DIFF_SEEDS", "1 2 3").split()]
STEPS = int(os.environ.get("RHIZA_DIFF_STEPS", "300"))
SHOWN = int(os.environ.get("RHIZA_DIFF_SHOWN", "15"))


@pytest.fixture(scope="session")
def peer(tmp_path_factory):
    running = harness.Oracle(tmp_path_factory.mktemp("peer")).start()
    yield running
    running.stop()


def dig(body, path):
    for part in path:
        body = body[part]
    return body


def learn(step, answers, sides, generator):
    """Both made the same thing: give it one name."""
    symbol = generator.made(step["makes"])
    for side, answer in zip(sides, answers):
        made = dig(answer.body, step["id"])
        side.names[symbol] = made
        if step["makes"] == "exp":
            found = side.wire.get(f"{differential.API}/experiments/get", experiment_id=made).ok()["experiment"]
            side.locations[found["artifact_location"]] = symbol
        if symbol == "run:0":
            uri = answer.body["run"]["info"]["artifact_uri"]
            path = urllib.parse.urlsplit(uri).path.lstrip("/")
            side.names["art:0"] = f"/api/2.0/mlflow-artifacts/artifacts/{path}"


@pytest.mark.parametrize("seed", SEEDS)
def test_same_answers(server, peer, seed):
    # A run that follows another on the same server must not meet its names.
    generator = differential.Generator(seed)
    sides = [differential.Side(server.wire()), differential.Side(peer.wire())]
    found, statuses = [], {}
    for number in range(STEPS):
        step = generator.next()
        answers = [side.call(step) for side in sides]
        statuses[answers[1].status] = statuses.get(answers[1].status, 0) + 1
        if "makes" in step and all(answer.status == 200 for answer in answers):
            learn(step, answers, sides, generator)
        said = differential.difference(step, *answers, *sides)
        if said:
            request = {k: v for k, v in step.items() if k in ("method", "path", "query", "body")}
            found.append(
                f"step {number}: {json.dumps(request, ensure_ascii=False)[:1500]}\n"
                f"  {said}\n  ours:   {answers[0]!r}\n  theirs: {answers[1]!r}"
            )
            if answers[0].status >= 500 or len(found) >= SHOWN:
                break
    for side in sides:
        side.wire.close()
    assert not found, f"seed {seed}: {len(found)} differences\n" + "\n".join(found)
    # A sequence of errors only would prove nothing.
    assert statuses.get(200, 0) > STEPS / 3 and sum(n for s, n in statuses.items() if s >= 400) > STEPS / 30, statuses
