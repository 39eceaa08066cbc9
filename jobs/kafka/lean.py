"""A consumer that makes of a record only what is asked for: several times the records per second.

kafka-python makes thirteen attributes of every record, its headers decoded. Here a record keeps its headers as they
came. This reaches into kafka-python's own classes; the tests hold it against what kafka-python itself reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.protocol.consumer import IsolationLevel
from kafka.record.util import decode_varint, encode_varint


class Record(NamedTuple):
    """``interface.Record``, its headers undecoded."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    packed_headers: bytes
    timestamp: int = -1

    @property
    def headers(self) -> list[tuple[str, bytes | None]]:
        """Name and value of each header, in order."""
        return list(_headers(self.packed_headers))

    def carries(self, name: str, value: bytes) -> bool:
        """Is this header among the record's? Headers before it are not even decoded."""
        return packed_header(name, value) in self.packed_headers


def lean(consumer: Any) -> Any:
    """The same kafka-python consumer, which gives ``Record`` from now on."""
    consumer._fetcher.PartitionRecords = _LeanRecords
    return consumer


class DamagedBatchError(CorruptRecordError):  # type: ignore[misc]
    """A batch that cannot be read: where it begins for its reader, where it ends, and why."""

    def __init__(self, place: Any, offset: int, last: int, why: str) -> None:
        super().__init__(why)
        self.place, self.offset, self.last, self.why = place, offset, last, why


class _LeanRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one fetch of one partition, read as they are taken."""

    def _unpack_records(self, tp: Any, records: Any, *deserializers: Any) -> Iterator[Record]:
        for batch in records:
            if self.check_crcs and not batch.validate_crc():
                raise self._damaged(tp, batch, batch.base_offset, "its checksum is wrong")
            self.leader_epoch = batch.leader_epoch
            if self._holds_data(batch):
                yield from self._read(tp, batch)
            # the end of a batch may have been compacted away
            self.next_fetch_offset = batch.next_offset
        self.drain()

    def _holds_data(self, batch: Any) -> bool:
        """Not the end mark of a transaction, and not part of one that was aborted."""
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return False
        return not batch.is_control_batch

    def _read(self, tp: Any, batch: Any) -> Iterator[Record]:
        try:
            batch._maybe_uncompress()
        except Exception as error:  # each codec has errors of its own
            raise self._damaged(tp, batch, batch.last_offset, f"it cannot be decompressed: {error}") from None
        data, base = bytes(batch._buffer), batch.base_offset
        appended = batch.max_timestamp if batch.timestamp_type == batch.LOG_APPEND_TIME else None
        first = batch.first_timestamp
        try:
            for delta, later, key, value, headers in _unpack(data, batch._pos, batch.records_count):
                offset = base + delta
                self.records_read += 1
                self.next_fetch_offset = offset + 1
                time = first + later if appended is None else appended
                yield Record(tp.topic, tp.partition, offset, key, value, headers, time)
        except (IndexError, ValueError) as error:
            raise self._damaged(tp, batch, batch.last_offset, f"a record is damaged: {error}") from None

    def _damaged(self, tp: Any, batch: Any, last: int, why: str) -> DamagedBatchError:
        first = max(int(batch.base_offset), int(self.next_fetch_offset))
        return DamagedBatchError(tp, first, max(first, last), why)


def _unpack(data: bytes, at: int, count: int) -> Iterator[tuple[int, int, bytes | None, bytes | None, bytes]]:
    """Offset delta, time delta, key, value and packed headers of each record (format 2). Written flat, for speed."""
    for _ in range(count):
        size, at = decode_varint(data, at)
        end = at + size
        at += 1  # attributes, unused
        later = data[at]  # the same millisecond more often than not
        later, at = (later >> 1, at + 1) if not later & 129 else decode_varint(data, at)
        delta, at = decode_varint(data, at)
        size = data[at]  # a key of 0 to 63 bytes: the one size that fits a byte often enough
        size, at = (size >> 1, at + 1) if not size & 129 else decode_varint(data, at)
        key, at = (data[at : at + size], at + size) if size >= 0 else (None, at)
        size, at = decode_varint(data, at)
        value, at = (data[at : at + size], at + size) if size >= 0 else (None, at)
        yield delta, later, key, value, data[at:end]
        at = end
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes too many")


def _bytes(data: bytes, at: int) -> tuple[bytes | None, int]:
    size, at = decode_varint(data, at)
    return (data[at : at + size], at + size) if size >= 0 else (None, at)


def _headers(packed: bytes) -> Iterator[tuple[str, bytes | None]]:
    count, at = decode_varint(packed)
    for _ in range(count):
        name, at = _bytes(packed, at)
        value, at = _bytes(packed, at)
        yield (name or b"").decode(), value


@lru_cache
def packed_header(name: str, value: bytes) -> bytes:
    """A header as it stands in ``packed_headers``."""
    packed = bytearray()
    for part in (name.encode(), value):
        encode_varint(len(part), packed.append)
        packed += part
    return bytes(packed)
