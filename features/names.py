"""What may be called how: a name must serve in SQL, Kafka, Feast, Parquet and JSON alike."""

from __future__ import annotations

import re
from collections.abc import Iterable

from penstock.features.errors import DefinitionError, did_you_mean
from penstock.features.location import caller

#: In characters. Topics (at most 249 of Kafka's) and files are named after views.
LONGEST = 100
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")

#: In Kafka's own rule for topics: at most 249 of these.
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")

#: What the records of the feature topics and the files of change points call their own columns.
RESERVED = ("t", "seq", "event_timestamp", "created_timestamp", "key", "values")


def check_name(name: object, what: str, *, reserved: bool = False) -> None:
    """Raises DefinitionError unless ``name`` can name a ``what``; with ``reserved`` also for the names in RESERVED."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > LONGEST:
        raise DefinitionError(
            f"{name!r} cannot name a {what}",
            where=caller(),
            allowed=f"a letter, then letters, digits and single underscores between them, at most {LONGEST}",
            hint="two underscores separate view and feature in Feast" if "__" in f"{name}_" else None,
        )
    if reserved and name.lower() in RESERVED:
        raise DefinitionError(f"{name!r} is a reserved name", where=caller(), allowed=f"not {', '.join(RESERVED)}")


def check_topic(topic: object, what: str) -> None:
    """Raises DefinitionError unless Kafka takes it as a topic's name."""
    if not isinstance(topic, str) or not _TOPIC.fullmatch(topic) or topic in (".", ".."):
        raise DefinitionError(
            f"{topic!r} cannot be {what}",
            where=caller(),
            allowed="a Kafka topic: at most 249 of letters, digits and ._-",
        )


def check_distinct(names: Iterable[str], owner: str, allowed: str, hint: str | None = None) -> None:
    """Raises DefinitionError for two names that are equal but for their case: SQL would take them for one."""
    seen: dict[str, str] = {}
    for name in names:
        if name.lower() in seen:
            other = seen[name.lower()]
            both = f"{name} twice" if other == name else f"{other} and {name}"
            raise DefinitionError(f"{owner} has {both}", where=caller(), allowed=allowed, hint=hint)
        seen[name.lower()] = name


def unknown(what: str, name: object, known: Iterable[str]) -> DefinitionError:
    """The error for a name that ``what`` does not have, with the nearest one that it has."""
    known = list(known)
    return DefinitionError(
        f"{what} has no {name!r}", where=caller(), allowed=", ".join(known), hint=did_you_mean(str(name), known)
    )
