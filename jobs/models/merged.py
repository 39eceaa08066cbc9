"""Several LightGBM models of one number each as a single one of several numbers, to the bit.

LightGBM adds up the trees of each number by themselves, in their order. So the models' trees in turn are one model, as
LightGBM writes a model of several classes. A model with fewer trees goes on with trees that add zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest

import lightgbm as lgb

_ONE, _TREES, _END = "num_class=1\nnum_tree_per_iteration=1\n", "tree_sizes=", "end of trees"
_LISTS = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child")
_COUNTS = ("leaf_weight", "leaf_count", "internal_value", "internal_weight", "internal_count")
#: A tree of one leaf that adds zero.
_ZERO = "\n".join(
    [
        "num_leaves=1",
        "num_cat=0",
        *(f"{name}=" for name in _LISTS),
        "leaf_value=0",
        *(f"{name}=" for name in _COUNTS),
        "is_linear=0",
        "shrinkage=1",
    ]
)


def merged(boosters: Sequence[lgb.Booster]) -> lgb.Booster:
    """One model whose outputs are the answers of these, which have the same features and objective."""
    texts = [booster.model_to_string() for booster in boosters]
    rounds = zip_longest(*map(_trees, texts), fillvalue=_ZERO)
    blocks = [f"Tree={place}\n{tree}\n\n\n" for place, tree in enumerate(chain.from_iterable(rounds))]
    several = f"num_class={len(texts)}\nnum_tree_per_iteration={len(texts)}\n"
    head = texts[0].partition(_TREES)[0].replace(_ONE, several)
    sizes = " ".join(str(len(block.encode())) for block in blocks)
    return lgb.Booster(model_str=f"{head}{_TREES}{sizes}\n\n{''.join(blocks)}{_END}\n")


def _trees(text: str) -> list[str]:
    """The trees of a model's text, without their numbers."""
    blocks = text.partition(_TREES)[2].partition(_END)[0].split("Tree=")[1:]
    return [block.partition("\n")[2].rstrip("\n") for block in blocks]
