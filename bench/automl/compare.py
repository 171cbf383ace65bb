"""AutoML side by side: same sets, same folds, same seconds, two cores, one system at a time.

Sets: those of shared/data (UCI, as distributed with scikit-learn) and those of statsmodels with 200 rows or more.
Scores: ROC AUC for two classes, log loss for more, RMSE for numbers, each system told so.
Every line of the results file is one fold; a run that is broken off goes on where it was.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import pandas as pd
from sklearn import datasets, metrics
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
CACHE = pathlib.Path(os.environ.get("RHIZA_CACHE", pathlib.Path.home() / ".cache/rhiza"))
VENV = {"flaml": "venv-automl", "autogluon": "venv-autogluon", "h2o": "venv-h2o"}


def sets():
    import statsmodels.api as sm

    def bundled(name, classes=True):
        data = getattr(datasets, f"load_{name}")(as_frame=True)
        frame = data.frame.rename(columns={"target": "y"})
        if classes:
            frame["y"] = "c" + frame["y"].astype(str)
        return frame

    def example(name, target, classes=False, drop=()):
        frame = getattr(sm.datasets, name).load_pandas().data.rename(columns={target: "y"}).drop(columns=list(drop))
        if classes:
            frame["y"] = "c" + frame["y"].astype(int).astype(str)
        return frame

    yield "breast_cancer", "binary", bundled("breast_cancer")
    yield "diabetes", "regression", bundled("diabetes", False)
    yield "digits", "multiclass", bundled("digits")
    yield "iris", "multiclass", bundled("iris")
    yield "wine", "multiclass", bundled("wine")
    yield "anes96", "multiclass", example("anes96", "PID", True)
    fair = example("fair", "affairs")
    yield "fair", "binary", fair.assign(y=np.where(fair["y"] > 0, "c1", "c0"))
    yield "modechoice", "binary", example("modechoice", "choice", True, ["individual"])
    yield "randhie", "regression", example("randhie", "mdvis")
    yield "cancer", "regression", example("cancer", "cancer")
    yield "engel", "regression", example("engel", "foodexp")
    yield "grunfeld", "regression", example("grunfeld", "invest")


def folds(frame, task, splits, repeats):
    kind = RepeatedKFold if task == "regression" else RepeatedStratifiedKFold
    return kind(n_splits=splits, n_repeats=repeats, random_state=1).split(frame, frame["y"])


def run(system, task, train, test, seconds, seed, folder):
    out = folder / "out.csv"
    out.unlink(missing_ok=True)
    paths = [str(folder / "train.csv"), str(folder / "test.csv")]
    train.to_csv(paths[0], index=False)
    test.to_csv(paths[1], index=False)
    if system == "rhiza":
        metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}[task]
        command = [os.environ["RHIZA_AUTOML"], paths[0], "--target", "y", "--seconds", str(seconds), "--seed", str(seed)]
        command += ["--metric", metric, "--hold-out", "0", "--test", paths[1], "--predictions", str(out), "--quiet"]
    else:
        python = CACHE / VENV[system] / "bin/python"
        command = [str(python), str(HERE / "worker.py"), system, *paths, "y", task, str(seconds), str(seed), str(out)]
    environment = {**os.environ, "RAYON_NUM_THREADS": "2"}
    begun = time.time()
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds * 10 + 300, env=environment)
    if not out.exists():
        return None, time.time() - begun, (done.stderr or done.stdout)[-400:]
    return score(task, test["y"].to_numpy(), pd.read_csv(out)), time.time() - begun, None


def score(task, truth, said):
    """A loss: less is better for every task."""
    if task == "regression":
        return float(metrics.root_mean_squared_error(truth, said["prediction"]))
    classes = sorted(said.columns)
    p = said[classes].to_numpy()
    if task == "binary":
        return 1 - float(metrics.roc_auc_score(truth == classes[1], p[:, 1]))
    return float(metrics.log_loss(truth, p / p.sum(axis=1, keepdims=True), labels=classes))


def tables(results, systems):
    print("\n| set | task | folds | " + " | ".join(systems) + " |")
    print("|---|---|---|" + "---|" * len(systems))
    ranks = {system: [] for system in systems}
    behind = []
    by_set = {}
    for line in results:
        by_set.setdefault(line["set"], {}).setdefault(line["fold"], {})[line["system"]] = line
    for name, lines in by_set.items():
        whole = [fold for fold in lines.values() if all(fold.get(s, {}).get("loss") is not None for s in systems)]
        if not whole:
            continue
        losses = np.array([[fold[s]["loss"] for s in systems] for fold in whole])
        mean = losses.mean(axis=0)
        error = losses.std(axis=0, ddof=1) / math.sqrt(len(whole)) if len(whole) > 1 else np.zeros(len(systems))
        order = pd.Series(mean).rank().to_numpy()
        for system, rank in zip(systems, order):
            ranks[system].append(rank)
        cells = [f"{'**' if m == mean.min() else ''}{m:.5g}{'**' if m == mean.min() else ''} ± {e:.2g}" for m, e in zip(mean, error)]
        task = next(iter(whole[0].values()))["task"]
        print(f"| {name} | {task} | {len(whole)} | " + " | ".join(cells) + " |")
        if "rhiza" in systems:
            own, best = systems.index("rhiza"), int(mean.argmin())
            gap = losses[:, own] - losses[:, best]
            spread = gap.std(ddof=1) / math.sqrt(len(whole)) if len(whole) > 1 else 0
            # Of an AUC, two per cent of the AUC, not of what is missing to 1.
            allowed = 0.02 * (1 - mean[best] if task == "binary" else mean[best])
            if gap.mean() > max(allowed, spread, error[best]):
                behind.append(f"{name} ({gap.mean() / mean[best]:.1%})")
    print("| mean rank | | | " + " | ".join(f"{np.mean(ranks[s]):.2f}" if ranks[s] else "" for s in systems) + " |")
    print("\nLosses: 1 − ROC AUC, log loss, RMSE; mean over folds ± standard error. Behind the best by more than 2 % and more than")
    print("the standard error: " + (", ".join(behind) if behind else "none") + ".")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", default="rhiza,flaml")
    parser.add_argument("--sets", default="")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--most", type=int, default=1000, help="folds of a set")
    parser.add_argument("--results", default=str(CACHE / "automl-results.jsonl"))
    parser.add_argument("--again", default="", help="systems whose results are forgotten")
    options = parser.parse_args()
    systems = options.systems.split(",")
    path = pathlib.Path(options.results)
    results = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    results = [line for line in results if line["system"] not in options.again.split(",")]
    wanted = options.sets.split(",") if options.sets else None
    with tempfile.TemporaryDirectory() as folder, path.open("w") as log:
        for line in results:
            log.write(json.dumps(line) + "\n")
        for name, task, frame in sets():
            if wanted and name not in wanted:
                continue
            for fold, (train, test) in enumerate(folds(frame, task, options.splits, options.repeats)):
                if fold >= options.most:
                    break
                for system in systems:
                    key = {"set": name, "fold": fold, "system": system, "seconds": options.seconds}
                    if any(all(line.get(k) == v for k, v in key.items()) for line in results):
                        continue
                    loss, took, fault = run(
                        system, task, frame.iloc[train], frame.iloc[test], options.seconds, fold, pathlib.Path(folder)
                    )
                    line = {**key, "task": task, "loss": loss, "took": round(took, 1), "fault": fault}
                    results.append(line)
                    log.write(json.dumps(line) + "\n")
                    log.flush()
                    print(f"{name} {fold} {system}: {loss} in {took:.0f} s {fault or ''}", file=sys.stderr, flush=True)
    tables([line for line in results if line["seconds"] == options.seconds and (not wanted or line["set"] in wanted)], systems)


if __name__ == "__main__":
    main()
