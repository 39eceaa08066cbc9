"""Where the build puts the Java side, and what a JVM needs to run it."""

from __future__ import annotations

from pathlib import Path

from features.errors import PenstockError

#: What ``make setup`` builds.
_BUILT = Path(__file__).parents[3] / "infra" / "jvm"
TARGET = _BUILT / "operator" / "target"

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
    return _built(_BUILT / "gateway" / "target" / "penstock-gateway.jar")


def job_jars() -> list[Path]:
    """The jars a Flink job needs beside Flink itself: ours and the Kafka connector."""
    return [operator_jar(), *_all_in(TARGET / "lib")]


def harness_jars() -> list[Path]:
    """The jars that drive the operators without a cluster: ours, Flink and Flink's test harness."""
    return [operator_jar(), *_all_in(TARGET / "harness")]


def _all_in(folder: Path) -> list[Path]:
    return sorted(_built(folder).glob("*.jar"))


def _built(path: Path) -> Path:
    if not path.exists():
        raise PenstockError("the Java side is not built", where=str(path), hint="run make setup")
    return path
