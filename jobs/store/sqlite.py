"""Feast's SQLite store with compare-and-set, and its bulk read.

Feast's layout: one table for each view, one row of it for each entity key and feature. Beside it stands a table
``<view>:clock`` with the ``(t, seq)`` of every entity key, and once more its whole row in one piece, which is what the
bulk read reads: Feast's layout would have it read a row for each feature. Both tables change in one transaction.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from feast import FeatureView, RepoConfig
from feast.infra.infra_object import InfraObject
from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig, _quote_id, _table_id
from feast.protos.feast.core.Registry_pb2 import Registry as RegistryProto
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from penstock.features.errors import PenstockError
from penstock.jobs.store.bulk import BulkStore, EncodedRows, KeyRequest
from penstock.jobs.store.clock import feast_seconds, pack_batch_clock
from penstock.jobs.store.columns import Columns
from penstock.jobs.store.feast_views import check_definition
from penstock.jobs.store.packed import OtherLayout, layout_of
from penstock.jobs.store.patience import StoreAway
from penstock.jobs.store.protos import encode_feast_rows
from penstock.jobs.store.rows import Batch, ViewSchema
from penstock.jobs.store.sqlite_errors import cause_of

#: How long a writer waits for another one, in seconds.
_BUSY_SECONDS = 30.0
#: SQLite's own 2 MB hold the pages of a few dozen keys only.
_CACHE_KIB = 64 * 1024
#: Keys in one statement: SQLite allows 32,766 parameters unless built otherwise.
_KEYS_AT_ONCE = 16_384
_EPOCH = datetime(1970, 1, 1)
#: The generation, and how far it speaks, of a row of the stream.
_STREAMED = Batch(0, 0)

_FINGERPRINTS = """CREATE TABLE IF NOT EXISTS penstock_fingerprints (
    feature_table TEXT PRIMARY KEY, fingerprint TEXT NOT NULL) WITHOUT ROWID"""
_BATCHES = """CREATE TABLE IF NOT EXISTS penstock_batches (
    feature_table TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID"""
_COUNT_BATCH = """INSERT INTO penstock_batches VALUES (?, 1) ON CONFLICT DO UPDATE SET n = n + 1"""

#: Feast's own columns; the last ones serve its document search, which features do not take part in.
_VALUES = """CREATE TABLE IF NOT EXISTS {values} (
    entity_key BLOB, feature_name TEXT, value BLOB, value_text TEXT, vector_value BLOB,
    event_ts timestamp, created_ts timestamp, PRIMARY KEY (entity_key, feature_name)) WITHOUT ROWID"""
_CLOCKS = """CREATE TABLE IF NOT EXISTS {clocks} (
    entity_key BLOB PRIMARY KEY, t INTEGER NOT NULL, seq INTEGER NOT NULL, row BLOB NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0, until INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID"""
#: What the tables of earlier versions lack.
_OF_BATCH = ("generation", "until")
_ADD_COLUMN = "ALTER TABLE {clocks} ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0"

#: ``rows.Batch`` says which of two rows of batch wins.
_COMPARE_AND_SET = """INSERT INTO {clocks} AS held (entity_key, t, seq, row, generation, until)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (entity_key) DO UPDATE SET
        t = excluded.t, seq = excluded.seq, row = excluded.row, generation = excluded.generation, until = excluded.until
    WHERE CASE WHEN excluded.seq <> 0 OR held.seq <> 0 OR excluded.generation = held.generation
            THEN (excluded.t, excluded.seq, excluded.until) > (held.t, held.seq, held.until)
        WHEN excluded.generation > held.generation THEN excluded.until >= held.t
        ELSE excluded.t > held.until END"""
_SET_VALUE = """INSERT INTO {values} (entity_key, feature_name, value, event_ts) VALUES (?, ?, ?, ?)
    ON CONFLICT (entity_key, feature_name) DO UPDATE SET value = excluded.value, event_ts = excluded.event_ts"""

_ERASE = ("DELETE FROM {values} WHERE entity_key = ?", "DELETE FROM {clocks} WHERE entity_key = ?")
_OF_BATCH_ROWS = "SELECT entity_key, t, generation FROM {clocks} WHERE seq = 0"
_GET_CLOCKS = "SELECT entity_key, t, seq, generation, until FROM {clocks} WHERE entity_key IN ({keys})"
_GET_ROWS = "SELECT entity_key, row FROM {clocks} WHERE entity_key IN ({keys})"


class PenstockSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):
    """The options of Feast's SQLite store."""

    type: Literal["penstock.jobs.store.sqlite.PenstockSqliteOnlineStore"] = (
        "penstock.jobs.store.sqlite.PenstockSqliteOnlineStore"  # type: ignore[assignment]
    )


class PenstockSqliteOnlineStore(BulkStore, SqliteOnlineStore):
    """Feast's SQLite store in which an older row never wins, whichever process writes, and readers never wait."""

    def __init__(self) -> None:
        super().__init__()
        # A connection's transaction is seen by whoever shares it, so each thread has its own.
        self._of_thread = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._has_rows: set[str] = set()
        self._widened: set[str] = set()

    def disconnect(self) -> None:
        """Ends the connections of all threads."""
        while self._connections:
            self._connections.pop().close()
        self._of_thread = threading.local()

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[tuple[EntityKey, dict[str, Value], datetime, datetime | None]],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Feast's way in: rows with seq 0 and ``t`` from their event time, compared like all others."""
        name = _table_name(config, table)
        check_definition(table, lambda claim: self._fingerprint_in(config, name, claim), self._get_db_path(config))
        rows = encode_feast_rows(table, data, config.entity_key_serialization_version)
        self._apply_in(config, [(name, rows)])
        self._count_batch_in(config, name)
        if progress:
            progress(len(data))

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[tuple[datetime | None, dict[str, Value] | None]]:
        """Feast's way out."""
        with self._answering(config):
            rows: list[tuple[datetime | None, dict[str, Value] | None]] = super().online_read(
                config, table, entity_keys, requested_features
            )
            return rows

    def plan(self, config: RepoConfig, desired_registry_proto: RegistryProto) -> list[InfraObject]:
        """Nothing: tables are made when rows are written. Feast would announce them again at every 'feast plan'."""
        return []

    def update(
        self,
        config: RepoConfig,
        tables_to_delete: Sequence[FeatureView],
        tables_to_keep: Sequence[FeatureView],
        entities_to_delete: Sequence[Any],
        entities_to_keep: Sequence[Any],
        partial: bool,
    ) -> None:
        """Makes and drops tables after a change of the registry."""
        with self._answering(config):
            super().update(config, tables_to_delete, tables_to_keep, entities_to_delete, entities_to_keep, partial)
            connection = self._get_conn(config)
            for table in tables_to_keep:  # the primary key covers it, and it makes a first write 40 % slower
                connection.execute(f"DROP INDEX IF EXISTS {_quote_id(_table_name(config, table) + '_ek')}")
            for table in tables_to_delete:
                self._forget(connection, _table_name(config, table))

    def teardown(self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Any]) -> None:
        """Deletes the file."""
        self.disconnect()
        super().teardown(config, tables, entities)
        for suffix in ("-wal", "-shm"):
            Path(self._get_db_path(config) + suffix).unlink(missing_ok=True)

    def _get_conn(self, config: RepoConfig) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self._of_thread.connection = _connect(Path(self._get_db_path(config)))
            self._connections.append(connection)
        return connection

    @staticmethod
    def _forget(connection: sqlite3.Connection, table: str) -> None:
        connection.execute(_FINGERPRINTS)
        connection.execute("DELETE FROM penstock_fingerprints WHERE feature_table = ?", (table,))
        connection.execute(f"DROP TABLE IF EXISTS {_clocks(table)}")

    def _apply(self, batch: list[tuple[str, EncodedRows]]) -> int:
        return self._apply_in(self._config, [(self._table(view), rows) for view, rows in batch])

    def _apply_in(self, config: RepoConfig, batch: list[tuple[str, EncodedRows]]) -> int:
        """In one transaction: what takes time is that each one must be on the disk."""
        with self._answering(config), _transaction(self._get_conn(config), "IMMEDIATE") as connection:
            return sum(_apply_rows(connection, table, rows) for table, rows in batch)

    def _erase(self, batch: list[tuple[ViewSchema, list[bytes]]]) -> None:
        with self._answering(self._config), _transaction(self._get_conn(self._config), "IMMEDIATE") as connection:
            for schema, keys in batch:
                _erase_rows(connection, self._table(schema.name), keys)

    def _rows_of_batch(self, schema: ViewSchema) -> Iterator[tuple[bytes, int, int]]:
        table = self._table(schema.name)
        with self._answering(self._config):
            connection = self._get_conn(self._config)
            if self._is_written(connection, table):
                with _transaction(connection, "IMMEDIATE"):
                    _add_columns(connection, table)
                yield from connection.execute(_sql(_OF_BATCH_ROWS, table)).fetchall()

    def _fetch(self, requests: list[KeyRequest]) -> list[Columns]:
        with self._answering(self._config), _transaction(self._get_conn(self._config), "DEFERRED") as connection:
            rows = [self._read(connection, request) for request in requests]
        return [self._unpack(request, found) for request, found in zip(requests, rows, strict=True)]

    def _clocks(self, requests: list[KeyRequest]) -> list[list[bytes]]:
        with self._answering(self._config):
            for request in requests:
                self._widen(request)
            with _transaction(self._get_conn(self._config), "DEFERRED") as connection:
                rows = [list(self._select(connection, request, _GET_CLOCKS)) for request in requests]
        clocks = [{key: pack_batch_clock(*clock) for key, *clock in each} for each in rows]
        return [[each.get(key, b"") for key in request.keys] for request, each in zip(requests, clocks, strict=True)]

    def _widen(self, request: KeyRequest) -> None:
        """Makes the table of an earlier version, once, one that has generations."""
        table, connection = self._table(request.schema.name), self._get_conn(self._config)
        if table not in self._widened and self._is_written(connection, table):
            with _transaction(connection, "IMMEDIATE"):
                _add_columns(connection, table)
            self._widened.add(table)

    def _read(self, connection: sqlite3.Connection, request: KeyRequest) -> dict[bytes | None, bytes]:
        """The rows found, by their keys."""
        return dict(self._select(connection, request, _GET_ROWS))

    def _select(self, connection: sqlite3.Connection, request: KeyRequest, statement: str) -> Iterator[Any]:
        """What a statement gives for a request's keys."""
        table = self._table(request.schema.name)
        if not self._is_written(connection, table):
            return
        keys = list({key for key in request.keys if key is not None})
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            part = keys[start : start + _KEYS_AT_ONCE]
            yield from connection.execute(_sql(statement, table, len(part)), part)

    def _is_written(self, connection: sqlite3.Connection, table: str) -> bool:
        """Whether the table of whole rows is there: a view that was never written has none."""
        if table not in self._has_rows:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (f"{table}:clock",)).fetchone() is None:
                return False
            self._has_rows.add(table)
        return True

    def _unpack(self, request: KeyRequest, rows: dict[bytes | None, bytes]) -> Columns:
        """The rows by the request's keys, which may come twice or have no row."""
        layout = layout_of(request.schema.features)
        try:
            return layout.unpack(request.schema, [rows.get(key, layout.blank) for key in request.keys])
        except OtherLayout:
            raise _foreign_rows(self._table(request.schema.name)) from None

    def _fingerprint(self, view: str, claim: str | None) -> str | None:
        return self._fingerprint_in(self._config, self._table(view), claim)

    def _fingerprint_in(self, config: RepoConfig, table: str, claim: str | None) -> str | None:
        with self._answering(config):
            connection = self._get_conn(config)
            connection.execute(_FINGERPRINTS)
            if claim is not None:
                connection.execute("INSERT OR IGNORE INTO penstock_fingerprints VALUES (?, ?)", (table, claim))
            found = connection.execute(
                "SELECT fingerprint FROM penstock_fingerprints WHERE feature_table = ?", (table,)
            ).fetchone()
        return found[0] if found else None

    def _count_batch(self, view: str) -> None:
        self._count_batch_in(self._config, self._table(view))

    def _count_batch_in(self, config: RepoConfig, table: str) -> None:
        with self._answering(config):
            connection = self._get_conn(config)
            connection.execute(_BATCHES)
            connection.execute(_COUNT_BATCH, (table,))

    def _batches(self, views: Sequence[str]) -> list[int]:
        with self._answering(self._config):
            connection = self._get_conn(self._config)
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'penstock_batches'").fetchone()
            counts = dict(connection.execute("SELECT feature_table, n FROM penstock_batches")) if known else {}
        return [counts.get(self._table(view), 0) for view in views]

    def _place(self) -> str:
        return self._get_db_path(self._config)

    def _table(self, view: str) -> str:
        return f"{self._config.project}_{view}"

    @contextmanager
    def _answering(self, config: RepoConfig) -> Iterator[None]:
        """Turns what SQLite raises into one sentence."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            cause = cause_of(error)
            raise (StoreAway if cause.passes else PenstockError)(
                f"the SQLite store does not answer as it should: {error}",
                where=self._get_db_path(config),
                hint=cause.hint,
            ) from None


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that commits each statement unless a transaction is begun."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        path,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        detect_types=sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES,
        check_same_thread=False,
    )
    _use_wal(connection)
    # offsets are committed after a write: it must be on the disk by then
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Lets readers go on while a row is written. The busy timeout does not cover this switch."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[sqlite3.Connection]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _table_name(config: RepoConfig, table: FeatureView) -> str:
    name: str = _table_id(config.project, table, config.registry.enable_online_feature_view_versioning)
    return name


def _clocks(table: str) -> str:
    return str(_quote_id(f"{table}:clock"))


def _sql(template: str, table: str, keys: int = 0) -> str:
    return template.format(values=_quote_id(table), clocks=_clocks(table), keys=",".join("?" * keys))


def _apply_rows(connection: sqlite3.Connection, table: str, rows: EncodedRows) -> int:
    _make_tables(connection, table)
    applied = _compare_and_set(connection, table, rows)
    connection.executemany(_sql(_SET_VALUE, table), _value_rows(rows, applied))
    return len(applied)


def _erase_rows(connection: sqlite3.Connection, table: str, keys: list[bytes]) -> None:
    _make_tables(connection, table)
    for statement in _ERASE:
        connection.executemany(_sql(statement, table), [(key,) for key in keys])


def _make_tables(connection: sqlite3.Connection, table: str) -> None:
    connection.execute(_sql(_VALUES, table))
    connection.execute(_sql(_CLOCKS, table))
    _add_columns(connection, table)


def _add_columns(connection: sqlite3.Connection, table: str) -> None:
    """Makes a table that an earlier version made one of today's."""
    columns = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({_clocks(table)})")}
    for column in _OF_BATCH:
        if column not in columns:
            connection.execute(_ADD_COLUMN.format(clocks=_clocks(table), column=column))


def _compare_and_set(connection: sqlite3.Connection, table: str, rows: EncodedRows) -> list[int]:
    """Moves the clocks forward and returns the places of the rows that did."""
    cursor, statement = connection.cursor(), _sql(_COMPARE_AND_SET, table)
    whole = layout_of(rows.features).pack(rows)
    batches = rows.batch or [_STREAMED] * len(rows.keys)
    generations, until = [batch[0] for batch in batches], [batch[1] for batch in batches]
    return [
        place
        for place, row in enumerate(zip(rows.keys, rows.t, rows.seq, whole, generations, until, strict=True))
        if cursor.execute(statement, row).rowcount
    ]


def _value_rows(rows: EncodedRows, applied: list[int]) -> Iterator[tuple[bytes, str, bytes, int]]:
    """In the order of the rows: where a key comes twice the later one is the newer."""
    columns = list(zip(rows.names, rows.columns, strict=True))
    for place in applied:
        key, event_time = rows.keys[place], _event_ts(rows.t[place])
        for name, cells in columns:
            yield key, name, cells[place], event_time


def _event_ts(t: int) -> int:
    """Feast writes, and reads, UTC as if it were the local time of the process."""
    return int((_EPOCH + timedelta(seconds=feast_seconds(t))).timestamp())


def _foreign_rows(table: str) -> PenstockError:
    return PenstockError(
        "stored rows do not have exactly the features of their view's definition",
        where=f"table {table}",
        hint="they were written by other definitions: delete them ('feast teardown') and materialize again",
    )
