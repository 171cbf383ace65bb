"""A small run that takes a few seconds, for the console to follow live: `train.py EXPERIMENT STEPS`."""

import sys
import time

import mlflow


class Doubler(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[float]) -> list[float]:
        return [2 * x for x in model_input]


experiment, steps = sys.argv[1], int(sys.argv[2])
mlflow.set_experiment(experiment)
with mlflow.start_run(run_name="live") as run:
    print(run.info.run_id, flush=True)
    mlflow.log_params({"depth": 3, "model": "doubler"})
    for step in range(steps):
        mlflow.log_metric("loss", 1 / (1 + step), step=step)
        time.sleep(0.25)
    mlflow.log_text("a,b\n1,2\n", "table.csv")
    mlflow.log_text("# Report\n\nIt *learned*.", "report.md")
    mlflow.log_dict({"classes": [0, 1]}, "config.json")
    mlflow.pyfunc.log_model(name="model", python_model=Doubler())
