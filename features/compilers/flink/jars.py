"""Where the build puts the Java side, and what a JVM needs to run it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from penstock.features.errors import PenstockError

#: What ``make setup`` builds: in a clone links to Maven's folders, in a wheel the jars themselves.
_BUILT = Path(__file__).parents[3] / "jars"
TARGET = _BUILT / "operator"

#: Flink reaches into these packages, which Java 17 keeps closed unless told otherwise.
_OPENED = (
    "java.lang",
    "java.net",
    "java.nio",
    "java.time",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "sun.nio.ch",
)
ADD_OPENS = tuple(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED)


def operator_jar() -> Path:
    """Our own jar. Raises PenstockError when it was not built."""
    return _built(TARGET / "penstock-operator.jar")


def gateway_jar() -> Path:
    """What PyFlink's JVM is started with. Raises PenstockError when it was not built."""
    return _built(_BUILT / "gateway" / "penstock-gateway.jar")


def job_jars() -> list[Path]:
    """The jars a Flink job needs beside Flink itself: ours and the Kafka connector."""
    return [operator_jar(), *_all_in(TARGET / "lib")]


def harness_jars() -> list[Path]:
    """The jars that drive the operators without a cluster: ours, the connector, Flink's test harness, Flink itself."""
    return [*job_jars(), *_all_in(TARGET / "harness"), *_flink_jars()]


def _flink_jars() -> list[Path]:
    package = importlib.util.find_spec("pyflink")
    assert package is not None and package.origin is not None
    return sorted((Path(package.origin).parent / "lib").glob("flink-dist-*.jar"))


def _all_in(folder: Path) -> list[Path]:
    return sorted(_built(folder).glob("*.jar"))


def _built(path: Path) -> Path:
    if not path.exists():
        raise PenstockError("the Java side is not built", where=str(path), hint="run make setup")
    return path
