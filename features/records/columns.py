"""Columns as a definition writes them: a type, where the value stands, and which forms it may have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.features.dimensions import dimensions
from penstock.features.errors import DefinitionError, did_you_mean
from penstock.features.location import caller
from penstock.features.records.casts import FORMS, Cast
from penstock.features.records.origin import Fields, Header, Origin, RecordKey, RecordTime, fields
from penstock.features.records.path import Path, parse_path
from penstock.features.records.times import ISO, UNITS
from penstock.features.types import DEFAULT_PLACES, Column
from penstock.features.zones import Zone
from penstock.features.zones import zone as zone_table

#: One form or several: ``cast="text"``, ``cast=("text", "fraction")``.
Forms = str | Iterable[str]
#: What a text stands for; or the texts that there are, each for itself.
Values = Mapping[str, str] | Iterable[str]


def column(
    type: str,
    *,
    nullable: bool = True,
    places: int = DEFAULT_PLACES,
    path: str | Iterable[str] | None = None,
    cast: Forms = (),
    unit: str | None = None,
    zone: str | None = None,
    values: Values | None = None,
    history_name: str | None = None,
) -> Column:
    """A column with more to say than its type: ``column("float64", path="order.total.amount", cast="text", places=2)``.

    ``path``: where it stands in a record, its own name unless given; of several the first whose object is there.
    ``history_name``: the same in history. ``cast``: forms that it takes beside its own: ``text``, ``fraction``,
    ``number``, ``decimal``. ``unit``: of a timestamp, ``s ms us ns`` or ``iso8601``; ``zone``: of a text without one.
    ``values``: of a string, the texts that there are, or text → what it stands for. Raises DefinitionError.
    """
    origin = None if path is None else fields(path)
    return _column(type, nullable, places, origin, _cast(type, places, cast, unit, zone, values), history_name)


def header(
    name: str,
    type: str = "string",
    *,
    nullable: bool = True,
    places: int = DEFAULT_PLACES,
    cast: Forms = (),
    unit: str | None = None,
    zone: str | None = None,
    values: Values | None = None,
    history_name: str | None = None,
) -> Column:
    """A column that is a header of the record: ``header("trace")``. Its value is text; of several the last counts.

    Raises DefinitionError.
    """
    if not isinstance(name, str) or not name:
        raise DefinitionError(f"{name!r} is not the name of a header", where=caller(), allowed="text")
    _check_text(type)
    cast_ = _cast(type, places, cast, unit, zone, values)
    return _column(type, nullable, places, Header(name), cast_, history_name)


def record_key(
    type: str = "string",
    *,
    path: str | None = None,
    nullable: bool = True,
    places: int = DEFAULT_PLACES,
    cast: Forms = (),
    unit: str | None = None,
    zone: str | None = None,
    values: Values | None = None,
    history_name: str | None = None,
) -> Column:
    """A column that is the record's key: as text, or with ``path`` a field of the JSON object that it is.

    Raises DefinitionError.
    """
    if path is None:
        _check_text(type)
    origin = RecordKey(None if path is None else parse_path(path))
    return _column(type, nullable, places, origin, _cast(type, places, cast, unit, zone, values), history_name)


def record_timestamp(*, history_name: str | None = None) -> Column:
    """A timestamp column that is the record's own timestamp on Kafka."""
    return _column("timestamp", True, DEFAULT_PLACES, RecordTime(), Cast(), history_name)


def _check_text(type: str) -> None:
    if dimensions(type) is not None:
        raise DefinitionError(
            "a vector is not read from text", where=caller(), allowed="a field of the record's JSON: path=…"
        )


def _column(
    type: str, nullable: bool, places: int, origin: Origin | None, cast: Cast, history_name: str | None
) -> Column:
    if history_name is not None and (not isinstance(history_name, str) or not history_name):
        raise DefinitionError(
            f"history_name={history_name!r} is not a column of a file", where=caller(), allowed="its name, or a path"
        )
    path: Path | None = None if history_name is None else parse_path(history_name)
    return Column(type, nullable, places, cast, origin, path)


def _cast(type: str, places: int, forms: Forms, unit: str | None, zone: str | None, values: Values | None) -> Cast:
    given = (forms,) if isinstance(forms, str) else tuple(forms)
    allowed = FORMS.get(type, ())
    for form in given:
        if form not in allowed:
            raise DefinitionError(
                f"cast={form!r} says nothing of {type}",
                where=caller(),
                allowed=" ".join(allowed) or "nothing",
                hint=did_you_mean(str(form), allowed),
            )
    said: dict[str, Any] = {form: True for form in given if form != "decimal"}
    table = _times(type, unit, zone)
    return Cast(
        **said,
        decimal=places if "decimal" in given else None,
        unit=unit or "ms",
        zone=table,
        values=None if values is None else _values(type, values),
    )


def _times(type: str, unit: str | None, zone: str | None) -> Zone | None:
    for name, value in (("unit", unit), ("zone", zone)):
        if value is not None and type != "timestamp":
            raise DefinitionError(f"{name}={value!r} says nothing of {type}", where=caller(), allowed="timestamp")
    if unit is not None and unit not in (*UNITS, ISO):
        raise DefinitionError(
            f"{unit!r} is not a unit of times",
            where=caller(),
            allowed=" ".join((*UNITS, ISO)),
            hint=did_you_mean(str(unit), (*UNITS, ISO)),
        )
    if zone is not None and unit != ISO:
        raise DefinitionError(
            f"zone={zone!r} says nothing of numbers", where=caller(), allowed=f"zone= with unit={ISO!r}"
        )
    return None if zone is None else zone_table(zone)


def _values(type: str, values: Values) -> tuple[tuple[str, str], ...]:
    pairs = tuple(values.items()) if isinstance(values, Mapping) else tuple((value, value) for value in values)
    if type != "string":
        raise DefinitionError(f"values= says nothing of {type}", where=caller(), allowed="string")
    if isinstance(values, str) or not pairs or any(not isinstance(text, str) for pair in pairs for text in pair):
        raise DefinitionError(
            "values= names no texts", where=caller(), allowed="('open', 'paid'), or dict(c='insert', d='delete')"
        )
    return pairs


def origin_text(name: str, origin: Origin) -> str:
    """Where a column stands, for a message: with the column's name where that is another."""
    text = str(origin)
    return name if isinstance(origin, Fields) and text == name else f"{name} ({text})"
