"""Definition files as a user writes them, and the error that a wrong one gives."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from penstock.features.errors import DefinitionError

HEAD = """from penstock import *
from penstock import Model, Stream, Table, View

orders = Stream("orders", topic="orders", history="orders/*.parquet", time="ts", id="order_id", columns=dict(
    order_id="string", customer="string", shop="int64", amount="float64", paid="bool", pieces="int64",
    due="timestamp", cents=column("float64", places=2)))
returns = Stream("returns", topic="returns", time="ts", id="order_id", columns=dict(
    order_id="string", customer="string", refund="float64", reason="string"))
weather = Table("weather", topic="weather", time="ts", key="city", columns=dict(city="string", rain="float64"))
shops = Table("shops", history="shops.parquet", key="shop", columns=dict(shop="int64", size="int64", city="string"))
by_customer = View("by_customer", orders, key="customer", features=dict(
    orders=count().over("1h", "1d"), amount=mean(orders.amount).over("1h")))
"""


def run(folder: Path, text: str) -> dict[str, Any]:
    """What a definitions file of HEAD and ``text`` makes, by name."""
    file = folder / "definitions.py"
    file.write_text(HEAD + text)
    return runpy.run_path(str(file))


def refused(folder: Path, text: str) -> DefinitionError:
    """The error of a definitions file whose wrong statement begins in the line that ends with ``# here``; in the last
    line unless one does. The error must name that line.
    """
    with pytest.raises(DefinitionError) as raised:
        run(folder, text)
    lines = (HEAD + text.rstrip("\n")).splitlines()
    marked = [number for number, line in enumerate(lines, 1) if line.endswith("# here")]
    assert raised.value.where == f"{folder / 'definitions.py'}:{marked[0] if marked else len(lines)}"
    return raised.value
