"""Real processes: commands that end, commands that wait, and what they leave."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.process.children import Child


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_end(child: Child) -> None:
    deadline = time.monotonic() + 30
    while child.running:
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Waiting(Child):
    """A process that starts another one and waits for a signal; ``stubborn`` ones do not listen to it."""

    def __init__(self, log: Path, *, stubborn: bool = False) -> None:
        super().__init__("waiting", [], log)
        trap = "signal.signal(signal.SIGTERM, signal.SIG_IGN);" if stubborn else ""
        self._command = [
            "-c",
            f"import signal, subprocess, sys, time; {trap}"
            "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True);"
            "time.sleep(600)",
        ]

    def grandchild(self) -> int:
        """The pid of the process that it has started."""
        deadline = time.monotonic() + 30
        while not self.said().strip():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return int(self.said())


def test_its_output_is_kept(tmp_path: Path) -> None:
    child = Child("help", ["--help"], tmp_path / "logs" / "help.log").start()
    wait_end(child)
    assert child.code == 0
    assert "Usage: penstock" in child.said()


def test_an_early_end_is_told_with_the_last_words_of_this_run(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("words of an earlier run\n")
    child = Child("check", ["check", "--project", str(tmp_path / "nowhere")], log).start()
    wait_end(child)
    with pytest.raises(PenstockError, match="'penstock check' ended too early, with 2") as caught:
        child.check()
    assert caught.value.where == str(log)
    assert "there is no penstock.toml" in str(caught.value.hint)
    assert "earlier run" not in str(caught.value.hint)


def test_stop_ends_it_and_all_that_it_has_started(tmp_path: Path) -> None:
    with Waiting(tmp_path / "log") as child:
        grandchild = child.grandchild()
        child.check()
        assert child.running and child.code is None
    assert child.code == -signal.SIGTERM
    assert not alive(child.pid)
    assert ended(grandchild)


def test_kill_ends_it_and_all_that_it_has_started(tmp_path: Path) -> None:
    child = Waiting(tmp_path / "log", stubborn=True)
    child.start()
    grandchild = child.grandchild()
    child.kill()
    assert child.code == -signal.SIGKILL
    assert ended(grandchild)


def test_one_that_does_not_listen_is_killed_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.jobs.process.children.GRACE_S", 0.3)
    child = Waiting(tmp_path / "log", stubborn=True)
    child.start()
    child.grandchild()
    child.stop()
    assert child.code == -signal.SIGKILL


def test_stopping_twice_or_before_the_start_does_nothing(tmp_path: Path) -> None:
    child = Child("help", ["--help"], tmp_path / "log")
    child.stop()
    child.kill()
    child.start()
    child.stop()
    child.stop()
    assert not child.running


def ended(pid: int) -> bool:
    """It has no parent left to wait for it: gone, or on its way."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False
