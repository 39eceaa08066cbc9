"""What both stores share: rows in, columns out, and the fingerprint that guards them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from penstock.features.errors import RefusedError
from penstock.jobs.store.columns import Columns
from penstock.jobs.store.encoding import encode_column
from penstock.jobs.store.keys import encode_keys, encode_known_keys
from penstock.jobs.store.patience import Patience
from penstock.jobs.store.rows import Batch, FeatureRow, ViewSchema

T = TypeVar("T")

#: Rows that ``empty_others`` writes at once.
_EMPTIED_AT_ONCE = 20_000

#: A view and the keys whose rows are wanted.
Request = tuple[ViewSchema, Sequence[tuple[Any, ...]]]


@dataclass(frozen=True)
class EncodedRows:
    """Rows of one view as bytes: n keys with their clocks, and for each feature (name, type) a column of n cells."""

    keys: list[bytes]
    t: Sequence[int]
    seq: Sequence[int]
    features: tuple[tuple[str, str], ...]
    columns: list[list[bytes]]
    #: Of each row its ``Batch``; None for rows of the stream.
    batch: Sequence[Batch] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the order of the columns."""
        return tuple(name for name, _ in self.features)


@dataclass(frozen=True)
class KeyRequest:
    """A view and serialised keys; None stands for a key that no row can have.

    Requests with the same keys share one list.
    """

    schema: ViewSchema
    keys: list[bytes | None]


class BulkStore(ABC):
    """An online store, opened on one Feast project, that takes rows and gives columns."""

    _config: Any

    def __init__(self) -> None:
        super().__init__()
        self._accepted: set[ViewSchema] = set()
        self._patience: Patience | None = None

    def wait_while_away(self, patience: Patience) -> None:
        """From now on reads and writes wait while the store is away."""
        self._patience = patience

    def write_rows(self, schema: ViewSchema, rows: Sequence[FeatureRow]) -> int:
        """``write_views`` for one view."""
        return self.write_views([(schema, rows)])

    def write_batch(self, schema: ViewSchema, rows: Sequence[FeatureRow], batch: Batch) -> int:
        """As ``write_rows``, for rows of batch: seq 0, with a generation that decides between two of them.

        Over a row of the stream, or of a batch without a generation, the greater ``(t, seq)`` wins as ever.
        """
        encoded = [(schema.name, replace(encode_rows(schema, rows), batch=[batch] * len(rows)))] if rows else []
        return self._answered(lambda: self._write_accepted([schema], encoded))

    def empty_others(self, schema: ViewSchema, batch: Batch) -> tuple[int, int]:
        """Writes the features' values over nothing to keys of which batch has no row any more.

        Those are the keys whose row an earlier generation wrote, for a time up to ``batch.until``: call this when all
        rows of ``batch`` are written. Returns how many they are, and how many rows a later generation has written.
        """
        return self._answered(lambda: self._empty_others(schema, batch))

    def _empty_others(self, schema: ViewSchema, batch: Batch) -> tuple[int, int]:
        self._accept(schema, claim=True)
        keys, times, emptied, later = [], [], 0, 0
        for key, t, generation in self._rows_of_batch(schema):
            later += generation > batch.generation
            if generation < batch.generation and t <= batch.until:
                keys.append(key)
                times.append(t)
        for start in range(0, len(keys), _EMPTIED_AT_ONCE):
            end = start + _EMPTIED_AT_ONCE
            emptied += self._apply([(schema.name, _over_nothing(schema, keys[start:end], times[start:end], batch))])
        return emptied, later

    def write_views(self, batch: Sequence[tuple[ViewSchema, Sequence[FeatureRow]]]) -> int:
        """Writes each row unless the store holds one of the same or a greater ``(t, seq)`` for its key.

        The rows of all views go together. Returns how many were written. Raises RefusedError when a view's rows come
        from another definition, and PenstockError for a value that does not fit the schema or a store that does not
        answer.
        """
        filled = [(schema, rows) for schema, rows in batch if rows]
        encoded = [(schema.name, encode_rows(schema, rows)) for schema, rows in filled]
        return self._answered(lambda: self._write_accepted([schema for schema, _ in filled], encoded)) if encoded else 0

    def _write_accepted(self, schemas: Sequence[ViewSchema], encoded: list[tuple[str, EncodedRows]]) -> int:
        for schema in schemas:
            self._accept(schema, claim=True)
        return self._apply(encoded)

    def erase_rows(self, batch: Sequence[Request]) -> None:
        """Deletes the rows of keys, with their clocks: whatever row comes next for such a key is written.

        A key without a row is passed over. Raises RefusedError and PenstockError as ``write_views`` does.
        """
        encoded = [(schema, encode_keys(schema, keys)) for schema, keys in batch if keys]
        if encoded:
            self._answered(lambda: self._erase_accepted(encoded))

    def _erase_accepted(self, encoded: list[tuple[ViewSchema, list[bytes]]]) -> None:
        for schema, _ in encoded:
            self._accept(schema, claim=False)
        self._erase(encoded)

    def read_rows(self, requests: Sequence[Request]) -> list[Columns]:
        """All views of all keys in one round trip: for each request its columns, in the order of its keys.

        A key that was never written, or that has a null part, is not ``present`` and has the schema's defaults.
        Raises RefusedError and PenstockError as ``write_rows`` does.
        """
        wanted = _key_requests(requests)
        return self._answered(lambda: self._read_accepted(wanted))

    def _read_accepted(self, wanted: list[KeyRequest]) -> list[Columns]:
        for request in wanted:
            self._accept(request.schema, claim=False)
        return self._fetch(wanted)

    def read_clocks(self, requests: Sequence[Request]) -> list[list[bytes]]:
        """Which row each key has, as bytes that no other row of the key has had; empty where there is none.

        All views of all keys in one round trip, for each request in the order of its keys. Raises as ``read_rows``.
        """
        wanted = _key_requests(requests)
        return self._answered(lambda: self._clocks_accepted(wanted))

    def _clocks_accepted(self, wanted: list[KeyRequest]) -> list[list[bytes]]:
        for request in wanted:
            self._accept(request.schema, claim=False)
        return self._clocks(wanted)

    def note_batch(self, view: str) -> None:
        """Counts one more write of batch into a view: no topic tells of it to those who keep rows in memory."""
        self._answered(lambda: self._count_batch(view))

    def batches(self, views: Sequence[str]) -> list[int]:
        """How often batch has written into each view. Does not wait while the store is away: raises StoreAway."""
        return self._batches(views)

    def _answered(self, ask: Callable[[], T]) -> T:
        return ask() if self._patience is None else self._patience.until_answered(ask)

    @classmethod
    def opened(cls, config: Any) -> Self:
        """The store of a project (a Feast ``RepoConfig``), ready for ``write_rows`` and ``read_rows``."""
        store = cls()
        store._config = config
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.disconnect()

    @property
    def promise(self) -> str | None:
        """What the store promises less than compare-and-set, in a sentence; None: nothing."""
        return None

    @abstractmethod
    def disconnect(self) -> None:
        """Ends the connections."""

    @abstractmethod
    def _apply(self, batch: list[tuple[str, EncodedRows]]) -> int:
        """The compare-and-set of views' rows. Returns how many were written."""

    @abstractmethod
    def _erase(self, batch: list[tuple[ViewSchema, list[bytes]]]) -> None:
        """Deletes all that is kept of these keys' rows."""

    @abstractmethod
    def _rows_of_batch(self, schema: ViewSchema) -> Iterator[tuple[bytes, int, int]]:
        """Key, ``t`` and generation of each row of a view that batch wrote."""

    @abstractmethod
    def _fetch(self, requests: list[KeyRequest]) -> list[Columns]:
        """The rows of each request's keys."""

    @abstractmethod
    def _clocks(self, requests: list[KeyRequest]) -> list[list[bytes]]:
        """The packed clocks of each request's keys, with the generation of a row of batch."""

    @abstractmethod
    def _fingerprint(self, view: str, claim: str | None) -> str | None:
        """The fingerprint of the view's rows. ``claim`` is kept, atomically, when there is none yet."""

    @abstractmethod
    def _count_batch(self, view: str) -> None:
        """One more."""

    @abstractmethod
    def _batches(self, views: Sequence[str]) -> list[int]:
        """The counts, 0 where there is none."""

    @abstractmethod
    def _place(self) -> str:
        """Where the store is, without secrets, for messages."""

    def _accept(self, schema: ViewSchema, *, claim: bool) -> None:
        """Refuses a schema whose fingerprint is not the stored one; asks the store once for each schema."""
        if schema in self._accepted:
            return
        held = self._fingerprint(schema.name, schema.fingerprint if claim else None)
        if held is None:
            return
        if held != schema.fingerprint:
            raise other_definition(schema.name, held, schema.fingerprint, self._place())
        self._accepted.add(schema)


def other_definition(view: str, stored: str, wanted: str, where: str) -> RefusedError:
    """The error for stored rows that come from another definition than the one at hand."""
    return RefusedError(
        f"the store's rows of view {view} come from another definition: fingerprint {stored}",
        where=where,
        allowed=f"fingerprint {wanted}",
        hint="give the changed view a new name, or delete its stored rows ('feast teardown')",
    )


def _over_nothing(schema: ViewSchema, keys: list[bytes], times: Sequence[int], batch: Batch) -> EncodedRows:
    """Rows of batch with the schema's defaults."""
    n = len(keys)
    cells = [
        encode_column(type, [default] * n, where=f"{schema.name}.{name}")
        for (name, type), default in zip(schema.features, schema.defaults, strict=True)
    ]
    return EncodedRows(keys, times, [0] * n, schema.features, cells, [batch] * n)


def encode_rows(schema: ViewSchema, rows: Sequence[FeatureRow]) -> EncodedRows:
    """The rows as bytes. Raises PenstockError for a key or value that does not fit the schema."""
    keys, t, seq, values = zip(*rows, strict=True)
    columns = zip(*values, strict=True)
    cells = [
        encode_column(type, column, where=f"{schema.name}.{name}")
        for (name, type), column in zip(schema.features, columns, strict=True)
    ]
    return EncodedRows(encode_keys(schema, keys), t, seq, schema.features, cells)


def _key_requests(requests: Sequence[Request]) -> list[KeyRequest]:
    """Keys that several views ask for are serialised once."""
    known: list[tuple[ViewSchema, Sequence[tuple[Any, ...]], list[bytes | None]]] = []
    result = []
    for schema, keys in requests:
        encoded = next((done for other, same, done in known if other.key == schema.key and same == keys), None)
        if encoded is None:
            encoded = encode_known_keys(schema, keys)
            known.append((schema, keys, encoded))
        result.append(KeyRequest(schema, encoded))
    return result
