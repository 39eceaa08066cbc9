"""Models as a notebook makes them from a training set's Parquet, without Penstock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import onnx
import pandas as pd
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper

from tests.jobs.models.examples import COLUMNS, CUT


def frame(file: Path, texts: str = "category") -> pd.DataFrame:
    """The labelled rows of the first range; times as milliseconds, texts as categories or as they are."""
    table = pq.read_table(file).slice(0, CUT).to_pandas()
    table = table[table["label"].notna()]
    return table.astype({"placed": "int64", "kind": texts})


def lightgbm_text(file: Path, columns: list[str] | None = None, **parameters: Any) -> str:
    """A text model of these columns, all of them in their order unless said."""
    rows = frame(file)
    data = lgb.Dataset(rows[columns or list(COLUMNS)], rows["label"])
    return lgb.train({"verbosity": -1, "num_threads": 1, "num_iterations": 20, **parameters}, data).model_to_string()


def linear(
    weights: list[float],
    *,
    sigmoid: bool = False,
    softmax: bool = False,
    outputs: int = 1,
    type: int = TensorProto.FLOAT,
) -> bytes:
    """ONNX: the weighted sum of the features, as so many equal numbers; a null counts as zero."""
    dtype = np.float32 if type == TensorProto.FLOAT else np.float64
    factors = np.repeat(np.array(weights, dtype).reshape(-1, 1), outputs, axis=1)
    last = "Sigmoid" if sigmoid else "Softmax" if softmax else "Identity"
    nodes = [
        helper.make_node("IsNaN", ["x"], ["null"]),
        helper.make_node("Where", ["null", "zero", "x"], ["filled"]),
        helper.make_node("MatMul", ["filled", "w"], ["sum"]),
        helper.make_node(last, ["sum"], ["y"]),
    ]
    given = {"w": factors, "zero": np.zeros(1, dtype)}
    return onnx_file(nodes, len(weights), outputs, given, type)


def first_feature(function: str, features: int) -> bytes:
    """ONNX: a function such as ``Log`` of the first feature; a null stays NaN."""
    nodes = [
        helper.make_node("Slice", ["x", "from", "to", "axis"], ["first"]),
        helper.make_node(function, ["first"], ["y"]),
    ]
    given = {"from": np.array([0]), "to": np.array([1]), "axis": np.array([1])}
    return onnx_file(nodes, features, 1, given, TensorProto.FLOAT)


def looked_up(table: list[float], features: int) -> bytes:
    """ONNX: the table's number at the place that the first feature names; it fails for a place that is not there."""
    nodes = [
        helper.make_node("Slice", ["x", "from", "to", "axis"], ["first"]),
        helper.make_node("Cast", ["first"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "place"], ["y"]),
    ]
    bounds = {"from": np.array([0]), "to": np.array([1]), "axis": np.array([1])}
    return onnx_file(nodes, features, 1, {**bounds, "table": np.array(table, np.float32)}, TensorProto.FLOAT)


def onnx_file(nodes: list[Any], features: int, outputs: int, given: dict[str, Any], type: int) -> bytes:
    """A model from ``x`` (rows, features) to ``y`` (rows, outputs)."""
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", type, ["rows", features])],
        [helper.make_tensor_value_info("y", type, ["rows", outputs])],
        [numpy_helper.from_array(value, name) for name, value in given.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
