"""Makes what the SHAP benchmark explains: a LightGBM model of 1,000 trees of depth 8 on 100 columns, and the rows to explain.

Writes model.txt, rows.f64 (row-major doubles) and shape.json into the folder named on the command line.
"""

import argparse
import json
import pathlib

import lightgbm
import numpy


def target(x, noise):
    """Every column matters, some of them together, so that the trees look at all of them."""
    weights = 1.0 / numpy.sqrt(1.0 + numpy.arange(x.shape[1]))
    y = numpy.sin(2 * x) @ weights
    y += 0.5 * (x[:, :-1:2] * x[:, 1::2]) @ weights[: x.shape[1] // 2]
    return y + noise


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--trees", type=int, default=1000)
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--train-rows", type=int, default=40_000)
    arguments = parser.parse_args()
    random = numpy.random.default_rng(7)
    x = random.standard_normal((arguments.train_rows, arguments.columns))
    y = target(x, 0.1 * random.standard_normal(arguments.train_rows))
    parameters = {
        "objective": "regression",
        "num_leaves": 2**arguments.depth,
        "max_depth": arguments.depth,
        "learning_rate": 0.03,
        "min_data_in_leaf": 10,
        "num_threads": 2,
        "max_bin": 63,
        "verbosity": -1,
        "seed": 7,
        "deterministic": True,
        "force_row_wise": True,
    }
    model = lightgbm.train(parameters, lightgbm.Dataset(x, y), arguments.trees)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    model.save_model(arguments.folder / "model.txt")
    random.standard_normal((arguments.rows, arguments.columns)).tofile(arguments.folder / "rows.f64")
    leaves = [tree["num_leaves"] for tree in model.dump_model()["tree_info"]]
    shape = {
        "trees": len(leaves),
        "depth": arguments.depth,
        "mean_leaves": float(numpy.mean(leaves)),
        "rows": arguments.rows,
        "columns": arguments.columns,
    }
    (arguments.folder / "shape.json").write_text(json.dumps(shape))
    print(shape)


if __name__ == "__main__":
    main()
