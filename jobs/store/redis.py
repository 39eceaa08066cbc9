"""Feast's Redis store with compare-and-set, and its bulk read.

Feast's layout: one hash for each entity key; fields ``mmh3(view:feature)`` hold ``Value`` messages and ``_ts:view`` the
event time. ``_clock:view`` holds the row's ``(t, seq)`` besides, and ``_0:view``, ``_1:view`` and so on what ``packed``
makes of its numbers, in pieces: Redis finds a field by going through a hash from its start, so a bulk read of few
fields costs a third of one of all.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from feast import FeatureView, RepoConfig
from feast.infra.online_stores.helpers import _mmh3, _redis_key_prefix, compute_versioned_name
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from redis.cluster import RedisCluster
from redis.exceptions import NoScriptError, TryAgainError

from penstock.features.errors import PenstockError
from penstock.jobs.store.bulk import BulkStore, EncodedRows, KeyRequest
from penstock.jobs.store.clock import feast_timestamp, pack_batch_clock, pack_clock, unpack_batch_clock, unpack_clocks
from penstock.jobs.store.columns import Cells, Columns, decode
from penstock.jobs.store.encoding import Cell
from penstock.jobs.store.feast_views import check_definition
from penstock.jobs.store.packed import Features, OtherLayout, layout_of, split
from penstock.jobs.store.patience import StoreAway
from penstock.jobs.store.protos import encode_feast_rows
from penstock.jobs.store.redis_cluster import exchange_cluster, slots_of
from penstock.jobs.store.redis_errors import REDIS_ERRORS, cause_of
from penstock.jobs.store.resp import Command, bulk, exchange, head
from penstock.jobs.store.rows import ViewSchema

_SCRIPT = Path(__file__).with_name("apply_row.lua").read_bytes()

#: How long one reply may take, in seconds, unless the connection string has a socket_timeout.
_ANSWER_S = 10.0

#: Bytes of a piece: with a longer value Redis keeps the whole hash in another form, of several times the memory.
_PIECE = 64

#: Features that are worth a piece.
_PIECED = 2

#: Keys that the server looks at before it answers a scan.
_KEYS_SCANNED = 1000
#: What Redis would not take literally in a pattern.
_GLOB = re.compile(rb"[*?\[\]^\\-]")

#: Rows in one round trip: their replies are few bytes, their commands about 1 MB.
_ROWS_AT_ONCE = 2000


class PenstockRedisOnlineStoreConfig(RedisOnlineStoreConfig):
    """The options of Feast's Redis store."""

    type: Literal["penstock.jobs.store.redis.PenstockRedisOnlineStore"] = (
        "penstock.jobs.store.redis.PenstockRedisOnlineStore"  # type: ignore[assignment]
    )


@dataclass(frozen=True)
class _Fields:
    """The hash fields of a view: its clock, Feast's time, the pieces of its fixed part, and one for each feature.

    ``others``: those of the features that are not in the fixed part, in the layout's order.
    """

    clock: bytes
    time: bytes
    pieces: tuple[bytes, ...]
    features: tuple[bytes, ...]
    others: tuple[bytes, ...]

    @property
    def all(self) -> tuple[bytes, ...]:
        """All that a row of the view has."""
        return (self.clock, self.time, *self.pieces, *self.features)

    @property
    def by_feature(self) -> tuple[bytes, ...]:
        """What a row is read from, feature by feature."""
        return (*self.features, self.clock)

    @property
    def in_pieces(self) -> tuple[bytes, ...]:
        """What a row is read from in pieces."""
        return (*self.pieces, *self.others, self.clock)


@lru_cache(maxsize=1024)
def _fields(view: str, typed: Features) -> _Fields:
    """Raises PenstockError for two features whose 32-bit hashes are the same: Feast would mix them up."""
    names = [name for name, _ in typed]
    features = tuple(_mmh3(f"{view}:{name}") for name in names)
    owners = dict(zip(features, names, strict=True))
    for name, field in zip(names, features, strict=True):
        if owners[field] != name:
            raise PenstockError(
                f"{name} and {owners[field]} fall on the same field in Feast's Redis layout",
                where=view,
                hint="rename one of them",
            )
    layout = layout_of(typed)
    count = -(-layout.fixed.itemsize // _PIECE) if len(typed) - len(layout.others) >= _PIECED else 0
    pieces = tuple(f"_{number}:{view}".encode() for number in range(count))
    others = tuple(features[names.index(name)] for name, _ in layout.others)
    return _Fields(f"_clock:{view}".encode(), f"_ts:{view}".encode(), pieces, features, others)


def _own_fields(view: str, fields: Iterable[bytes]) -> list[bytes]:
    """Those of a hash's fields that a view has beside Feast's."""
    own = re.compile(rb"_(clock|\d+):" + re.escape(view.encode()))
    return [field for field in fields if own.fullmatch(field)]


class PenstockRedisOnlineStore(BulkStore, RedisOnlineStore):
    """Feast's Redis store in which an older row never wins, whoever writes."""

    def __init__(self) -> None:
        super().__init__()
        self._script: bytes | None = None
        self._connecting = threading.Lock()

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
        name = _view_name(table, config)
        check_definition(table, lambda claim: self._fingerprint_in(config, name, claim), _address(config))
        rows = encode_feast_rows(table, data, config.entity_key_serialization_version)
        self._apply_in(config, [(name, rows)])
        self._count_batch_in(config, name)
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
        with self._answering(config):
            super().delete_table(config, table)
            self._delete_clocks(config, table)

    def teardown(self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Any]) -> None:
        """Deletes all rows of the project and its fingerprints."""
        with self._answering(config):
            super().teardown(config, tables, entities)
            self._get_client(config.online_store).delete(_fingerprints_key(config), _batches_key(config))

    def _read_hash_fields(self, config: RepoConfig, commands: list[Any]) -> list[Any]:
        with self._answering(config):
            replies: list[Any] = super()._read_hash_fields(config, commands)
            return replies

    def _delete_clocks(self, config: RepoConfig, table: FeatureView) -> None:
        client, view = self._get_client(config.online_store), _view_name(table, config)
        pattern = b"".join([_redis_key_prefix(table.join_keys), b"*", config.project.encode()])
        for key in client.scan_iter(pattern):
            if own := _own_fields(view, client.hkeys(key)):
                client.hdel(key, *own)
        client.hdel(_fingerprints_key(config), view)

    def _apply(self, batch: list[tuple[str, EncodedRows]]) -> int:
        return self._apply_in(self._config, batch)

    def _apply_in(self, config: RepoConfig, batch: list[tuple[str, EncodedRows]]) -> int:
        with self._answering(config):
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
            return sum(self._exchange(client, commands, lasting=True))
        except NoScriptError:  # a server was restarted, or is a new master; rows that it has taken stay as they are
            _load_script(client)
            return sum(self._exchange(client, commands, lasting=True))

    def _exchange(self, client: Any, commands: Sequence[Command], *, lasting: bool = False) -> list[Any]:
        """The replies to all commands, in order; ``lasting``: they write."""
        if isinstance(client, RedisCluster):
            return exchange_cluster(client, commands, lasting, self._forget_client)
        return exchange(client.connection_pool, [packed for _, packed in commands])

    def _erase(self, batch: list[tuple[ViewSchema, list[bytes]]]) -> None:
        with self._answering(self._config):
            client = self._get_client(self._config.online_store)
            commands = [command for schema, keys in batch for command in _erase_commands(self._config, schema, keys)]
            for start in range(0, len(commands), _ROWS_AT_ONCE):
                self._exchange(client, commands[start : start + _ROWS_AT_ONCE], lasting=True)

    def _rows_of_batch(self, schema: ViewSchema) -> Iterator[tuple[bytes, int, int]]:
        with self._answering(self._config):
            client, project = self._get_client(self._config.online_store), self._config.project.encode()
            before = slots_of(client)
            names = client.scan_iter(_pattern(schema, project), count=_KEYS_SCANNED)
            field = f"_clock:{schema.name}".encode()
            while some := list(islice(names, _ROWS_AT_ONCE)):
                commands = [(name, head(3, b"HGET", name, field)) for name in some]
                for name, clock in zip(some, self._exchange(client, commands), strict=True):
                    t, seq, generation = unpack_batch_clock(clock) if clock else (0, 1, 0)
                    if seq == 0:
                        yield name.removesuffix(project), t, generation
            if slots_of(client) != before:
                raise TryAgainError(  # type: ignore[no-untyped-call]
                    "slots have moved while all keys were looked at: some may not have been seen"
                )

    def _fetch(self, requests: list[KeyRequest]) -> list[Columns]:
        fields = [_fields(request.schema.name, request.schema.features) for request in requests]
        asked = self._ask(requests, [each.in_pieces if each.pieces else each.by_feature for each in fields])
        found = [
            _joined(request.schema, columns, len(each.pieces)) if each.pieces else None
            for request, each, columns in zip(requests, fields, asked, strict=True)
        ]
        # rows that an earlier version wrote have no pieces, or those of the row before
        torn = [place for place, each in enumerate(fields) if each.pieces and found[place] is None]
        again = self._ask([requests[place] for place in torn], [fields[place].by_feature for place in torn])
        for place, columns in zip(torn, again, strict=True):
            asked[place] = columns
        left = [place for place, columns in enumerate(found) if columns is None]
        by_feature = iter(decode([_cells(requests[place].schema, asked[place]) for place in left]))
        return [next(by_feature) if columns is None else columns for columns in found]

    def _clocks(self, requests: list[KeyRequest]) -> list[list[bytes]]:
        asked = self._ask(requests, [(f"_clock:{request.schema.name}".encode(),) for request in requests])
        return [[bytes(cell or b"") for cell in columns[0]] for columns in asked]

    def _ask(self, requests: list[KeyRequest], wanted: list[tuple[bytes, ...]]) -> list[list[Sequence[Cell]]]:
        """For each request the columns of its wanted fields, a cell for each key, in one round trip."""
        if not requests:
            return []
        groups = _by_keys(requests)
        with self._answering(self._config):
            commands = [
                _read_commands(self._config, requests[places[0]].keys, [wanted[place] for place in places])
                for places in groups
            ]
            client = self._get_client(self._config.online_store)
            replies = iter(self._exchange(client, list(chain.from_iterable(commands))))
        found: dict[int, list[Sequence[Cell]]] = {}
        for places in groups:
            columns = iter(_columns(requests[places[0]].keys, replies, sum(len(wanted[place]) for place in places)))
            for place in places:
                found[place] = list(islice(columns, len(wanted[place])))
        return [found[place] for place in range(len(requests))]

    def _fingerprint(self, view: str, claim: str | None) -> str | None:
        return self._fingerprint_in(self._config, view, claim)

    def _fingerprint_in(self, config: RepoConfig, view: str, claim: str | None) -> str | None:
        with self._answering(config):
            client, key = self._get_client(config.online_store), _fingerprints_key(config)
            if claim is not None:
                client.hsetnx(key, view, claim)
            held = client.hget(key, view)
        return held.decode() if held is not None else None

    def _count_batch(self, view: str) -> None:
        self._count_batch_in(self._config, view)

    def _count_batch_in(self, config: RepoConfig, view: str) -> None:
        with self._answering(config):
            self._get_client(config.online_store).hincrby(_batches_key(config), view, 1)

    def _batches(self, views: Sequence[str]) -> list[int]:
        with self._answering(self._config):
            counts = self._get_client(self._config.online_store).hmget(_batches_key(self._config), list(views))
        return [int(count or 0) for count in counts]

    def _place(self) -> str:
        return _address(self._config)

    def _get_client(self, online_store_config: Any) -> Any:
        with self._connecting:
            return super()._get_client(online_store_config)

    def _forget_client(self) -> None:
        """The next question connects anew: the address may be another server's, the cluster may be another one.

        Threads that use the connections keep them.
        """
        with self._connecting:
            self._client = None

    @contextmanager
    def _answering(self, config: RepoConfig) -> Iterator[None]:
        """Turns what redis-py raises into one sentence without secrets."""
        try:
            yield
        except REDIS_ERRORS as error:
            cause = cause_of(error)
            if cause.passes:
                self._forget_client()
            raise (StoreAway if cause.passes else PenstockError)(
                f"the Redis store does not answer as it should: {_without_secrets(str(error), config)}",
                where=_address(config),
                hint=cause.hint,
            ) from None


def _view_name(table: FeatureView, config: RepoConfig) -> str:
    name: str = compute_versioned_name(table, config.registry.enable_online_feature_view_versioning)
    return name


def _fingerprints_key(config: RepoConfig) -> bytes:
    # not at the end: Feast finds a project's hashes by how their names end
    return f"penstock:{config.project}:fingerprints".encode()


def _batches_key(config: RepoConfig) -> bytes:
    return f"penstock:{config.project}:batches".encode()


def _pattern(schema: ViewSchema, project: bytes) -> bytes:
    """Which of Redis' keys may be a view's hashes."""
    prefix: bytes = _redis_key_prefix([name for name, _ in schema.key])
    return _GLOB.sub(rb"\\\g<0>", prefix) + b"*" + _GLOB.sub(rb"\\\g<0>", project)


def _load_script(client: Any) -> bytes:
    sha = client.script_load(_SCRIPT)
    return sha.encode() if isinstance(sha, str) else bytes(sha)


def _write_commands(config: RepoConfig, view: str, rows: EncodedRows, script: bytes) -> list[Command]:
    """One call of the script for each row."""
    project = config.project.encode()
    fields = _fields(view, rows.features)
    # pieces first: they are what is looked for
    names = (*fields.pieces, fields.time, *fields.features)
    columns = (*_pieces(rows, len(fields.pieces)), [feast_timestamp(t) for t in rows.t], *rows.columns)
    start = head(7 + 2 * len(names), b"EVALSHA", script, b"1")
    clock_field, ttl = bulk(fields.clock), bulk(b"%d" % (config.online_store.key_ttl_seconds or 0))
    clocks = _clocks(rows)
    packed = [_field_column(name, cells) for name, cells in zip(names, columns, strict=True)]
    return [
        (key + project, b"".join((start, bulk(key + project), clock_field, bulk(clock), ttl, *cells)))
        for key, clock, *cells in zip(rows.keys, clocks, *packed, strict=True)
    ]


def _erase_commands(config: RepoConfig, schema: ViewSchema, keys: list[bytes]) -> list[Command]:
    """One HDEL for each key: other views' rows may lie in the same hash."""
    fields = _fields(schema.name, schema.features).all
    start, rest = head(2 + len(fields), b"HDEL"), b"".join(map(bulk, fields))
    names = [key + config.project.encode() for key in keys]
    return [(name, b"".join((start, bulk(name), rest))) for name in names]


def _clocks(rows: EncodedRows) -> Iterable[bytes]:
    if rows.batch is None:
        return map(pack_clock, rows.t, rows.seq)
    clocks = zip(rows.t, rows.seq, rows.batch, strict=True)
    return (pack_batch_clock(t, seq, *batch) for t, seq, batch in clocks)


def _pieces(rows: EncodedRows, count: int) -> list[list[bytes]]:
    """For each piece a column of n."""
    if not count:
        return []
    fixed = layout_of(rows.features).pack_fixed(rows)
    return [list(column) for column in zip(*(split(row, _PIECE) for row in fixed), strict=True)]


def _field_column(field: bytes, cells: list[bytes]) -> list[bytes]:
    name = bulk(field)
    return [b"%b$%d\r\n%b\r\n" % (name, len(cell), cell) for cell in cells]


def _by_keys(requests: list[KeyRequest]) -> list[list[int]]:
    """The places of requests for the same keys together: their views lie in the same hashes."""
    groups: dict[int, list[int]] = {}
    for place, request in enumerate(requests):
        groups.setdefault(id(request.keys), []).append(place)
    return list(groups.values())


def _read_commands(config: RepoConfig, keys: list[bytes | None], wanted: list[tuple[bytes, ...]]) -> list[Command]:
    """One HMGET for each key that a row can have."""
    project = config.project.encode()
    fields = list(chain.from_iterable(wanted))
    start = head(2 + len(fields), b"HMGET")
    rest = b"".join(map(bulk, fields))
    names = [key + project for key in keys if key is not None]
    return [(name, b"%b$%d\r\n%b\r\n%b" % (start, len(name), name, rest)) for name in names]


def _columns(keys: list[bytes | None], replies: Iterator[list[Cell]], width: int) -> list[Sequence[Cell]]:
    """The keys' replies, the next ones, as so many columns; a key that no row can have gets none."""
    blank: list[Cell] = [None] * width
    rows = [blank if key is None else next(replies) for key in keys]
    return list(zip(*rows, strict=True)) or [()] * width


def _cells(schema: ViewSchema, columns: list[Sequence[Cell]]) -> Cells:
    *features, clocks = columns
    return Cells(schema, *unpack_clocks(clocks), features)


def _joined(schema: ViewSchema, columns: list[Sequence[Cell]], pieces: int) -> Columns | None:
    """The rows from their pieces; None where those of one are not of the row that its clock tells of."""
    *parts, clocks = columns
    layout = layout_of(schema.features)
    try:
        found = layout.unpack_fixed(schema, _heads(parts[:pieces], layout.blank_fixed), parts[pieces:])
    except OtherLayout:
        return None
    t, seq = unpack_clocks(clocks)
    return found if np.array_equal(found.t, t) and np.array_equal(found.seq, seq) else None


def _heads(pieces: list[Sequence[Cell]], blank: bytes) -> list[bytes]:
    """Each row's pieces joined; most often all rows are there."""
    try:
        return list(map(b"".join, zip(*pieces, strict=True)))
    except TypeError:
        return [b"".join(filter(None, row)) if row[0] else blank for row in zip(*pieces, strict=True)]


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
