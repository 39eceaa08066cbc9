"""Topics: which are missing, and how those that are made are laid out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kafka.errors import NoError, TopicAlreadyExistsError, for_code

from penstock.features.errors import PenstockError, did_you_mean
from penstock.jobs.project.config import Config

#: For so long every row of a compacted topic can be read back; then a key's older rows may go. In milliseconds.
KEPT_MS = 24 * 60 * 60 * 1000

#: How long a new topic may take to have leaders everywhere, in milliseconds.
READY_MS = 10_000


def ensure(client: Any, config: Config, topics: Sequence[str]) -> None:
    """Makes what is missing, by an administrator's client. A topic that another process makes meanwhile is fine."""
    existing = set(client.list_topics())
    missing = [topic for topic in dict.fromkeys(topics) if topic not in existing]
    if not missing:
        return
    answer = client.create_topics({topic: _layout(config, topic) for topic in missing}, raise_errors=False)
    for topic in answer["topics"]:
        _check(config, topic)
    client.wait_for_topics(missing, timeout_ms=READY_MS)


def require(client: Any, config: Config, topics: Sequence[str]) -> None:
    """Raises PenstockError, with the names nearest to them, for topics that are not there."""
    existing = [name for name in client.list_topics() if not name.startswith("__")]
    missing = [topic for topic in dict.fromkeys(topics) if topic not in existing]
    if missing:
        near = [hint for topic in missing if (hint := did_you_mean(topic, existing))]
        what, fails = ("the topic", "does not exist") if len(missing) == 1 else ("the topics", "do not exist")
        raise PenstockError(
            f"{what} {', '.join(map(repr, missing))} {fails}",
            where=config.kafka.bootstrap_servers,
            hint="; ".join(near) or "create what is missing, or correct topic= in the definitions",
        )


def _layout(config: Config, topic: str) -> dict[str, Any]:
    return {
        "num_partitions": 1 if topic == config.names.owner else config.kafka.partitions,
        "replication_factor": config.kafka.replication,
        "configs": _configs(config, topic),
    }


def _configs(config: Config, topic: str) -> dict[str, str]:
    names = config.names
    if topic.startswith((names.features(""), names.quality(""))):
        return _compacted(KEPT_MS)
    if topic.startswith(names.change_points("")):
        return _compacted(config.stream.change_points_ms or KEPT_MS)
    return _KEPT if topic == names.owner else {}


#: Records that are never deleted, whatever the cluster's default is.
_KEPT = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


def _compacted(kept_ms: int) -> dict[str, str]:
    return {"cleanup.policy": "compact", "min.compaction.lag.ms": str(kept_ms)}


def _check(config: Config, topic: dict[str, Any]) -> None:
    error = for_code(topic["error_code"])
    if error not in (NoError, TopicAlreadyExistsError):
        raise PenstockError(
            f"the topic {topic['name']} cannot be made: {topic.get('error_message') or error.__name__}",
            where=config.kafka.bootstrap_servers,
            hint="make it yourself, or see partitions and replication in [kafka] of penstock.toml",
        )
