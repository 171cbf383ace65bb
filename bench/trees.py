"""Gradient boosting beside LightGBM: same data, same parameters, same threads, one after the other in the same run.

    python bench/trees.py TREES [--scale 0.1] [--repeat 3] [--threads 2] [--only NAME]

Ratios of processor time ("cpu") say more than those of time where the machine has other work; OpenMP threads that wait for one
another are counted as working, so compare them at one thread. TREES is the built example: cargo build --release -p rhiza-learn --example trees
Needs lightgbm, scikit-learn, numpy.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import lightgbm
import numpy as np
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error, roc_auc_score

THREADS = 2


def clocks():
    return np.array([time.perf_counter(), time.process_time()])


def higgs_like(rows, columns, seed):
    """Noisy non-linear signal in a dozen columns, the rest of no use."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns))
    x[:, 1::5] = np.exp(x[:, 1::5])
    x[:, 2::5] = np.round(x[:, 2::5] * 4)
    score = (
        x[:, 0] * x[:, 3]
        + np.sin(2 * x[:, 4])
        + np.log1p(x[:, 1])
        - 0.25 * x[:, 2]
        + (x[:, 5] > 0.5) * x[:, 8]
        + 0.5 * np.abs(x[:, 9])
    )
    return x, score, rng


def binary(rows, columns=50, seed=1):
    x, score, rng = higgs_like(rows, columns, seed)
    return x, (score + rng.logistic(size=rows) > np.median(score)).astype(float), []


def regression(rows, columns=50, seed=2):
    x, score, rng = higgs_like(rows, columns, seed)
    return x, 3 * score + rng.normal(size=rows), []


def with_missing(rows, columns=50, seed=3):
    x, y, _ = binary(rows, columns, seed)
    rng = np.random.default_rng(seed + 100)
    x[rng.random(x.shape) < 0.15] = np.nan
    return x, y, []


def multiclass(rows, columns=30, seed=4):
    x, score, rng = higgs_like(rows, columns, seed)
    noisy = score + rng.normal(size=rows)
    return x, np.digitize(noisy, np.quantile(noisy, [0.2, 0.4, 0.6, 0.8])).astype(float), []


def categories(rows, columns=20, seed=5):
    x, score, rng = higgs_like(rows, columns, seed)
    for j, levels in ((0, 3), (6, 40), (7, 200)):
        codes = np.minimum(rng.exponential(levels / 4, size=rows), levels - 1).astype(int)
        effect = rng.normal(size=levels)
        x[:, j] = codes
        score = score + effect[codes]
    return x, (score + rng.logistic(size=rows) > np.median(score)).astype(float), [0, 6, 7]


def counts(rows, columns=30, seed=6):
    x, score, rng = higgs_like(rows, columns, seed)
    return x, rng.poisson(np.exp(np.clip(0.3 * score, -3, 3))).astype(float), []


CASES = {
    # name: data, rows, loss, LightGBM's objective, parameters
    "binary 1M x 50, 31 leaves": (binary, 1_000_000, "logistic", "binary", dict(rounds=100, leaves=31)),
    "binary 1M x 50, 255 leaves": (binary, 1_000_000, "logistic", "binary", dict(rounds=100, leaves=255)),
    "regression 1M x 50, 31 leaves": (regression, 1_000_000, "squared", "regression", dict(rounds=100, leaves=31)),
    "missing 500k x 50, 63 leaves": (with_missing, 500_000, "logistic", "binary", dict(rounds=100, leaves=63)),
    "5 classes 200k x 30, 31 leaves": (multiclass, 200_000, "softmax", "multiclass", dict(rounds=100, leaves=31)),
    "categories 200k x 20, 31 leaves": (categories, 200_000, "logistic", "binary", dict(rounds=100, leaves=31)),
    "counts 200k x 30, 31 leaves": (counts, 200_000, "poisson", "poisson", dict(rounds=100, leaves=31)),
    "absolute 200k x 30, 31 leaves": (counts, 200_000, "absolute", "l1", dict(rounds=100, leaves=31)),
    "binary 10k x 30, 31 leaves": (lambda n: binary(n, 30), 10_000, "logistic", "binary", dict(rounds=200, leaves=31)),
    "bagging 500k x 50, 63 leaves": (
        binary, 500_000, "logistic", "binary", dict(rounds=100, leaves=63, bagging=0.5, share=0.5),
    ),
}


def score(loss, truth, raw):
    if loss == "logistic":
        p = 1 / (1 + np.exp(-raw))
        return {"log loss": log_loss(truth, p), "auc": roc_auc_score(truth, p)}
    if loss == "softmax":
        e = np.exp(raw - raw.max(axis=1, keepdims=True))
        return {"log loss": log_loss(truth, e / e.sum(axis=1, keepdims=True))}
    if loss == "poisson":
        return {"deviance": float(np.mean(np.exp(raw) - truth * raw))}
    if loss == "absolute":
        return {"mae": mean_absolute_error(truth, raw)}
    return {"rmse": mean_squared_error(truth, raw) ** 0.5}


def lightgbm_run(case, x, y, test_x, categorical):
    _, _, loss, objective, p = case
    params = {
        "objective": objective, "num_leaves": p["leaves"], "learning_rate": 0.1, "num_threads": THREADS,
        "verbosity": -1, "min_data_in_leaf": 20, "max_bin": 255, "seed": 1, "force_col_wise": False,
        "bagging_fraction": p.get("bagging", 1.0), "bagging_freq": 1 if "bagging" in p else 0,
        "feature_fraction": p.get("share", 1.0),
    }
    if objective == "multiclass":
        params["num_class"] = int(y.max()) + 1
    start = clocks()
    data = lightgbm.Dataset(x, y, categorical_feature=categorical or "auto", params=params).construct()
    bins = clocks() - start
    model = lightgbm.train(params, data, p["rounds"])
    train = clocks() - start
    start = time.perf_counter()
    raw = model.predict(test_x, raw_score=True, num_threads=THREADS)
    names = ("bin", "bin_cpu"), ("train", "train_cpu")
    times = {name: value for pair, values in zip(names, (bins, train)) for name, value in zip(pair, values)}
    return {**times, "predict": time.perf_counter() - start}, raw


def our_run(binary_path, folder, case, y, x_rows, test_rows, columns, categorical):
    _, _, loss, _, p = case
    settings = dict(
        train=folder / "train", truth=folder / "truth", test=folder / "test", out=folder / "out", rows=x_rows,
        test_rows=test_rows, columns=columns, loss=loss, threads=THREADS, **p,
    )
    if categorical:
        settings["categorical"] = ",".join(map(str, categorical))
    words = [binary_path, "boost", *(f"{k}={v}" for k, v in settings.items())]
    report = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    raw = np.fromfile(folder / "out")
    return report, raw.reshape(test_rows, -1).squeeze() if loss == "softmax" else raw


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("trees")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    global THREADS
    THREADS = options.threads
    for name, case in CASES.items():
        if options.only not in name:
            continue
        make, rows, loss, *_ = case
        rows = int(rows * options.scale)
        x, y, categorical = make(rows + max(rows // 4, 2000))
        test_x, test_y, x, y = x[rows:], y[rows:], x[:rows], y[:rows]
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            np.asfortranarray(x).T.tofile(folder / "train")
            np.asfortranarray(test_x).T.tofile(folder / "test")
            y.tofile(folder / "truth")
            theirs, ours = [], []
            for _ in range(options.repeat):
                times, their_raw = lightgbm_run(case, x, y, test_x, categorical)
                theirs.append(times)
                times, our_raw = our_run(options.trees, folder, case, y, rows, len(test_x), x.shape[1], categorical)
                ours.append(times)
        best = lambda runs, key: min(run[key] for run in runs)
        grow = lambda runs, of: min(run["train" + of] - run["bin" + of] for run in runs)
        ratio = lambda of: f"{best(theirs, 'train' + of) / best(ours, 'train' + of):.2f}, rounds alone {grow(theirs, of) / grow(ours, of):.2f}"
        print(f"{name} ({rows} rows)")
        print(f"  lightgbm bin {best(theirs, 'bin'):.2f} s, all {best(theirs, 'train'):.2f} s", score(loss, test_y, their_raw))
        print(f"  ours     bin {best(ours, 'bin'):.2f} s, all {best(ours, 'train'):.2f} s", score(loss, test_y, our_raw))
        print(
            f"  speed of ours over LightGBM's: all {ratio('')}; by processor time: all {ratio('_cpu')}"
            f" ({best(theirs, 'train_cpu'):.2f} s, {best(ours, 'train_cpu'):.2f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
