"""Some real records, as documents: the newest of a topic, or the first of files."""

from __future__ import annotations

import csv
import glob
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.errors import PenstockError, UsageError
from penstock.features.records.casts import Numeral, Unfit
from penstock.features.records.document import read_object
from penstock.features.records.numerals import is_numeral
from penstock.jobs.batch.lines import CSV, is_lines, kind, opened
from penstock.jobs.kafka.clients import require_topics
from penstock.jobs.kafka.reading import newest_records
from penstock.jobs.project.config import Config
from penstock.jobs.project.project import Project
from penstock.jobs.records.fields import Fields

#: How many records are looked at.
MOST = 10_000
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,18})")


def of_topic(config: Config, topic: str) -> Fields:
    """The fields of a topic's newest records. Raises PenstockError for a topic without a readable record."""
    require_topics(config, [topic])
    fields, unreadable = Fields(), 0
    for value in _newest(config, topic):
        try:
            fields.add(read_object(value))
        except Unfit:
            unreadable += 1
    if not fields.documents:
        what = f"none of {unreadable:,} records is a JSON object" if unreadable else "it has no records"
        raise PenstockError(f"{topic} cannot be looked at: {what}", where=topic)
    return fields


def _newest(config: Config, topic: str) -> Iterator[bytes]:
    """The values of the newest records that have one, each partition's in order."""
    with closing(newest_records(Project(Path(), config, {}, {}, {}), topic, MOST)) as records:
        yield from (record.value for record in records if record.value)


def of_files(pattern: str) -> tuple[Fields, bool]:
    """The fields of the first rows of files; and whether the files are JSON lines. Raises UsageError for no rows."""
    files = sorted(file for file in glob.glob(pattern, recursive=True) if Path(file).is_file())
    if not files:
        raise UsageError("there are no such files", where=pattern, allowed="Parquet, JSON lines, CSV: a path or a glob")
    lines = is_lines(files[0]) and kind(files[0]) not in CSV
    fields = Fields()
    for document in islice((document for file in files for document in _documents(file)), MOST):
        fields.add(document)
    if not fields.documents:
        raise UsageError("the files have no rows", where=pattern)
    return fields, lines


def _documents(file: str) -> Iterable[dict[str, Any]]:
    if not is_lines(file):
        return _of_parquet(file)
    return _of_csv(file) if kind(file) in CSV else _of_lines(file)


def _of_parquet(file: str) -> Iterator[dict[str, Any]]:
    try:
        for batch in pq.ParquetFile(file).iter_batches(MOST):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"it is no Parquet file: {error}", where=file) from None


def _of_lines(file: str) -> Iterator[dict[str, Any]]:
    with opened(file) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield read_object(line)
                except Unfit as unfit:
                    raise UsageError(f"line {number} is no JSON object: {unfit.what}", where=file) from None


def _of_csv(file: str) -> Iterator[dict[str, Any]]:
    with opened(file) as lines:
        for row in csv.DictReader(line.decode("utf-8-sig") for line in lines):
            yield {str(name): _cell(text) for name, text in row.items() if name is not None}


def _cell(text: str | None) -> Any:
    if not text:
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _WHOLE.fullmatch(text):
        return json.loads(text)
    return Numeral(text) if is_numeral(text) else text
