"""Times that are hardly milliseconds are told, with what to write."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.jobs.cli import main

DEFINITIONS = """
from penstock import Stream, View, count
orders = Stream("orders", history="orders.parquet", time="ts", columns=dict(k="string"))
a = View("a", orders, key="k", features=dict(n=count().over("1h")))
b = View("b", orders, key="k", features=dict(n=count().over("2h")))
"""
DAY_2024 = 1_704_067_200


def backfilled(folder: Path, times: list[int], capsys: pytest.CaptureFixture[str], *options: str) -> str:
    (folder / "penstock.toml").write_text('project = "shop"\ndata = "."\n[kafka]\nbootstrap_servers = "local"\n')
    (folder / "definitions.py").write_text(DEFINITIONS)
    pq.write_table(pa.table({"ts": times, "k": ["a"] * len(times)}), folder / "orders.parquet")
    sys.argv = [
        "penstock",
        "backfill",
        "--project",
        str(folder),
        "--from",
        "2024-01-01",
        "--to",
        "2024-01-02",
        *options,
    ]
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("factor", "words"),
    [(1, "lie in January 1970"), (10**6, "lie beyond the year 2200"), (10**9, "lie beyond the year 2200")],
)
def test_most_times_of_a_source_in_another_unit_are_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], factor: int, words: str
) -> None:
    said = " ".join(backfilled(tmp_path, [DAY_2024 * factor] * 2 + [DAY_2024 * 1000], capsys).split())
    assert said.count(f"warning: 2 of 3 times of orders {words}") == 1
    assert "whole milliseconds since 1970" in said and 'write unit="' in said


def test_fewer_than_half_are_not_told_and_json_has_the_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "warning" not in backfilled(tmp_path, [DAY_2024, DAY_2024 * 1000], capsys)
    said = json.loads(backfilled(tmp_path, [DAY_2024], capsys, "--json"))
    assert "January 1970" in said["a"]["doubts"][0] and said["b"]["doubts"] == said["a"]["doubts"]
