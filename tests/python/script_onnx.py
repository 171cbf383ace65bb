"""Runs an ONNX file on the rows of a CSV file, as somebody would who has nothing of ours. Run by test_onnx.py with the Python of
the ONNX environment: script_onnx.py MODEL.onnx ROWS.csv; the inputs and outputs are one line of JSON on standard output."""

import csv
import datetime
import json
import sys

import numpy as np
import onnx
import onnxruntime

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
NO_TIME = np.iinfo(np.int64).min


def number(cell):
    return float(cell) if cell else float("nan")


def micros(cell):
    if not cell:
        return NO_TIME
    moment = datetime.datetime.fromisoformat(cell)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)
    return (moment - EPOCH) // datetime.timedelta(microseconds=1)


KINDS = {
    "tensor(double)": (number, np.float64),
    "tensor(int64)": (micros, np.int64),
    "tensor(string)": (str, object),
}


def main(model, table):
    onnx.checker.check_model(onnx.load(model), full_check=True)
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    feed = {}
    for wanted in session.get_inputs():
        read, element = KINDS[wanted.type]
        feed[wanted.name] = np.array([[read(row[wanted.name])] for row in rows], dtype=element)
    names = [output.name for output in session.get_outputs()]
    said = session.run(names, feed)
    first = session.run(names, {name: values[:1] for name, values in feed.items()})
    outputs = {name: values.tolist() for name, values in zip(names, said)}
    alone = {name: values.tolist() for name, values in zip(names, first)}
    print(json.dumps({"inputs": sorted(feed), "outputs": outputs, "first_row_alone": alone}))


main(*sys.argv[1:])
