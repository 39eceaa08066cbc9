"""What a killed run leaves behind; the JVM itself is started by the tests of the stream."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.features.compilers.flink.config import JobSettings
from penstock.jobs.streaming.jvm import SERVER, end_leftover


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


TALK = """
import sys, threading
from pathlib import Path
from pyflink.java_gateway import get_gateway
from penstock.features.compilers.flink.config import JobSettings
from penstock.jobs.streaming.jvm import FlinkJvm
from tests.jobs.doors import listening
import os

def talk(errors):
    try:
        for _ in range(300):
            get_gateway().jvm.java.util.ArrayList()  # garbage at once, which is told to the JVM, too
    except Exception as error:
        errors.append(error)

settings = JobSettings(Path(sys.argv[1]), 4711, 5_000)
settings.make_folders()
with FlinkJvm(settings) as jvm:
    get_gateway()
    opened = len(listening(jvm.pid)), len(listening(os.getpid()))
    jvm.close_door()
    closed = len(listening(jvm.pid)), len(listening(os.getpid()))
    errors = []
    threads = [threading.Thread(target=talk, args=(errors,)) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    print(opened, closed, errors)
"""


def test_behind_a_closed_door_all_threads_talk_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TALK, str(tmp_path)], capture_output=True, text=True, timeout=240
    )
    assert done.stdout.strip() == "(1, 1) (0, 0) []", done.stdout + done.stderr
