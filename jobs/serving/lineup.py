"""Which versions answer a model's requests, and which of them answers which request.

A version has a role, that of its alias. The canary answers a share of the keys in place of the current version:

    bucket = first 8 bytes of SHA-256("<model>\\n<key>") as a big-endian integer, modulo 10,000
    the canary answers where bucket < 100 * share in percent

The key is the JSON of ``views.<input>.key`` in the prediction: of the model's first input, unless the alias names
another one. Of a model without inputs it is the JSON of ``event``, or without that of ``id``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from penstock.features.plan import ModelPlan
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.models.pointer import CANARY, CURRENT, SHADOW, Alias
from penstock.jobs.serving.inputs import Input
from penstock.jobs.serving.requests import Request

#: Of a canary's share: one is a hundredth of a percent.
BUCKETS = 10_000


@dataclass(frozen=True, eq=False)
class Role:
    """A version that answers, and as which alias. ``share``, ``by``: of a canary, as in ``Pointer``."""

    model: LoadedModel
    alias: Alias = CURRENT
    share: float = 100.0
    by: str | None = None


@dataclass(frozen=True, eq=False)
class Lineup:
    """The versions of a model that answer. ``parts``: of a model with ``by=``, those for values of its column."""

    current: Role
    canary: Role | None = None
    shadow: Role | None = None
    parts: Mapping[Any, Lineup] = field(default_factory=dict)

    def roles(self) -> Iterator[Role]:
        """All of them."""
        yield from (role for role in (self.current, self.canary, self.shadow) if role is not None)
        for part in self.parts.values():
            yield from part.roles()

    def names(self) -> list[tuple[str, str, str, str]]:
        """Of each role its part (empty for the rest), its version, its alias, who predicts."""
        models = ((role.model, role.alias) for role in self.roles())
        return [(model.metadata.part or "", model.version, alias, model.runtime) for model, alias in models]

    def _with(self, alias: Alias, role: Role | None) -> Lineup:
        if alias == CANARY:
            return replace(self, canary=role)
        if alias == SHADOW:
            return replace(self, shadow=role)
        assert role is not None
        return replace(self, current=role)

    def at(self, part: Any) -> Lineup:
        """That of a value of the column; this one for all others, and for None."""
        return self.parts.get(part, self)

    def changed(self, part: Any, alias: Alias, role: Role | None) -> Lineup:
        """The same with another role of an alias; ``role`` None: without it."""
        if part is None:
            return self._with(alias, role)
        if part in self.parts:
            return replace(self, parts={**self.parts, part: self.parts[part].changed(None, alias, role)})
        # a part answers as soon as it has a current version
        return replace(self, parts={**self.parts, part: Lineup(role)}) if role and alias == CURRENT else self


def lineup_of(model: LoadedModel) -> Lineup:
    """Of a current version alone."""
    return Lineup(Role(model))


def bucket(model: str, key: bytes) -> int:
    """Of a key's JSON: 0 to ``BUCKETS`` - 1."""
    digest = hashlib.sha256(model.encode() + b"\n" + key).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


class Chooser:
    """Says of requests whose rows were read which role answers each: the current version, or its canary."""

    def __init__(self, plan: ModelPlan, inputs: Sequence[Input]) -> None:
        self._model, self._event = str(plan.name), plan.on.id
        self._inputs = {item.name: (number, item) for number, item in enumerate(inputs)}

    def choose(self, lineup: Lineup, request: Request) -> Role:
        """The role that answers a request of a part."""
        canary = lineup.canary
        if canary is None:
            return lineup.current
        answers = bucket(self._model, self._key(canary.by, request)) < round(canary.share * BUCKETS / 100)
        return canary if answers else lineup.current

    def _key(self, by: str | None, request: Request) -> bytes:
        if not self._inputs:
            return orjson.dumps(request.id if self._event is None else request.row[self._event])
        number, item = self._inputs[by] if by is not None else next(iter(self._inputs.values()))
        names = (name for name, _ in item.schema.key)
        return orjson.dumps(dict(zip(names, request.found[number].key, strict=True)))
