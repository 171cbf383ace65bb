"""TreeSHAP beside `shap` and `fasttreeshap`: the same LightGBM model, the same rows, one thread each, in the same run.

For each repeat the three take their turns, each in a process of its own; the best of each counts. Times are those the thread had the
processor for, which on a machine that others use too is what can be compared. `shap` hands LightGBM models to LightGBM's own
`pred_contrib` (with num_threads=1), so that is what is timed; its time grows with the number of rows, so that --peer-rows may be
fewer than all, and the time is scaled up. `fasttreeshap` takes a second or so of preparation, which is counted apart.

Prints a Markdown table, and how far the values are apart.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

SHAP = """
import sys, json, time, lightgbm, numpy
folder, rows, columns, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
x = numpy.fromfile(folder + "/rows.f64").reshape(-1, columns)[:rows]
model = lightgbm.Booster(model_file=folder + "/model.txt")
begun = time.process_time()
values = model.predict(x, pred_contrib=True, num_threads=1)
seconds = time.process_time() - begun
numpy.ascontiguousarray(values[:, :-1]).tofile(out)
print(json.dumps({"seconds": seconds, "prepare": 0.0, "version": lightgbm.__version__}))
"""

SHAP_ITSELF = """
import sys, json, numpy, lightgbm, shap
folder, rows, columns, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
x = numpy.fromfile(folder + "/rows.f64").reshape(-1, columns)[:rows]
model = lightgbm.Booster(model_file=folder + "/model.txt")
numpy.ascontiguousarray(shap.TreeExplainer(model).shap_values(x)).tofile(out)
print(json.dumps({"version": shap.__version__}))
"""

FAST = """
import sys, json, time, warnings
warnings.simplefilter("ignore")
import lightgbm, numpy, fasttreeshap
folder, rows, columns, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
x = numpy.fromfile(folder + "/rows.f64").reshape(-1, columns)[:rows]
model = lightgbm.Booster(model_file=folder + "/model.txt")
begun = time.process_time()
explainer = fasttreeshap.TreeExplainer(model, algorithm="v2", n_jobs=1, shortcut=False)
prepare = time.process_time() - begun
begun = time.process_time()
values = explainer.shap_values(x, check_additivity=False)
seconds = time.process_time() - begun
numpy.ascontiguousarray(values).tofile(out)
print(json.dumps({"seconds": seconds, "prepare": prepare, "version": fasttreeshap.__version__}))
"""


def call(command):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True, help="the example `treeshap` of rhiza-explain, optimised")
    parser.add_argument("--python", default=sys.executable, help="a Python with lightgbm, shap and numpy")
    parser.add_argument("--fast-python", required=True, help="a Python with fasttreeshap (NumPy 1.21) and lightgbm")
    parser.add_argument("--folder", default="/tmp/rhiza-bench-shap", help="model and rows, made by train.py when missing")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer-rows", type=int, default=10_000)
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.folder)
    if not (folder / "shape.json").exists():
        subprocess.run([arguments.python, str(HERE / "train.py"), str(folder)], check=True)
    shape = json.loads((folder / "shape.json").read_text())
    rows, columns, few = shape["rows"], str(shape["columns"]), min(arguments.peer_rows, shape["rows"])
    outs = {name: str(folder / f"{name}.f64") for name in ("ours", "shap", "fast", "shap_itself")}
    tail = lambda name, count: [str(folder), str(count), columns, outs[name]]
    best = {}
    for repeat in range(arguments.repeats):
        model, data = str(folder / "model.txt"), str(folder / "rows.f64")
        ours = call([arguments.ours, model, data, columns, outs["ours"], "3"])
        found = {
            "ours": {"seconds": min(ours["seconds"]), "prepare": ours["prepare"], "rows": rows, "version": ""},
            "shap": {**call([arguments.python, "-c", SHAP, *tail("shap", few)]), "rows": few},
            "fast": {**call([arguments.fast_python, "-c", FAST, *tail("fast", few)]), "rows": few},
        }
        for name, result in found.items():
            result["scaled"] = result["seconds"] * rows / result["rows"]
            if name not in best or result["scaled"] < best[name]["scaled"]:
                best[name] = result
        print(f"repeat {repeat + 1}: " + ", ".join(f"{n} {r['scaled']:.2f} s" for n, r in found.items()), flush=True)
    itself = call([arguments.python, "-c", SHAP_ITSELF, *tail("shap_itself", min(few, 200))])
    report(shape, best, outs, itself["version"], arguments.python)


def report(shape, best, outs, version, python):
    print(f"\n{shape['trees']} trees, depth {shape['depth']}, {shape['mean_leaves']:.0f} leaves on average, ", end="")
    print(f"{shape['rows']} rows, {shape['columns']} columns, one thread, best of the repeats\n")
    print("| | prepare, s | explain, s | rows a second | times ours |")
    print("|---|---:|---:|---:|---:|")
    names = {
        "ours": "rhiza-explain",
        "fast": f"fasttreeshap {best['fast']['version']} (v2)",
        "shap": f"shap {version} = LightGBM {best['shap']['version']}",
    }
    for key, name in names.items():
        one = best[key]
        scaled = "" if one["rows"] == shape["rows"] else f" ({one['rows']} rows, scaled)"
        ratio = one["scaled"] / best["ours"]["scaled"]
        rate = shape["rows"] / one["scaled"]
        print(f"| {name} | {one['prepare']:.2f} | {one['scaled']:.2f}{scaled} | {rate:,.0f} | {ratio:.1f} |")
    code = """
import sys, numpy
a, b, columns = numpy.fromfile(sys.argv[1]), numpy.fromfile(sys.argv[2]), int(sys.argv[3])
a, b = a[: len(b)].reshape(-1, columns), b.reshape(-1, columns)
print("%.1e" % (abs(a - b).max(1) / abs(b).max(1)).max())
"""
    print()
    for key in ("shap", "fast", "shap_itself"):
        command = [python, "-c", code, outs["ours"], outs[key], str(shape["columns"])]
        apart = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        print(f"largest difference to {key}, in units of the row's largest value: {apart}")


if __name__ == "__main__":
    main()
