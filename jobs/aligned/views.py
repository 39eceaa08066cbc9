"""Which change points a model's requests need, and for how long they are kept."""

from __future__ import annotations

from collections.abc import Sequence

from kafka.admin import ConfigResource, ConfigResourceType

from penstock.features.errors import RefusedError, UsageError
from penstock.features.plan import ViewPlan
from penstock.jobs.kafka.clients import admin, answering, require_topics
from penstock.jobs.project.config import FILE, Config
from penstock.jobs.project.project import Project
from penstock.jobs.serving.inputs import Input

_POLICY, _LAG = "cleanup.policy", "min.compaction.lag.ms"


def aligned_views(project: Project, inputs: Sequence[Input]) -> dict[str, ViewPlan]:
    """Topic of change points → view, for all inputs that have a time. Raises UsageError where one has no such topic."""
    topics = project.change_topics
    views = {item.view.name: item.view for item in inputs if not item.view.static}
    if project.config.stream.change_points is None:
        raise UsageError(
            "the stream keeps no change points, which --aligned reads",
            where=FILE,
            hint='set change_points = "30d" in [stream], and start the stream anew: its state must have all events',
        )
    for name, view in views.items():
        if name not in topics:
            sources = ", ".join(source.name for source in view.source.sources)
            raise UsageError(
                f"{name} has no change points to align with: no stream of it ({sources}) has a topic",
                where=str(project.config.definitions),
                allowed="--aligned for models whose views are streamed, or hold for all time",
            )
    return {topics[name]: view for name, view in views.items()}


def kept_ms(config: Config, topics: Sequence[str]) -> int:
    """For how long the topics keep every record, in milliseconds of Kafka's time: the least of them.

    Raises PenstockError for one that does not exist, and RefusedError for one that Kafka deletes old records of.
    """
    require_topics(config, topics)
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    with answering(config), admin(config) as client:
        settings = client.describe_configs(asked, config_filter="all")["topic"]
    for topic in topics:
        policy = settings[topic][_POLICY]["value"]
        if policy != "compact":
            raise RefusedError(
                f"old records of {topic} are deleted, and with them rows that still hold",
                where=f"{_POLICY} = {policy}",
                allowed="compact",
            )
    return min(int(settings[topic][_LAG]["value"]) for topic in topics)
