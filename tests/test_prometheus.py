"""The alert rules: they parse, and read metrics that the jobs have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

ROOT = Path(__file__).parents[1]
FILE = ROOT / "infra" / "prometheus" / "rules.yml"
RULES = [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]
#: The metrics of the table, with their labels.
TABLE = {
    name: set(re.findall(r"`([a-z]+)`", row.split("|")[3]))
    for row in (ROOT / "docs" / "operations.md").read_text().splitlines()
    if row.startswith("| `penstock_")
    for name in re.findall(r"`(penstock_\w+)`", row.split("|")[1])
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_reads_metrics_that_there_are(rule: dict[str, Any]) -> None:
    promql_parser.parse(rule["expr"])
    names = set(re.findall(r"penstock_\w+", rule["expr"]))
    assert names and names <= TABLE.keys(), names - TABLE.keys()
    for text in rule["annotations"].values():
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= set.intersection(*(TABLE[name] for name in names))


def test_the_rules_are_whole() -> None:
    assert {"alert", "expr", "labels", "annotations"} <= set.intersection(*(set(rule) for rule in RULES))
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
