"""Where a project's job runs, as its configuration says."""

from __future__ import annotations

import threading
from collections.abc import Callable

from penstock.jobs.process.ports import free_port
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.job import Cluster
from penstock.jobs.streaming.mini_cluster import MiniCluster
from penstock.jobs.streaming.session.cluster import SessionCluster
from penstock.jobs.streaming.settings import job_settings


def cluster_of(project: Project, stop: threading.Event, say: Callable[[str], None]) -> Cluster:
    """The cluster, not asked yet. ``say`` is told when it is away and when it is back; ``stop`` ends a wait for it."""
    flink = project.config.flink
    if flink.address is None or flink.storage is None:
        return MiniCluster(job_settings(project, free_port()))
    return SessionCluster(job_settings(project), flink.address, flink, project.names.prefix, stop, say)
