"""`rhiza automl --onnx`: what ONNX Runtime makes of the file is what `rhiza predict` says, for every family and kind of column."""

import datetime
import json
import os
import pathlib
import random
import subprocess

import pytest

import harness

DATA = harness.HERE.parents[1] / "fixtures" / "data"
SCRIPT = harness.HERE / "script_onnx.py"
PYTHON = harness.CACHE / "venv-onnx" / "bin" / "python"
# Of 1, or of the size of the number where that is more.
AGREEMENT = 1e-5
FAMILIES = {
    "linear": "linear", "boost": "boosted trees", "forest": "random forest", "extra_trees": "extra trees",
    "kernel": "kernel", "neighbours": "neighbours", "network": "network",
}
TARGETS = {"number": "regression", "answer": "binary", "class": "multiclass"}


@pytest.fixture(scope="module")
def binary():
    if harness.oracle_run() or os.environ.get("RHIZA_URL"):
        pytest.skip("needs the binary")
    return os.environ["RHIZA_BIN"]


def run(*command, fails=False):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)
    assert (done.returncode != 0) == fails, f"{command}: {done.stderr}"
    return done


def search(binary, folder, data, target, *options, fails=False):
    """The two files of a model, and what the command said."""
    own, onnx = folder / "model.rhiza", folder / "model.onnx"
    done = run(
        binary, "automl", data, "--target", target, "--time", 280, "--seed", 3, "--json", "--out", own, "--onnx", onnx,
        *options, fails=fails,
    )
    return own, onnx, done


def agree(binary, own, onnx, rows):
    """Both runtimes on the same rows; the names of the file's inputs and outputs."""
    ours = json.loads(run(binary, "predict", own, rows, "--json").stdout)
    theirs = json.loads(run(PYTHON, SCRIPT, onnx, rows).stdout)
    outputs = theirs["outputs"]
    *labels, numbers = outputs.values()
    expected = ours["probabilities"] or [[number] for number in ours["predictions"]]
    assert len(numbers) == len(expected)
    for row, (there, here) in enumerate(zip(numbers, expected)):
        assert len(there) == len(here)
        for a, b in zip(there, here):
            assert abs(a - b) <= AGREEMENT * max(1.0, abs(b)), f"row {row}: {there} {here}"
        if labels:
            best = sorted(here)[-2:]
            # Classes that are equally probable may be told apart by the last digit.
            assert labels[0][row] == ours["predictions"][row] or best[1] - best[0] < AGREEMENT, f"row {row}"
    # One row alone is one row of many.
    *_, alone = theirs["first_row_alone"].values()
    assert all(abs(a - b) < 1e-6 * max(1.0, abs(b)) for a, b in zip(alone[0], numbers[0]))
    return theirs["inputs"], list(outputs)


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("breast_cancer", ["label", "probabilities"]),
        ("iris", ["label", "probabilities"]),
        ("wine", ["label", "probabilities"]),
        ("diabetes", ["prediction"]),
    ],
)
def test_blends_of_known_tables(binary, tmp_path, name, outputs):
    data = DATA / f"{name}.csv"
    own, onnx, _ = search(binary, tmp_path, data, "target", "--trials", 12)
    assert agree(binary, own, onnx, data)[1] == outputs


@pytest.mark.parametrize("metric", ["mae", "pinball@0.9"])
def test_medians_and_quantiles(binary, tmp_path, metric):
    data = DATA / "diabetes.csv"
    own, onnx, _ = search(binary, tmp_path, data, "target", "--trials", 4, "--metric", metric)
    agree(binary, own, onnx, data)


def mixed(path: pathlib.Path, rows: int, new: bool):
    """Numbers, words, truths and points in time, with gaps; `new` rows hold what training rows did not."""
    draw = random.Random(7 + new)
    start = datetime.datetime(1800 if new else 1968, 2, 20, tzinfo=datetime.timezone.utc)
    years = 400 if new else 90
    lines = ["x,wide,few,city,colour,label,open,at,day,number,answer,class"]
    for _ in range(rows):
        x, wide, few, city = draw.gauss(0, 1), draw.expovariate(1), draw.randrange(5), min(59, int(draw.expovariate(0.08)))
        colour, label, opened = draw.choice(["red", "blue", "grün, hell"]), draw.choice("ab"), draw.random() < 0.4
        at = start + datetime.timedelta(seconds=draw.randrange(years * 365 * 86_400))
        day = datetime.date(2019, 12, 15) + datetime.timedelta(days=draw.randrange(900))
        score = x + 0.02 * city + (colour == "red") + 0.7 * opened + 0.3 * wide * (label == "a") + (day.month == 2)
        score += abs(at.hour - 12) / 12 + draw.gauss(0, 0.3)
        cells = {
            "x": (f"{x:.6g}", 0.12), "wide": (f"{wide:.5g}", 0.05), "few": (str(few), 0), "city": (f"city {city}", 0.02),
            "colour": (f'"{colour}"', 0.05), "label": (label, 0.05), "open": ("yes" if opened else "no", 0.1),
            "at": (at.strftime("%Y-%m-%dT%H:%M:%SZ"), 0.08), "day": (day.isoformat(), 0),
        }
        if new:
            strange = {"wide": draw.choice(["1e9", "-1e7", "inf", "-inf"]), "city": "nowhere", "colour": "violet"}
            cells |= {name: (cell, 0) for name, cell in strange.items() if draw.random() < 0.12}
        words = ["" if draw.random() < gap else cell for cell, gap in cells.values()]
        words += [f"{1000 + 50 * score:.6g}", "high" if score > 2 else "low", "abc"[(score > 1.3) + (score > 2.4)]]
        lines.append(",".join(words))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    mixed(folder / "train.csv", 400, new=False)
    mixed(folder / "rows.csv", 200, new=True)
    return folder / "train.csv", folder / "rows.csv"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_and_kind_of_column(binary, tmp_path, tables, family, target):
    train, rows = tables
    ignored = [word for other in TARGETS if other != target for word in ("--ignore", other)]
    own, onnx, done = search(
        binary, tmp_path, train, target, "--family", family, "--trials", 4, "--folds", 3, *ignored
    )
    leaderboard = json.loads(done.stdout)["leaderboard"]
    assert FAMILIES[family] in {line["family"] for line in leaderboard if line["weight"] > 0}, leaderboard
    inputs, outputs = agree(binary, own, onnx, rows)
    assert inputs == sorted(["x", "wide", "few", "city", "colour", "label", "open", "at", "day"])
    # A column is called as the labels would be.
    assert outputs == (["prediction"] if target == "number" else ["label_", "probabilities"])


def test_a_column_of_text_is_named(binary, tmp_path):
    draw = random.Random(1)
    words = ["quick", "brown", "fox", "jumps", "over", "lazy", "dog", "again"]
    lines = ["note,x,y"]
    for row in range(200):
        note = " ".join(draw.choice(words) for _ in range(6))
        lines.append(f"{note} {row},{draw.gauss(0, 1):.4f},{'yes' if 'fox' in note else 'no'}")
    data = tmp_path / "notes.csv"
    data.write_text("\n".join(lines) + "\n")
    own, onnx, done = search(binary, tmp_path, data, "y", "--trials", 3, fails=True)
    assert '"note" is text' in done.stderr
    assert own.is_file() and not onnx.exists()
    own, onnx, _ = search(binary, tmp_path, data, "y", "--trials", 3, "--ignore", "note")
    assert agree(binary, own, onnx, data)[0] == ["x"]
