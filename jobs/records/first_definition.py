"""A first definition, written from the fields of real records, with the reasons in its comments."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.features.errors import DefinitionError, UsageError
from penstock.features.names import RESERVED, check_name
from penstock.features.records.path import path_text
from penstock.jobs.records.fields import Field, Fields

#: Names that a column of an event's time or of its own id is likely to have, the likeliest first.
_TIMES = ("event_time", "eventtime", "ts", "timestamp", "time", "occurred", "created", "date", "at")
#: How many candidates for the key a comment names.
_KEYS = 5


@dataclass(frozen=True)
class Place:
    """Where the records are: how the definition names it (``topic=`` or ``history=``), and how columns name theirs."""

    source: str
    argument: str
    value: str
    #: ``path`` in records and JSON lines, ``history_name`` in Parquet and CSV.
    reached: str


@dataclass(frozen=True)
class Guess:
    """A column: its name, its type, what else ``column()`` is given, and a remark."""

    name: str
    field: Field
    type: str
    options: tuple[str, ...] = ()
    remark: str = ""

    def text(self, reached: str) -> str:
        """As it stands in the definition."""
        own = self.field.path == (self.name,)
        options = [] if own else [f"{reached}={quoted(path_text(self.field.path))}"]
        options += self.options
        written = f'"{self.type}"' if not options else f'column("{self.type}", {", ".join(options)})'
        nulls = f"{self.field.nulls:,} null" if self.field.nulls else ""
        remark = "; ".join(filter(None, (nulls, self.remark)))
        return f"        {self.name}={written},{f'  # {remark}' if remark else ''}\n"


def first_definition(fields: Fields, place: Place) -> str:
    """The text of ``definitions.py``. Raises UsageError where no field can be an event's time."""
    found = fields.found()
    guesses = _guesses([each for each in found if not each.only("array")])
    times = sorted((each for each in guesses if each.type == "timestamp" and not each.field.nulls), key=_time_rank)
    if not times and place.argument != "topic":
        raise UsageError(
            f"no field of {place.value} can be the time of an event",
            allowed="whole numbers in s, ms, us or ns since 1970, or ISO times, in every record",
            hint="with 'penstock init FOLDER' write the definition yourself, with cast= and unit=",
        )
    ids = [each for each in guesses if _is_id(each, times)]
    keys = sorted((each for each in guesses if _is_key(each, times, ids)), key=lambda each: not _named_id(each))
    return _text(place, fields.documents, guesses, times, ids, keys, [f for f in found if f.only("array")])


def quoted(text: str) -> str:
    """A text as Python writes it, in double quotes where that needs no escape."""
    return repr(text) if '"' in text or "\\" in text or not text.isprintable() else f'"{text}"'


def _guesses(fields: Sequence[Field]) -> list[Guess]:
    taken: set[str] = set()
    guesses = []
    for each in fields:
        name = _name(each, taken)
        taken.add(name.lower())
        guesses.append(_guess(name, each))
    return guesses


def _name(field: Field, taken: set[str]) -> str:
    """The last step, or more of the path, as a name that a column may have and none has yet."""
    names = [str(step) for step in field.path]
    for length in range(1, len(names) + 1):
        name = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(names[-length:])).strip("_") or "field"
        name = name if name[0].isalpha() else f"field_{name}"
        if keyword.iskeyword(name) or name.lower() in RESERVED:
            name = f"{name}_value"
        if name.lower() not in taken and _allowed(name):
            return name
    number = 2
    while f"field_{number}" in taken:
        number += 1
    return f"field_{number}"


def _allowed(name: str) -> bool:
    try:
        check_name(name, "column", reserved=True)
    except DefinitionError:
        return False
    return True


def _guess(name: str, field: Field) -> Guess:
    if field.only("bool"):
        return Guess(name, field, "bool")
    if field.only("int"):
        return _of_integers(name, field)
    if field.only("int", "fraction"):
        if field.nulls and field.whole:
            return Guess(name, field, "int64", ('cast="fraction"',), "whole numbers with a fraction")
        return Guess(name, field, "float64")
    if field.only("decimal"):
        return Guess(name, field, "float64", ('cast="decimal"', f"places={field.places}"))
    if field.only("time"):
        return Guess(name, field, "timestamp")
    if field.only("text"):
        return _of_texts(name, field)
    kinds = " and ".join(field.kinds)
    if field.only("text", "int"):
        return Guess(name, field, "string", ('cast="number"',), f"{kinds}")
    return Guess(name, field, "string", ('cast=("number", "fraction")',), f"{kinds}: some may be dead letters")


def _of_integers(name: str, field: Field) -> Guess:
    if len(field.units) != 1 or _time_words(name) is None:
        return Guess(name, field, "int64")
    (unit,) = field.units
    return Guess(name, field, "timestamp", () if unit == "ms" else (f'unit="{unit}"',))


def _of_texts(name: str, field: Field) -> Guess:
    if field.times:
        if field.zoned:
            return Guess(name, field, "timestamp", ('unit="iso8601"',))
        remark = "the texts have no zone: is it UTC?"
        return Guess(name, field, "timestamp", ('unit="iso8601"', 'zone="UTC"'), remark)
    if field.numeric and any("." in str(text) for text in field.distinct):
        return Guess(name, field, "float64", ('cast="text"',), "numbers in text")
    return Guess(name, field, "string")


def _time_words(name: str) -> int | None:
    """How likely a name is that of a time, from 0 on; None: it is not."""
    words = re.findall(r"[a-z]+", _snake(name))
    places = [place for place, word in enumerate(_TIMES) if word in words or word == "_".join(words)]
    return min(places, default=None)


def _time_rank(guess: Guess) -> tuple[int, int]:
    rank = _time_words(guess.name)
    return (len(_TIMES) if rank is None else rank, len(guess.field.path))


def _named_id(guess: Guess) -> bool:
    return re.search(r"(^|_)(id|uuid|key|number|no|nr|code)$", _snake(guess.name)) is not None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _is_id(guess: Guess, times: Sequence[Guess]) -> bool:
    fits = guess.type in ("string", "int64") and not guess.field.nulls and guess.field.unique
    return fits and _named_id(guess) and guess not in times


def _is_key(guess: Guess, times: Sequence[Guess], ids: Sequence[Guess]) -> bool:
    fits = guess.type in ("string", "int64") and guess not in times and guess not in ids
    repeats = 1 < len(guess.field.distinct) < guess.field.values
    return fits and repeats and (guess.type == "string" or _named_id(guess))


def _text(
    place: Place,
    records: int,
    guesses: Sequence[Guess],
    times: Sequence[Guess],
    ids: Sequence[Guess],
    keys: Sequence[Guess],
    arrays: Sequence[Field],
) -> str:
    options = any("column(" in each.text(place.reached) for each in guesses)
    names = ["Stream", "View", *(["column"] if options else []), "count", "mean"]
    columns = "".join(each.text(place.reached) for each in guesses)
    if times:
        time, others = times[0].name, [each.name for each in times[1:]]
        why = f"  # in every record{f'; other times: {chr(44).join(others)}' if others else ''}"
    else:
        time, why = "record_time", "  # no field is a time in every record: the record's own on Kafka"
        columns += "        record_time=record_timestamp(),\n"
        names.append("record_timestamp")
    number = next((each for each in guesses if each.type == "float64"), None)
    if not keys:
        names = [name for name in names if name not in ("View", "count", "mean")]
    elif number is None:
        names.remove("mean")
    lines = [
        f'"""Written from {records:,} records of {place.value}. Read each guess before you rely on it."""\n\n',
        f"from penstock import {', '.join(sorted(names, key=lambda name: (name[0].islower(), name)))}\n\n",
    ]
    for each in arrays:
        path = path_text((*each.path, 0))
        lines.append(
            f"# {path_text(each.path)} is an array: column(…, {place.reached}={quoted(path)}) is its first element\n"
        )
    lines += [
        f'{place.source} = Stream(\n    "{place.source}",\n    {place.argument}={quoted(place.value)},\n',
        f'    time="{time}",{why}\n',
        _id_line(ids, records),
        f"    columns=dict(\n{columns}    ),\n)\n",
        _view(place.source, keys, records, number),
    ]
    return "".join(lines)


def _id_line(ids: Sequence[Guess], records: int) -> str:
    if not ids:
        return "    # no id=: no field that is called so has another value in every record\n"
    others = [each.name for each in ids[1:]]
    more = f"; so have {', '.join(others)}" if others else ""
    return f'    id="{ids[0].name}",  # another value in each of {records:,} records{more}\n'


def _view(source: str, keys: Sequence[Guess], records: int, number: Guess | None) -> str:
    if not keys:
        return "\n# no field repeats its values: choose a key=, and write a View\n"
    key = keys[0]
    others = ", ".join(f"{each.name} ({len(each.field.distinct):,})" for each in keys[1 : _KEYS + 1])
    mean = "" if number is None else f'    {number.name}_mean=mean({source}.{number.name}).over("1d"),\n'
    return (
        f"\n# {key.name} has {len(key.field.distinct):,} values in {records:,} records"
        f"{f'; other keys: {others}' if others else ''}\n"
        f'by_{key.name.lower()} = View("by_{key.name.lower()}", {source}, key="{key.name}", features=dict(\n'
        f'    events=count().over("1h", "1d"),\n{mean}))\n'
    )
