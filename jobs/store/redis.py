"""Feast's Redis store with compare-and-set, and its bulk read.

Feast's layout: one hash for each entity key; fields ``mmh3(view:feature)`` hold ``Value`` messages and ``_ts:view`` the
event time. One field more, ``_clock:view``, holds the row's ``(t, seq)``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from feast import FeatureView, RepoConfig
from feast.infra.online_stores.helpers import _mmh3, _redis_key_prefix, compute_versioned_name
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    NoScriptError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from features.errors import PenstockError
from jobs.store.bulk import BulkStore, EncodedRows, KeyRequest
from jobs.store.clock import feast_timestamp, pack_clock, unpack_clocks
from jobs.store.columns import Cells, Columns, decode
from jobs.store.patience import StoreAway
from jobs.store.protos import encode_feast_rows
from jobs.store.resp import Command, bulk, exchange, head

#: What passes when the server is back; and what is among that by its class, and does not pass.
_AWAY = (RedisConnectionError, RedisTimeoutError, BusyLoadingError, ClusterDownError, OSError)
_REFUSED = (AuthenticationError, AuthorizationError)

_SCRIPT = Path(__file__).with_name("apply_row.lua").read_bytes()

#: How long one reply may take, in seconds, unless the connection string has a socket_timeout.
_ANSWER_S = 10.0

#: Rows in one round trip: their replies are few bytes, their commands about 1 MB.
_ROWS_AT_ONCE = 2000


class PenstockRedisOnlineStoreConfig(RedisOnlineStoreConfig):
    """The options of Feast's Redis store."""

    type: Literal["jobs.store.redis.PenstockRedisOnlineStore"] = "jobs.store.redis.PenstockRedisOnlineStore"  # type: ignore[assignment]


@dataclass(frozen=True)
class _Fields:
    """The hash fields of a view: its clock, Feast's time, and one for each feature."""

    clock: bytes
    time: bytes
    features: tuple[bytes, ...]


@lru_cache(maxsize=1024)
def _fields(view: str, names: tuple[str, ...]) -> _Fields:
    """Raises PenstockError for two features whose 32-bit hashes are the same: Feast would mix them up."""
    features = tuple(_mmh3(f"{view}:{name}") for name in names)
    owners = dict(zip(features, names, strict=True))
    for name, field in zip(names, features, strict=True):
        if owners[field] != name:
            raise PenstockError(
                f"{name} and {owners[field]} fall on the same field in Feast's Redis layout",
                where=view,
                hint="rename one of them",
            )
    return _Fields(_clock_field(view), f"_ts:{view}".encode(), features)


def _clock_field(view: str) -> bytes:
    return f"_clock:{view}".encode()


class PenstockRedisOnlineStore(BulkStore, RedisOnlineStore):
    """Feast's Redis store in which an older row never wins, whoever writes."""

    _script: bytes | None = None

    @staticmethod
    def _parse_connection_string(connection_string: str) -> tuple[list[dict[str, str]], dict[str, Any]]:
        """Feast's reading of it, and an end to waiting for a server that has stopped in the middle."""
        nodes, options = RedisOnlineStore._parse_connection_string(connection_string)
        return nodes, {"socket_timeout": _ANSWER_S, "socket_connect_timeout": _ANSWER_S, **options}

    def disconnect(self) -> None:
        """Ends the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[tuple[EntityKey, dict[str, Value], datetime, datetime | None]],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Feast's way in: rows with seq 0 and ``t`` from their event time, compared like all others."""
        rows = encode_feast_rows(table, data, config.entity_key_serialization_version)
        self._apply_in(config, [(_view_name(table, config), rows)])
        self._count_batch_in(config, _view_name(table, config))
        if progress:
            progress(len(data))

    async def online_write_batch_async(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[tuple[EntityKey, dict[str, Value], datetime, datetime | None]],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """As ``online_write_batch``, on another thread."""
        await asyncio.to_thread(self.online_write_batch, config, table, data, progress)

    def delete_table(self, config: RepoConfig, table: FeatureView) -> None:
        """Deletes a view's rows, with their clocks and its fingerprint."""
        with _answering(config):
            super().delete_table(config, table)
            self._delete_clocks(config, table)

    def teardown(self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Any]) -> None:
        """Deletes all rows of the project and its fingerprints."""
        with _answering(config):
            super().teardown(config, tables, entities)
            self._get_client(config.online_store).delete(_fingerprints_key(config), _batches_key(config))

    def _read_hash_fields(self, config: RepoConfig, commands: list[Any]) -> list[Any]:
        with _answering(config):
            replies: list[Any] = super()._read_hash_fields(config, commands)
            return replies

    def _delete_clocks(self, config: RepoConfig, table: FeatureView) -> None:
        client, view = self._get_client(config.online_store), _view_name(table, config)
        pattern = b"".join([_redis_key_prefix(table.join_keys), b"*", config.project.encode()])
        for key in client.scan_iter(pattern):
            client.hdel(key, _clock_field(view))
        client.hdel(_fingerprints_key(config), view)

    def _apply(self, batch: list[tuple[str, EncodedRows]]) -> int:
        return self._apply_in(self._config, batch)

    def _apply_in(self, config: RepoConfig, batch: list[tuple[str, EncodedRows]]) -> int:
        with _answering(config):
            client = self._get_client(config.online_store)
            if self._script is None:
                self._script = _load_script(client)
            commands = [
                command for view, rows in batch for command in _write_commands(config, view, rows, self._script)
            ]
            return sum(
                self._applied(client, commands[start : start + _ROWS_AT_ONCE])
                for start in range(0, len(commands), _ROWS_AT_ONCE)
            )

    def _applied(self, client: Any, commands: list[Command]) -> int:
        try:
            return sum(exchange(client, commands))
        except NoScriptError:  # the server was restarted; rows that it has taken since are not written twice
            _load_script(client)
            return sum(exchange(client, commands))

    def _fetch(self, requests: list[KeyRequest]) -> list[Columns]:
        groups = _by_keys(requests)
        with _answering(self._config):
            commands = [_read_commands(self._config, group) for group in groups]
            client = self._get_client(self._config.online_store)
            replies = iter(exchange(client, list(chain.from_iterable(commands))))
        found = {id(request): cells for group in groups for request, cells in _cells(group, replies)}
        return decode([found[id(request)] for request in requests])

    def _fingerprint(self, view: str, claim: str | None) -> str | None:
        with _answering(self._config):
            client, key = self._get_client(self._config.online_store), _fingerprints_key(self._config)
            if claim is not None:
                client.hsetnx(key, view, claim)
            held = client.hget(key, view)
        return held.decode() if held is not None else None

    def _count_batch(self, view: str) -> None:
        self._count_batch_in(self._config, view)

    def _count_batch_in(self, config: RepoConfig, view: str) -> None:
        with _answering(config):
            self._get_client(config.online_store).hincrby(_batches_key(config), view, 1)

    def _batches(self, views: Sequence[str]) -> list[int]:
        with _answering(self._config):
            counts = self._get_client(self._config.online_store).hmget(_batches_key(self._config), list(views))
        return [int(count or 0) for count in counts]

    def _place(self) -> str:
        return _address(self._config)


def _view_name(table: FeatureView, config: RepoConfig) -> str:
    name: str = compute_versioned_name(table, config.registry.enable_online_feature_view_versioning)
    return name


def _fingerprints_key(config: RepoConfig) -> bytes:
    # not at the end: Feast finds a project's hashes by how their names end
    return f"penstock:{config.project}:fingerprints".encode()


def _batches_key(config: RepoConfig) -> bytes:
    return f"penstock:{config.project}:batches".encode()


def _load_script(client: Any) -> bytes:
    sha = client.script_load(_SCRIPT)
    return sha.encode() if isinstance(sha, str) else bytes(sha)


def _write_commands(config: RepoConfig, view: str, rows: EncodedRows, script: bytes) -> list[Command]:
    """One call of the script for each row."""
    project = config.project.encode()
    fields = _fields(view, rows.names)
    start = head(9 + 2 * len(fields.features), b"EVALSHA", script, b"1")
    clock_field = bulk(fields.clock)
    rest = bulk(b"%d" % (config.online_store.key_ttl_seconds or 0)) + bulk(fields.time)
    columns = [_field_column(field, cells) for field, cells in zip(fields.features, rows.columns, strict=True)]
    clocks = map(pack_clock, rows.t, rows.seq)
    return [
        (
            key + project,
            b"".join((start, bulk(key + project), clock_field, bulk(clock), rest, bulk(feast_timestamp(t)), *cells)),
        )
        for key, clock, t, *cells in zip(rows.keys, clocks, rows.t, *columns, strict=True)
    ]


def _field_column(field: bytes, cells: list[bytes]) -> list[bytes]:
    name = bulk(field)
    return [b"%b$%d\r\n%b\r\n" % (name, len(cell), cell) for cell in cells]


def _by_keys(requests: list[KeyRequest]) -> list[list[KeyRequest]]:
    """Requests for the same keys together: their views lie in the same hashes."""
    groups: dict[int, list[KeyRequest]] = {}
    for request in requests:
        groups.setdefault(id(request.keys), []).append(request)
    return list(groups.values())


def _read_commands(config: RepoConfig, group: list[KeyRequest]) -> list[Command]:
    """One HMGET for each key that a row can have."""
    project = config.project.encode()
    wanted = [field for request in group for field in _wanted(request)]
    start = head(2 + len(wanted), b"HMGET")
    fields = b"".join(map(bulk, wanted))
    names = [key + project for key in group[0].keys if key is not None]
    return [(name, b"%b$%d\r\n%b\r\n%b" % (start, len(name), name, fields)) for name in names]


def _wanted(request: KeyRequest) -> tuple[bytes, ...]:
    fields = _fields(request.schema.name, request.schema.feature_names)
    return (*fields.features, fields.clock)


def _cells(group: list[KeyRequest], replies: Iterator[list[bytes | None]]) -> Iterator[tuple[KeyRequest, Cells]]:
    """The group's replies, the next ones, as columns; a key that no row can have gets none."""
    width = sum(len(request.schema.features) + 1 for request in group)
    blank: list[bytes | None] = [None] * width
    rows = [blank if key is None else next(replies) for key in group[0].keys]
    columns = list(zip(*rows, strict=True)) or [()] * width
    start = 0
    for request in group:
        end = start + len(request.schema.features)
        yield request, Cells(request.schema, *unpack_clocks(columns[end]), columns[start:end])
        start = end + 1


@contextmanager
def _answering(config: RepoConfig) -> Iterator[None]:
    """Turns what redis-py raises into one sentence without secrets."""
    try:
        yield
    except (RedisError, OSError) as error:
        away = isinstance(error, _AWAY) and not isinstance(error, _REFUSED)
        raise (StoreAway if away else PenstockError)(
            f"the Redis store does not answer as it should: {_without_secrets(str(error), config)}",
            where=_address(config),
            hint="is the server up, and are connection_string and its password right in feature_store.yaml?",
        ) from None


def _without_secrets(text: str, config: RepoConfig) -> str:
    _, options = RedisOnlineStore._parse_connection_string(config.online_store.connection_string)
    for name in ("password", "username"):
        secret = str(options.get(name) or "")
        text = text.replace(secret, "***") if secret else text
    return text


def _address(config: RepoConfig) -> str:
    """Hosts and ports of the connection string, nothing else of it."""
    nodes, _ = RedisOnlineStore._parse_connection_string(config.online_store.connection_string)
    return ", ".join(":".join(node.values()) for node in nodes)
