"""Counts in a model's own bins: the same in stream and batch, and as fine as its trees."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

from penstock.features.span import Span
from penstock.features.vector import Values
from penstock.jobs.binning.bins import Bins, bins_of, count_all, label_bins, slices_of
from penstock.jobs.binning.blocks import HOUR_MS, ROWS, blocks_of
from penstock.jobs.binning.counting import Counting, label_counts, trained_of
from penstock.jobs.binning.statistics import Reference, null_share, unseen_share
from penstock.jobs.models.arrays import values_of
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.models.kernel.forest import CATEGORICAL, read_forest
from penstock.jobs.training.train import train
from tests.jobs.models.examples import CUT, END, plan, rows, write_set

#: The other features of a vector.
REST = {"n": 1, "gift": True, "placed": 5}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp("model")
    file = write_set(folder / "set.parquet", plan(), rows())
    train(file, plan(), folder / "models", Span(0, CUT), Span(CUT, END), parameters={"num_iterations": 20})
    return load_current(folder / "models", plan())


def test_the_trained_counts_are_those_of_the_trained_rows(model: LoadedModel) -> None:
    trained = trained_of(model.models, "cost", model.version)
    assert trained is not None
    table = rows()
    learned = [n for n in range(CUT) if table["label"][n] is not None]
    for feature in trained.features:
        column = Values.of(feature.type, [table[feature.name][n] for n in learned])
        assert feature.counts == tuple(feature.bins.count(column).tolist())
    assert sum(trained.label.counts) == len(learned)


def test_values_of_one_bin_are_the_same_to_the_model(model: LoadedModel) -> None:
    trained = trained_of(model.models, "cost", model.version)
    assert trained is not None
    (feature,) = (each for each in trained.features if each.name == "x")
    values = np.sort(np.random.default_rng(2).normal(size=400))
    places = feature.bins.places_of_numbers(values)
    others = {name: Values.of(type, [rows()[name][3]] * 400) for name, type in model.metadata.features}
    answers = model.predict({**others, "x": Values.of("float64", values.tolist())})
    for bin in np.unique(places):
        assert len(np.unique(answers[places == bin])) == 1
    assert len(np.unique(places)) > 20


def test_stream_and_batch_count_the_same(model: LoadedModel, tmp_path: Path) -> None:
    trained = trained_of(model.models, "cost", model.version)
    assert trained is not None
    table = rows(500)
    table["kind"][7:9] = ["never seen", "a"]
    vectors = [orjson.dumps({name: table[name][n] for name, _ in model.metadata.features}) for n in range(500)]
    counting = Counting(model.models, plan())
    parts = [counting.vectors(model.version, vectors[n : n + 33]) for n in range(0, 500, 33)]
    file = write_set(tmp_path / "set.parquet", plan(), table, (0, 500))
    read = pq.read_table(file, partitioning=None)
    bins = [feature.bins for feature in trained.features]
    batch = count_all(bins, {name: values_of(type, read[name]) for name, type in model.metadata.features})
    assert np.array_equal(np.sum(parts, axis=0), batch)
    kinds = batch[slices_of(bins)["kind"]]
    assert kinds[-2] == 1 and unseen_share(bins[2], kinds) == 1 / 500
    assert null_share(kinds) == sum(kind is None for kind in table["kind"]) / 500
    assert counting.vectors("20990101T000000Z-0123456789ab", vectors) is None


def test_a_threshold_beyond_all_numbers_is_no_edge(model: LoadedModel) -> None:
    forest = read_forest(model.read().decode())
    numeric = np.flatnonzero((forest.decision & CATEGORICAL) == 0)
    threshold = forest.threshold.copy()
    threshold[numeric[:3]] = [np.inf, 1e300, -1e300]
    found = bins_of(model.metadata.features, {}, dataclasses.replace(forest, threshold=threshold))
    edges = [edge for bins in found for edge in bins.edges]
    assert edges and np.abs(edges).max() < 1e300


def test_labels_have_bins_of_their_own() -> None:
    numbers = label_bins(np.arange(1000.0), ())
    counts = label_counts(plan(), numbers, [None, -5.0, 500, 2000.0])
    assert counts[0] == 1 and counts[-1] == 1 and counts[-2] == 1 and counts.sum() == 4
    classes = label_bins(np.array([0.0, 1.0]), ("false", "true"))
    of_classes = plan("bool", training={"objective": "multiclass"})
    assert label_counts(of_classes, classes, [1, 0, True, None]).tolist() == [1, 2, 0, 1]


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
def test_the_numbers_are_those_of_their_definitions(shift: float) -> None:
    chance = np.random.default_rng(1)
    then, now = chance.normal(size=20_000), chance.normal(shift, 1, 5_000)
    edges = np.linspace(-6, 8, 400)
    bins = Bins("x", "float64", tuple(edges.tolist()))
    reference = Reference(bins, bins.count(Values.of("float64", then.tolist())))
    counts = bins.count(Values.of("float64", now.tolist()))
    up_to = [np.searchsorted(np.sort(each), edges, "right") / len(each) for each in (then, now)]
    assert reference.ks(counts) == pytest.approx(np.abs(up_to[0] - up_to[1]).max(), abs=1e-12)
    quantiles = np.linspace(0, 1, 10_001)
    apart = np.mean(np.abs(np.quantile(then, quantiles) - np.quantile(now, quantiles)))
    assert reference.wasserstein(counts) == pytest.approx(apart, abs=0.02)
    psi = float(reference.psi(counts[None])[0])
    # of two normal distributions one apart by the shift, both divergences together are its square
    assert psi == pytest.approx(shift**2, abs=0.3 * shift**2 + 0.01)


def test_chance_alone_is_hardly_ever_above_its_bound() -> None:
    bins = Bins("x", "float64", tuple(np.linspace(-3, 3, 60).tolist()))
    chance = np.random.default_rng(7)
    draw = lambda n: bins.count(Values.of("float64", chance.normal(size=n).tolist()))  # noqa: E731
    reference = Reference(bins, draw(50_000))
    windows = np.stack([draw(200) for _ in range(3_000)])
    bound = reference.by_chance(np.array([200]))[0]
    assert reference.psi(windows).max() < bound < 4 * np.quantile(reference.psi(windows), 0.99)


def test_texts_have_no_order() -> None:
    bins = Bins("kind", "string", categories=("a", "b"))
    reference = Reference(bins, np.array([90, 10, 0, 0]))
    assert reference.ks(np.array([1, 1, 0, 0])) is None and reference.wasserstein(np.array([1, 1, 0, 0])) is None
    unseen, null, same = reference.psi(np.array([[0, 0, 100, 0], [0, 0, 0, 100], [90, 10, 0, 0]]))
    assert unseen == pytest.approx(null) and null > 5 and same < 1e-3


def test_blocks_are_as_short_as_can_be() -> None:
    rows_by_hour = np.array([ROWS, 1, ROWS - 2, 1, 5, 3 * ROWS, 7])
    hours = np.arange(7) * HOUR_MS
    found = blocks_of(hours, rows_by_hour)
    assert found.rows.tolist() == [ROWS, ROWS, 3 * ROWS + 5]
    assert found.from_ms.tolist() == [0, HOUR_MS, 4 * HOUR_MS]
    assert found.to_ms.tolist() == [HOUR_MS, 4 * HOUR_MS, 6 * HOUR_MS]
    counts = np.stack([rows_by_hour, np.zeros(7, np.int64)], axis=1)
    assert found.counts(counts)[:, 0].tolist() == found.rows.tolist()
    assert len(blocks_of(hours[:1], np.array([ROWS - 1]))) == 0


def test_a_version_of_a_part_is_where_its_part_is(tmp_path: Path) -> None:
    of = plan(training={"by": "kind"})
    columns = rows() | {"part": rows()["kind"]}
    file = write_set(tmp_path / "set.parquet", of, columns)
    models = tmp_path / "models"
    told = {"num_iterations": 5}
    report = train(file, of, models, Span(0, CUT), Span(CUT, END), parameters=told, part="a")
    counts = Counting(models, of).vectors(report.version, [orjson.dumps({"x": 1.0, "kind": "a"} | REST)])
    assert counts is not None and counts.sum() == len(of.vector)
