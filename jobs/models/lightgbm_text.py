"""A LightGBM text model as a file from anywhere: its parts, checked before LightGBM reads them.

LightGBM follows a tree's numbers wherever they lead: a damaged tree can end the process, or never end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.features.errors import UsageError

FIRST = b"tree\n"
_SIZES, _TREES_END, _END = "\ntree_sizes=", "end of trees\n", "\nend of parameters\n"
_CATEGORIES = "\npandas_categorical:"
#: A split's numbers: at each of a tree's inner nodes.
_OF_SPLITS = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_CATEGORICAL, _BITS = 1, 32

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LightGBMText:
    """``objective``: LightGBM's words; ``outputs``: numbers for each row; ``pandas_categories``: those of a DataFrame's
    category columns, in their order, None where the file has none; ``greatest_codes``: of each feature that some split
    takes for a category, the greatest code.
    """

    text: str
    names: tuple[str, ...]
    objective: str
    outputs: int
    trees: int
    pandas_categories: list[list[Any]] | None
    greatest_codes: dict[int, int]


def read_text(data: bytes, where: str) -> LightGBMText:
    """The parts of a model's file. Raises UsageError for one that is cut, or is not as LightGBM writes it."""
    try:
        text = data.decode()
        header, blocks = _blocks(text)
        names = tuple(header["feature_names"].split())
        greatest: dict[int, int] = {}
        for block in blocks:
            for feature, code in _check_tree(_fields(block), len(names)).items():
                greatest[feature] = max(code, greatest.get(feature, 0))
        categories = json.loads(text.rpartition(_CATEGORIES)[2] or "null") if _CATEGORIES in text else None
        outputs = int(header["num_tree_per_iteration"])
    except (KeyError, IndexError, ValueError, OverflowError) as error:
        raise damaged(where, str(error) if isinstance(error, _Damage) else None) from None
    return LightGBMText(text, names, header.get("objective", ""), outputs, len(blocks), categories, greatest)


def damaged(where: str, why: str | None) -> UsageError:
    """The error for such a file."""
    return UsageError(
        f"the LightGBM model is damaged{f': {why}' if why else ''}",
        where=where,
        allowed="a whole file, as Booster.save_model() writes it",
    )


class _Damage(ValueError):
    """What is wrong, in words."""


def _blocks(text: str) -> tuple[dict[str, str], list[str]]:
    """The header's fields, and the text of each tree."""
    head, _, rest = text.partition(_SIZES)
    sizes, _, body = rest.partition("\n")
    # a model that was made from a text has no parameters, and the last line tells that it is whole
    if _TREES_END not in body or not (_END in body or _CATEGORIES in body):
        raise _Damage("it ends before its end")
    blocks, place, raw = [], 0, body.lstrip("\n").encode()
    for number, size in enumerate(map(int, sizes.split())):
        block = raw[place : place + size].decode()
        if not block.startswith(f"Tree={number}\n"):
            raise _Damage(f"tree {number} is not where it should be")
        blocks.append(block)
        place += size
    if not blocks or not raw[place:].startswith(_TREES_END.encode()):
        raise _Damage("its trees are not as long as it says")
    return _fields(head), blocks


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value for name, _, value in pairs}


def _check_tree(fields: Mapping[str, str], features: int) -> dict[int, int]:
    """The greatest category of each feature that the tree asks for one. Raises ValueError for what is no tree."""
    leaves = int(fields["num_leaves"])
    values = np.array(fields["leaf_value"].split(), dtype=np.float64)
    if leaves < 1 or len(values) != leaves or not np.isfinite(values).all():
        raise _Damage("the leaves of a tree")
    linear = [float(word) for name in ("leaf_const", "leaf_coeff") for word in fields.get(name, "").split()]
    if not np.isfinite(linear).all():
        raise _Damage("the leaves of a tree")
    if leaves == 1:
        return {}
    split, kinds, left, right = (_ints(fields[name], leaves - 1) for name in _OF_SPLITS if name != "threshold")
    threshold = np.array(fields["threshold"].split(), dtype=np.float64)
    if len(threshold) != leaves - 1 or np.isnan(threshold).any() or split.min() < 0 or split.max() >= features:
        raise _Damage("the splits of a tree")
    _check_children(leaves, left, right)
    return _greatest(fields, split, threshold, (kinds & _CATEGORICAL) > 0)


def _ints(text: str, length: int) -> Ints:
    numbers = np.array(text.split(), dtype=np.int64)
    if len(numbers) != length:
        raise _Damage("the splits of a tree")
    return numbers


def _check_children(leaves: int, left: Ints, right: Ints) -> None:
    """Each node but the first, and each leaf (~number), has one parent, and a node stands after its parent."""
    children, parents = np.concatenate([left, right]), np.tile(np.arange(leaves - 1), 2)
    whole = np.array_equal(np.sort(children), np.concatenate([np.arange(-leaves, 0), np.arange(1, leaves - 1)]))
    if not whole or (children[children >= 0] <= parents[children >= 0]).any():
        raise _Damage("the nodes of a tree")


def _greatest(
    fields: Mapping[str, str], split: Ints, threshold: npt.NDArray[np.float64], categorical: npt.NDArray[np.bool_]
) -> dict[int, int]:
    if not categorical.any():
        return {}
    bounds = np.array(fields["cat_boundaries"].split(), dtype=np.int64)
    words = np.array(fields["cat_threshold"].split(), dtype=np.int64)
    if len(bounds) != int(fields["num_cat"]) + 1 or bounds[0] != 0 or (np.diff(bounds) < 1).any():
        raise _Damage("the categories of a tree")
    if (
        bounds[-1] != len(words)
        or (words < 0).any()
        or not np.isin(threshold[categorical], np.arange(len(bounds) - 1)).all()
    ):
        raise _Damage("the categories of a tree")
    greatest: dict[int, int] = {}
    for feature, place in zip(split[categorical].tolist(), threshold[categorical].astype(int).tolist(), strict=True):
        code = _greatest_bit(words[bounds[place] : bounds[place + 1]].tolist())
        greatest[feature] = max(code, greatest.get(feature, 0))
    return greatest


def _greatest_bit(words: Sequence[int]) -> int:
    set_bits = [_BITS * place + word.bit_length() - 1 for place, word in enumerate(words) if word]
    return max(set_bits, default=0)
