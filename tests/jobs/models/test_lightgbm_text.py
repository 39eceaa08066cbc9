"""Files of LightGBM: whole ones are read, and what is damaged never reaches LightGBM."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from penstock.features.errors import UsageError
from penstock.jobs.models.lightgbm_text import read_text
from tests.jobs.exchange.notebook import lightgbm_text
from tests.jobs.models.examples import COLUMNS, plan, rows, write_set


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = write_set(tmp_path_factory.mktemp("set") / "set.parquet", plan(), rows())
    return lightgbm_text(file, max_cat_to_onehot=1, num_iterations=5)


def test_its_parts_are_read(text: str) -> None:
    model = read_text(text.encode(), "model.txt")
    assert (model.names, model.objective, model.outputs, model.trees) == (tuple(COLUMNS), "regression", 1, 5)
    assert model.pandas_categories == [["a", "b", "c"]]
    assert model.greatest_codes.keys() == {list(COLUMNS).index("kind")}


def test_a_model_of_one_leaf_and_of_several_classes_is_read() -> None:
    numbers = np.random.default_rng(0)
    data = lgb.Dataset(numbers.normal(size=(500, 2)), numbers.integers(0, 3, 500))
    booster = lgb.train({"objective": "multiclass", "num_class": 3, "verbosity": -1}, data, 4)
    assert read_text(booster.model_to_string().encode(), "f").outputs == 3
    flat = lgb.train({"verbosity": -1}, lgb.Dataset(np.zeros((100, 1)), np.ones(100)), 2)
    assert read_text(flat.model_to_string().encode(), "f").greatest_codes == {}


def test_a_file_that_was_cut_anywhere_before_its_last_line_is_refused(text: str) -> None:
    end = text.index("end of parameters")
    for cut in range(5, end, 97):
        with pytest.raises(UsageError, match="is damaged") as raised:
            read_text(text[:cut].encode(), "model.txt")
        assert raised.value.where == "model.txt"


DAMAGE: dict[str, tuple[str, Any, str]] = {
    "a tree that has grown": (r"(leaf_value=)", r"\g<1>0", "tree 1 is not where it should be"),
    "a loop": (r"(left_child=)(\d)", r"\g<1>0", "nodes of a tree"),
    "a leaf twice": (r"-1 -2", r"-1 -1", "nodes of a tree"),
    "a feature that is none": (r"(split_feature=)\d", r"\g<1>9", "splits of a tree"),
    "a leaf that is no number": (
        r"(leaf_value=)-?[\d.]+",
        lambda match: match[1] + "nan".ljust(len(match[0]) - len(match[1])),
        "leaves of a tree",
    ),
    "no count of leaves": (r"num_leaves=", "num_leavez=", ""),
    "a count of leaves": (r"(num_leaves=)\d", r"\g<1>9", "of a tree"),
    "a place of categories": (r"(cat_boundaries=)0", r"\g<1>7", "categories of a tree"),
    "a byte that is no text": (r"Tree=1", "Tree=\udcff", ""),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_numbers_that_lead_nowhere_are_refused(text: str, name: str) -> None:
    pattern, replacement, words = DAMAGE[name]
    damaged = re.sub(pattern, replacement, text, count=1)
    assert damaged != text
    with pytest.raises(UsageError, match="is damaged") as raised:
        read_text(damaged.encode(errors="surrogateescape"), "model.txt")
    assert words in raised.value.what


def test_every_digit_of_the_first_tree_may_be_another_one(text: str, tmp_path: Path) -> None:
    """Either it is refused, or LightGBM reads it and answers."""
    start, end = text.index("left_child="), text.index("leaf_value=")
    row = np.zeros((1, len(COLUMNS)))
    for place in range(start, end, 3):
        if text[place].isdigit():
            changed = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
            try:
                read_text(changed.encode(), "f")
            except UsageError:
                continue
            assert lgb.Booster(model_str=changed).predict(row).shape == (1,)
