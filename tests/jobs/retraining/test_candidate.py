"""A candidate against the version that it would replace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.features.errors import UsageError
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.retraining.candidate import Candidate, candidate, keep
from penstock.jobs.training.train import train
from tests.jobs.models.examples import CUT, END, plan, rows, write_set

SPANS = Span(0, CUT), Span(CUT, END)


def served(folder: Path, of: ModelPlan, change: Any) -> tuple[LoadedModel, pa.Table]:
    """The current version of the examples, and the same rows with other labels."""
    file = write_set(folder / "set.parquet", of, rows())
    train(file, of, folder / "models", *SPANS, parameters={"num_iterations": 30})
    columns = rows()
    columns["label"] = [None if label is None else change(label) for label in columns["label"]]
    table = pq.read_table(write_set(folder / "now.parquet", of, columns), partitioning=None)
    return load_current(folder / "models", of), table


def competed(folder: Path, of: ModelPlan, change: Any, *, refit: bool) -> tuple[Candidate, LoadedModel]:
    current, table = served(folder, of, change)
    return candidate(of, table, folder / "now.parquet", current, SPANS, refit=refit), current


@pytest.mark.parametrize("refit", [False, True])
def test_labels_that_moved_make_a_candidate_better(tmp_path: Path, refit: bool) -> None:
    of = plan(training={"objective": "l2"})
    found, current = competed(tmp_path, of, lambda label: label + 30, refit=refit)
    assert found.better and found.comparison.first == current.version
    version = keep(of, current.models, found)
    assert load_current(current.models, of).version == current.version != version
    if refit:
        splits = [[line for line in model.split("\n") if line.startswith("threshold=")] for model in
                  (found.booster.model_to_string(), current.booster.model_to_string())]  # fmt: skip
        assert splits[0] == splits[1]


def test_a_candidate_of_the_same_labels_is_not_better(tmp_path: Path) -> None:
    found, _ = competed(tmp_path, plan(), lambda label: label, refit=False)
    assert not found.better and found.comparison.difference == pytest.approx(0, abs=0.05)
    assert found.comparison.rows == len(found.newest.t)


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    current, table = served(tmp_path, plan(), lambda label: label)
    spans = Span(0, 100), Span(100, END)
    with pytest.raises(UsageError, match="rows to train on"):
        candidate(plan(), table, tmp_path / "now.parquet", current, spans, refit=False)
    assert np.asarray(table["t"])[-1] == END - 1
