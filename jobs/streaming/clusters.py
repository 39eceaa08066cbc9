"""Where a project's job runs, as its configuration says."""

from __future__ import annotations

import threading
from collections.abc import Callable

from penstock.features.compilers.flink.config import JobSettings
from penstock.jobs.process.ports import free_port
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.job import Cluster
from penstock.jobs.streaming.mini_cluster import MiniCluster
from penstock.jobs.streaming.session.cluster import SessionCluster


def cluster_of(project: Project, stop: threading.Event, say: Callable[[str], None]) -> Cluster:
    """The cluster, not asked yet. ``say`` is told when it is away and when it is back; ``stop`` ends a wait for it."""
    stream, flink = project.config.stream, project.config.flink
    state = project.config.state / "stream"
    if flink.address is None or flink.storage is None:
        return MiniCluster(JobSettings(state, free_port(), stream.checkpoint_ms, stream.parallelism))
    storage = flink.storage / project.names.prefix
    settings = JobSettings(state, 0, stream.checkpoint_ms, stream.parallelism, storage=storage)
    return SessionCluster(settings, flink.address, flink, project.names.prefix, stop, say)
