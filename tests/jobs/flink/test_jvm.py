"""What a killed run leaves behind; the JVM itself is started by the tests of the stream."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from features.compilers.flink.config import JobSettings
from jobs.flink.jvm import SERVER, end_leftover


@contextmanager
def process(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that sleeps, with these words on its command line."""
    running = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", *words])
    try:
        deadline = time.monotonic() + 10
        while words[0].encode() not in Path(f"/proc/{running.pid}/cmdline").read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield running
    finally:
        running.kill()
        running.wait()


def log_file(settings: JobSettings) -> str:
    return f"-Dlog.file={settings.logs}/flink.log"


def test_the_jvm_of_a_killed_run_is_ended(tmp_path: Path) -> None:
    settings = JobSettings(tmp_path / "a job", 4711, 5_000)
    with process(SERVER, log_file(settings)) as left:
        assert end_leftover(settings) is True
        assert left.wait(10) != 0
    assert end_leftover(settings) is False


def test_other_processes_are_left_alone(tmp_path: Path) -> None:
    settings, other = (JobSettings(tmp_path / name, 4711, 5_000) for name in ("job", "job2"))
    with process(SERVER, log_file(other)) as neighbour, process("reader", log_file(settings)) as reader:
        assert end_leftover(settings) is False
        assert neighbour.poll() is None and reader.poll() is None
