"""Every bit of a file that we wrote is noticed when it has changed."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock import Stream, View, count
from penstock.features.errors import PenstockError
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.batch.parts import ViewParts, part_rows
from penstock.jobs.parquet.checksums import PLACEHOLDER, add_checksum, check_files, check_metadata
from penstock.jobs.store.materialize import newest_rows

events = Stream("events", history="*.parquet", time="ts", columns=dict(k="string"))
PLAN = View("v", events, key="k", features=dict(c=count().over("10s"))).plan


def written(file: Path, rows: int = 1_000) -> Path:
    # a text that looks like the entry of the metadata stands in the statistics
    texts = [f"penstock.checksum!!crc32c:{i:08x}:{i:08x}" for i in range(rows)]
    table = pa.table({"n": range(rows), "text": texts})
    pq.write_table(table.replace_schema_metadata({**PLACEHOLDER, b"penstock.from": b"0"}), file)
    add_checksum(file)
    return file


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_bit_that_flips_is_noticed(tmp_path: Path) -> None:
    file = written(tmp_path / "a.parquet", rows=40)
    data = file.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    for bit in random.Random(1).sample(range(8 * len(data)), 4_000):
        file.write_bytes(flipped(data, bit))
        with pytest.raises(PenstockError, match=r"a\.parquet is damaged") as error:
            check_files([file])
        assert error.value.where == str(file)
        if bit // 8 >= footer:
            with pytest.raises(PenstockError, match=r"a\.parquet is damaged"):
                check_metadata(file)
    file.write_bytes(data)
    assert check_files([file]) == [file]
    assert pq.read_table(file)["n"].to_pylist() == list(range(40))


def test_every_length_that_a_file_is_cut_to_is_noticed(tmp_path: Path) -> None:
    file = written(tmp_path / "a.parquet", rows=5)
    data = file.read_bytes()
    for length in range(len(data)):
        file.write_bytes(data[:length])
        with pytest.raises(PenstockError, match=r"a\.parquet is damaged"):
            check_files([file])


def test_a_file_without_a_checksum_is_refused_and_says_so(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": [1]}), tmp_path / "a.parquet")
    with pytest.raises(PenstockError, match="no checksum"):
        check_metadata(tmp_path / "a.parquet")
    with pytest.raises(PenstockError, match="cannot be read: No such file"):
        check_files([tmp_path / "b.parquet"])


# -- parts ---------------------------------------------------------------------------------------------------------


def filled(folder: Path, *spans: tuple[int, int]) -> list[Path]:
    """The view's parts over these ranges."""
    times = pa.array(range(0, 400_000, 500), pa.timestamp("ms"))
    pq.write_table(pa.table({"ts": times, "k": ["a"] * len(times)}), folder / "history.parquet")
    for start, end in spans:
        run(folder, start, end)
    return [part.path for part in ViewParts(folder / "v", PLAN).all()]


def run(folder: Path, start: int, end: int) -> list[str]:
    return backfill(PLAN, str(folder / "history.parquet"), start, end, folder, memory="1GB").replaced


def damage(part: Path, where: float) -> None:
    data = part.read_bytes()
    part.write_bytes(flipped(data, int(8 * len(data) * where)))


@pytest.mark.parametrize("where", [0.3, 0.9, 0.999])
def test_a_damaged_part_is_refused_by_all_who_read_it_and_made_anew_by_a_backfill(tmp_path: Path, where: float) -> None:
    first, second = filled(tmp_path, (0, 100_000), (100_000, 300_000))
    whole = newest_rows(PLAN, tmp_path / "v", 300_000)
    damage(second, where)
    for read in (lambda: part_rows(tmp_path / "v"), lambda: newest_rows(PLAN, tmp_path / "v", 300_000)):
        with pytest.raises(PenstockError, match="damaged") as error:
            read()
        assert error.value.where == str(second)
    # a range beside it lets it be: whoever reads it is told
    assert run(tmp_path, 0, 100_000) == [] and second.exists()
    assert run(tmp_path, 100_000, 300_000) == [second.name]
    assert newest_rows(PLAN, tmp_path / "v", 300_000) == whole
    assert first.exists()
