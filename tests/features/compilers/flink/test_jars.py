from __future__ import annotations

from pathlib import Path

import pytest

from penstock.features.compilers.flink import jars
from penstock.features.errors import PenstockError


def test_a_missing_build_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jars, "TARGET", tmp_path)
    with pytest.raises(PenstockError, match="not built") as caught:
        jars.job_jars()
    assert caught.value.hint == "run make setup"


def test_the_job_has_our_jar_and_the_connector() -> None:
    names = [path.name for path in jars.job_jars()]
    assert names[0] == "penstock-operator.jar"
    assert any(name.startswith("flink-sql-connector-kafka") for name in names)
