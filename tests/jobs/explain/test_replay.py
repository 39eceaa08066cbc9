from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.features.span import Span
from penstock.features.vector import Values
from penstock.jobs.explain.replay import replay
from penstock.jobs.models.folder import LoadedModel, load_current, load_version
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.training.train import train
from tests.jobs.models.examples import COLUMNS, CUT, END, plan, rows, write_set


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    train(write_set(folder / "set.parquet", plan(), rows()), plan(), folder / "models", Span(0, CUT), Span(CUT, END))
    return folder / "models"


def served(models: Path, batch: int) -> list[dict[str, Any]]:
    """Predictions made together, as records."""
    return predicted(load_current(models, plan()), batch)


def predicted(model: LoadedModel, batch: int) -> list[dict[str, Any]]:
    columns = rows()
    vectors = [{name: columns[name][i] for name in COLUMNS} for i in range(batch)]
    values = model.predict({name: Values.of(type, [v[name] for v in vectors]) for name, type in COLUMNS.items()})
    own = {"model": "cost", "version": model.version, "fingerprint": model.fingerprint}
    return [{**own, "value": value, "vector": vector} for value, vector in zip(values.tolist(), vectors, strict=True)]


def test_one_alone_has_the_bits_of_one_among_many(models: Path) -> None:
    made = served(models, 200)
    assert all(replay(models, one).same for one in made)
    assert any(None in one["vector"].values() for one in made)


def test_what_the_kernel_said_lightgbm_says_again(models: Path) -> None:
    model = load_current(models, plan())
    assert "equal to LightGBM to the bit" in take_over(model)
    assert model.trees.runtime.startswith("kernel, ")
    made = predicted(model, 200)
    assert all(replay(models, one).same for one in made)
    assert load_version(models, "cost", model.version, model.fingerprint).trees.runtime == "LightGBM"


def test_one_bit_more_is_seen(models: Path) -> None:
    one = served(models, 1)[0]
    assert not replay(models, {**one, "value": one["value"] * (1 + 2**-52)}).same


def test_contributions_and_base_make_the_prediction(models: Path) -> None:
    one = served(models, 3)[2]
    found = replay(models, one)
    assert list(found.contributions) == list(COLUMNS)
    assert sum(found.contributions.values()) + found.base == pytest.approx(one["value"])
