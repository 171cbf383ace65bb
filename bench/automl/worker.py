"""Trains one peer on one fold and writes its predictions. Run by compare.py in the peer's own environment.

worker.py SYSTEM TRAIN.csv TEST.csv TARGET TASK SECONDS SEED OUT.csv

TASK is binary, multiclass or regression; OUT.csv gets a column per class (named) or the column `prediction`.
"""

import os
import shutil
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "2"

import pandas as pd  # noqa: E402

METRIC = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


def flaml(train, test, target, task, seconds, seed):
    from flaml import AutoML

    model = AutoML()
    model.fit(
        train.drop(columns=target),
        train[target],
        task="regression" if task == "regression" else "classification",
        metric=METRIC[task],
        time_budget=seconds,
        n_jobs=2,
        seed=seed,
        verbose=0,
        log_file_name="",
    )
    features = test.drop(columns=target)
    if task == "regression":
        return pd.DataFrame({"prediction": model.predict(features)})
    return pd.DataFrame(model.predict_proba(features), columns=[str(c) for c in model.classes_])


def autogluon(train, test, target, task, seconds, seed):
    from autogluon.tabular import TabularPredictor

    path = tempfile.mkdtemp()
    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "root_mean_squared_error"}[task]
    try:
        predictor = TabularPredictor(label=target, problem_type=task, eval_metric=metric, path=path, verbosity=0)
        predictor.fit(train, time_limit=seconds, presets="medium_quality", num_cpus=2, num_gpus=0)
        features = test.drop(columns=target)
        if task == "regression":
            return pd.DataFrame({"prediction": predictor.predict(features).to_numpy()})
        said = predictor.predict_proba(features)
        return pd.DataFrame(said.to_numpy(), columns=[str(c) for c in said.columns])
    finally:
        shutil.rmtree(path, ignore_errors=True)


def h2o(train, test, target, task, seconds, seed):
    import h2o as engine
    from h2o.automl import H2OAutoML

    engine.init(nthreads=2, max_mem_size="4g", verbose=False, log_level="FATA", port=54330 + seed % 50 * 2)
    engine.no_progress()
    try:
        frame, new = engine.H2OFrame(train), engine.H2OFrame(test.drop(columns=target))
        if task != "regression":
            frame[target] = frame[target].asfactor()
        metric = {"binary": "AUC", "multiclass": "logloss", "regression": "RMSE"}[task]
        run = H2OAutoML(max_runtime_secs=int(seconds), seed=seed + 1, sort_metric=metric, stopping_metric=metric)
        run.train(y=target, training_frame=frame)
        said = run.leader.predict(new).as_data_frame()
        if task == "regression":
            return pd.DataFrame({"prediction": said["predict"]})
        classes = frame[target].levels()[0]
        out = said.drop(columns="predict")
        out.columns = classes
        return out
    finally:
        engine.cluster().shutdown()


def main():
    system, train, test, target, task, seconds, seed, out = sys.argv[1:]
    kinds = None if task == "regression" else {target: str}
    train, test = pd.read_csv(train, dtype=kinds), pd.read_csv(test, dtype=kinds)
    said = globals()[system](train, test, target, task, float(seconds), int(seed))
    said.to_csv(out, index=False)


if __name__ == "__main__":
    main()
