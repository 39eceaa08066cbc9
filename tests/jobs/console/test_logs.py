from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from penstock.jobs.console.logs import about, configure, logger


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text")
    logger("infer").info("a dead letter", extra=about(topic="orders", partition=0, offset=12))
    assert capsys.readouterr().err == "a dead letter topic=orders partition=0 offset=12\n"


def test_a_line_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    logger("infer").warning('two\nlines, "%s"', "é", extra=about(topic="orders", partition=0, offset=12))
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "level": "warning",
        "logger": "penstock.infer",
        "message": 'two\nlines, "é"',
        "topic": "orders",
        "partition": 0,
        "offset": 12,
    }


def test_a_failure_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    try:
        raise ValueError("no")
    except ValueError:
        logger("writer").exception("it failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["error"].endswith("ValueError: no")


def test_libraries_are_heard_from_warnings_on(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text")
    logging.getLogger("feast").setLevel(logging.INFO)
    logging.getLogger("feast").info("nothing")
    logging.getLogger("feast").warning("something")
    logging.getLogger("kafka.net").error("nothing")
    assert capsys.readouterr().err == "something\n"
