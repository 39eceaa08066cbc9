"""Any online store of Feast, by its public interface alone: rows are read, compared, and written in three steps.

A row carries its clock as one more value, ``_clock``. What no such store can promise stands in ``PROMISE``.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from feast import Entity, FeatureView, Field, FileSource
from feast.infra.key_encoding_utils import deserialize_entity_key
from feast.infra.online_stores.helpers import get_online_store_from_config
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.types import FeastType

from penstock.features.compilers.feast.types import FEATURE_TYPES, KEY_FIELDS, KEY_TYPES
from penstock.features.dimensions import kept_as
from penstock.features.errors import PenstockError
from penstock.jobs.store.bulk import BulkStore, EncodedRows, KeyRequest
from penstock.jobs.store.clock import ABSENT, feast_seconds, pack_batch_clock, pack_clock, unpack_clocks, wins
from penstock.jobs.store.columns import Cells, Columns, decode
from penstock.jobs.store.encoding import NULL, Cell
from penstock.jobs.store.keys import encode_keys
from penstock.jobs.store.patience import StoreAway
from penstock.jobs.store.rows import ViewSchema

T = TypeVar("T")
Read = tuple[datetime | None, dict[str, Value] | None]
#: Entity key, values, event time, and of batch the time of its generation.
Row = tuple[EntityKey, dict[str, Value], datetime, datetime | None]

#: The value that is a row's clock.
CLOCK = "_clock"
#: Rows that are read and written at once.
_AT_ONCE = 2_000
#: Where fingerprints and counts of batch writes are kept: a view of Penstock's own, by the name of each view.
_NOTES = ViewSchema("penstock_notes", (("view", "string"),), (("fingerprint", "string"), ("batches", "int64")), (), "")
#: What drivers call an error that may pass (PEP 249), beside the operating system's own.
_PASSING = {"OperationalError", "InterfaceError"}

#: What is weaker than with the stores that compare and set.
PROMISE = (
    "{store} has no compare-and-set: while two processes write one key, an older row may stay until the key's next row"
)


class FeastStore(BulkStore):
    """Rows through ``online_write_batch`` and ``online_read``. Threads of one process take turns."""

    def __init__(self) -> None:
        super().__init__()
        self._store: Any = None
        self._turn = threading.RLock()
        self._views: dict[str, FeatureView] = {}

    @property
    def promise(self) -> str | None:
        """That a newer row may lose."""
        return PROMISE.format(store=self._name())

    def disconnect(self) -> None:
        """Ends the connections."""
        with self._turn:
            store, self._store = self._store, None
            self._views.clear()
            if store is not None:
                asyncio.run(store.close())

    def _apply(self, batch: list[tuple[str, EncodedRows]]) -> int:
        with self._turn:
            return sum(self._write_newer(view, rows) for view, rows in batch)

    def _write_newer(self, view: str, rows: EncodedRows) -> int:
        clocks = _clocks(rows)
        cells = list(zip(*rows.columns, strict=True)) or [()] * len(rows.keys)
        written = 0
        for start in range(0, len(rows.keys), _AT_ONCE):
            some = range(start, min(start + _AT_ONCE, len(rows.keys)))
            keys = [_entity_key(rows.keys[place]) for place in some]
            held = [_clock_of(read) for read in self._read(view, keys, [CLOCK])]
            newer: list[Row] = [
                (
                    key,
                    {**_values(rows.names, cells[place]), CLOCK: Value(bytes_val=clocks[place])},
                    _moment(rows.t[place]),
                    None if rows.batch is None else _moment(rows.batch[place].generation),
                )
                for place, key, clock in zip(some, keys, held, strict=True)
                if clock is None or wins(clocks[place], clock)
            ]
            self._put(view, newer)
            written += len(newer)
        return written

    def _erase(self, batch: list[tuple[ViewSchema, list[bytes]]]) -> None:
        """Nulls take the place of the values: Feast's stores delete no single key."""
        with self._turn:
            for schema, keys in batch:
                entities = [_entity_key(key) for key in keys]
                held = self._read(schema.name, entities, [CLOCK])
                nothing = {name: Value() for name in (*schema.feature_names, CLOCK)}
                gone: list[Row] = [
                    (key, nothing, moment, None)
                    for key, (moment, _) in zip(entities, held, strict=True)
                    if moment is not None
                ]
                self._put(schema.name, gone)

    def _rows_of_batch(self, schema: ViewSchema) -> Iterator[tuple[bytes, int, int]]:
        """None: Feast's interface lists no keys."""
        return iter(())

    def _fetch(self, requests: list[KeyRequest]) -> list[Columns]:
        with self._turn:
            return decode([self._cells(request) for request in requests])

    def _clocks(self, requests: list[KeyRequest]) -> list[list[bytes]]:
        with self._turn:
            return [[_clock_of(read) or b"" for read in self._reads(each, [CLOCK])] for each in requests]

    def _cells(self, request: KeyRequest) -> Cells:
        schema = request.schema
        reads = self._reads(request, [*schema.feature_names, CLOCK])
        t, seq = unpack_clocks([_clock_of(read) for read in reads])
        values = [{} if of is None or at == ABSENT else of for (_, of), at in zip(reads, t, strict=True)]
        return Cells(schema, t, seq, [[_cell(row, name) for row in values] for name in schema.feature_names])

    def _reads(self, request: KeyRequest, names: list[str]) -> list[Read]:
        """The values of these names for each of the request's keys."""
        known = list(dict.fromkeys(key for key in request.keys if key is not None))
        reads: dict[bytes | None, Read] = {}
        for start in range(0, len(known), _AT_ONCE):
            some = known[start : start + _AT_ONCE]
            rows = self._read(request.schema.name, [_entity_key(key) for key in some], names)
            reads |= dict(zip(some, rows, strict=True))
        return [reads.get(key, (None, None)) for key in request.keys]

    def _read(self, view: str, keys: list[EntityKey], names: list[str]) -> list[Read]:
        """Each key's event time and values, in the order of the keys."""
        if not keys:
            return []
        rows: list[Read] = self._ask(lambda store: store.online_read(self._config, self._views[view], keys, names))
        return rows

    def _put(self, view: str, rows: list[Row]) -> None:
        if rows:
            self._ask(lambda store: store.online_write_batch(self._config, self._views[view], rows, None))

    # -- notes -----------------------------------------------------------------------------------------------------

    def _accept(self, schema: ViewSchema, *, claim: bool) -> None:
        with self._turn:
            self._know(_NOTES)
            self._know(schema)
            super()._accept(schema, claim=claim)

    def _know(self, schema: ViewSchema) -> None:
        """Has the store make the view's table where it has none."""
        if schema.name not in self._views:
            view = _feature_view(schema)
            entities = view_entities(schema)
            self._ask(lambda store: store.update(self._config, [], [view], [], entities, partial=True))
            self._views[schema.name] = view

    def _fingerprint(self, view: str, claim: str | None) -> str | None:
        fingerprint = self._note(view).get("fingerprint", Value())
        if fingerprint.WhichOneof("val") is not None:
            return str(fingerprint.string_val)
        if claim is not None:
            self._put_note(view, fingerprint=Value(string_val=claim))
        return claim

    def _count_batch(self, view: str) -> None:
        with self._turn:
            self._know(_NOTES)
            count = self._note(view).get("batches", Value()).int64_val
            self._put_note(view, batches=Value(int64_val=count + 1))

    def _batches(self, views: Sequence[str]) -> list[int]:
        with self._turn:
            self._know(_NOTES)
            return [int(self._note(view).get("batches", Value()).int64_val) for view in views]

    def _note(self, view: str) -> dict[str, Value]:
        ((_, values),) = self._read(_NOTES.name, [_note_key(view)], list(_NOTES.feature_names))
        return values or {}

    def _put_note(self, view: str, **values: Value) -> None:
        self._put(_NOTES.name, [(_note_key(view), {**self._note(view), **values}, datetime.now(UTC), None)])

    # -- the store -------------------------------------------------------------------------------------------------

    def _ask(self, ask: Callable[[Any], T]) -> T:
        """What the store says. After an error the next question goes to a new one: a connection may be lost."""
        try:
            if self._store is None:
                self._store = get_online_store_from_config(self._config.online_store)
            return ask(self._store)
        except Exception as error:  # every store has errors of its own
            self._store = None
            passing = isinstance(error, OSError) or _PASSING & {each.__name__ for each in type(error).__mro__}
            raise (StoreAway if passing else PenstockError)(
                f"{self._name()} does not answer as it should: {type(error).__name__}: {_first_line(error)}",
                where=self._place(),
            ) from None

    def _name(self) -> str:
        return type(self._config.online_store).__name__.removesuffix("Config")

    def _place(self) -> str:
        """Host and port, where the store has them; nothing else of its configuration."""
        settings = self._config.online_store
        host, port = getattr(settings, "host", None), getattr(settings, "port", None)
        return self._name() if host is None else f"{host}:{port}"


def view_entities(schema: ViewSchema) -> list[Entity]:
    """An entity for each key column."""
    return [Entity(name=name, join_keys=[name], value_type=KEY_TYPES[type]) for name, type in schema.key]


def _feature_view(schema: ViewSchema) -> FeatureView:
    """The view as its store knows it. Its source is never read."""
    types: list[tuple[str, FeastType]] = [(name, KEY_FIELDS[type]) for name, type in schema.key]
    types += [(name, FEATURE_TYPES[kept_as(type)]) for name, type in schema.features]
    return FeatureView(
        name=str(schema.name),
        entities=view_entities(schema),
        schema=[Field(name=name, dtype=type) for name, type in types],
        source=FileSource(name=f"{schema.name}_none", path="none.parquet", timestamp_field="event_timestamp"),
        ttl=timedelta(0),
    )


def _entity_key(key: bytes) -> EntityKey:
    return deserialize_entity_key(key, entity_key_serialization_version=3)


def _note_key(view: str) -> EntityKey:
    return _entity_key(encode_keys(_NOTES, [(str(view),)])[0])


def _values(names: Sequence[str], cells: Sequence[bytes]) -> dict[str, Value]:
    return {name: Value.FromString(cell) for name, cell in zip(names, cells, strict=True)}


def _cell(values: dict[str, Value], name: str) -> Cell:
    value = values.get(name)
    return NULL if value is None else value.SerializeToString()


def _clocks(rows: EncodedRows) -> list[bytes]:
    if rows.batch is None:
        return list(map(pack_clock, rows.t, rows.seq))
    return [pack_batch_clock(t, seq, *batch) for t, seq, batch in zip(rows.t, rows.seq, rows.batch, strict=True)]


def _clock_of(read: Read) -> bytes | None:
    """The row's clock. One that Feast wrote by itself has none: its event time counts, with seq 0."""
    moment, values = read
    if moment is None or values is None:
        return None
    if CLOCK in values:
        return bytes(values[CLOCK].bytes_val) or None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return pack_clock((aware - _EPOCH) // timedelta(milliseconds=1), 0)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(ms: int) -> datetime:
    return _EPOCH + timedelta(seconds=feast_seconds(ms), milliseconds=ms % 1000)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
