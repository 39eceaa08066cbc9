"""The settings of a project's Flink job."""

from __future__ import annotations

from penstock.features.compilers.flink.config import JobSettings
from penstock.jobs.project.project import Project


def job_settings(project: Project, rest_port: int = 0) -> JobSettings:
    """``rest_port``: of a mini-cluster's REST interface."""
    stream, flink, state = project.config.stream, project.config.flink, project.config.state / "stream"
    storage = None if flink.storage is None else flink.storage / project.names.prefix
    return JobSettings(state, rest_port, stream.checkpoint_ms, stream.parallelism, storage=storage)
