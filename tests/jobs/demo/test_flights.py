import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.demo.flights import REPORT, FlightsReport, build
from penstock.jobs.project.project import read_definitions

DEFINITIONS = Path(__file__).parents[3] / "feature_repo" / "definitions.py"
DOCS = Path(__file__).parents[3] / "docs" / "flights.md"
ARROW = {"string": "string", "float64": "double", "int64": "int64", "timestamp": "timestamp[us, tz=UTC]"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FlightsReport]:
    folder = tmp_path_factory.mktemp("flights") / "flights"
    return folder, build(folder)


@pytest.fixture(scope="module")
def sql(built: tuple[Path, FlightsReport]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for source in ("departures", "arrivals", "weather"):
        connection.execute(f"CREATE VIEW {source} AS FROM '{built[0]}/{source}/*.parquet'")
    for table in ("planes", "airports"):
        connection.execute(f"CREATE VIEW {table} AS FROM '{built[0]}/{table}.parquet'")
    return connection


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def both_ends(sql: duckdb.DuckDBPyConnection, flight: str) -> tuple[datetime, datetime]:
    row = sql.execute(
        "SELECT d.ts, a.ts FROM departures d JOIN arrivals a USING (flight_id) WHERE flight_id = ?", [flight]
    ).fetchone()
    assert row is not None
    return row


def test_counts_add_up(built: tuple[Path, FlightsReport], sql: duckdb.DuckDBPyConnection) -> None:
    report = built[1]
    assert report.flights == 336_776 == report.departed + report.cancelled
    assert report.cancelled == 8_255
    assert report.departed == report.arrived + report.diverted
    for source, count in (("departures", report.departed), ("arrivals", report.arrived), ("weather", report.weather)):
        assert sql.execute(f"SELECT count(*) FROM {source}").fetchone() == (count,)
    assert sql.execute("SELECT count(*) FROM planes").fetchone() == (report.planes,)
    assert sql.execute("SELECT count(*) FROM airports").fetchone() == (report.airports,)


def test_the_report_is_the_one_that_the_docs_state(built: tuple[Path, FlightsReport]) -> None:
    assert built[1] == FlightsReport(
        flights=336_776,
        departed=328_521,
        cancelled=8_255,
        departures_off_clock=0,
        arrived=327_346,
        diverted=1_175,
        diverted_with_clock=717,
        arrivals_off_clock=1,
        too_fast=0,
        weather=26_115,
        planes=3_322,
        airports=1_458,
        without_plane=48_550,
        without_airport=7_561,
    )


def test_files_have_the_columns_that_the_definitions_declare(built: tuple[Path, FlightsReport]) -> None:
    streams, _, _ = read_definitions(DEFINITIONS)
    for name, stream in streams.items():
        file = built[0] / f"{name}.parquet" if stream.time is None else built[0] / name / "part-2013-06.parquet"
        found = {field.name: str(field.type) for field in pq.read_schema(file)}
        assert found == {column: ARROW[typed.type] for column, typed in stream.columns.items()}


def test_each_month_of_event_time_has_its_file_in_order(
    built: tuple[Path, FlightsReport], sql: duckdb.DuckDBPyConnection
) -> None:
    months = [f"part-2013-{month:02}.parquet" for month in range(1, 13)]
    for source in ("departures", "arrivals", "weather"):
        last = [] if source == "weather" else ["part-2014-01.parquet"]
        assert sorted(file.name for file in (built[0] / source).iterdir()) == months + last
        for file in (built[0] / source).iterdir():
            times = pq.read_table(file)["ts"].to_pylist()
            assert times == sorted(times)
            assert {f"part-{time:%Y-%m}.parquet" for time in times} == {file.name}


def test_a_flight_known_by_hand(sql: duckdb.DuckDBPyConnection) -> None:
    # UA 1545: scheduled 05:15 EST to Houston at 08:19 CST, two minutes late out, eleven late in
    assert both_ends(sql, "UA1545-EWR-2013-01-01") == (utc("2013-01-01T10:17"), utc("2013-01-01T14:30"))
    row = sql.execute("FROM departures WHERE flight_id = 'UA1545-EWR-2013-01-01'").fetchone()
    assert row == (
        utc("2013-01-01T10:17"), "UA1545-EWR-2013-01-01", "UA", "EWR", "IAH", "N14228", 1400.0, 244.0, 2.0, 5,
    )  # fmt: skip


def test_a_flight_to_hawaii_lands_on_the_same_local_day(sql: duckdb.DuckDBPyConnection) -> None:
    # HA 51: 10:05 EDT, 15:27 HST
    assert both_ends(sql, "HA51-JFK-2013-07-01") == (utc("2013-07-01T14:05"), utc("2013-07-02T01:27"))


def test_a_late_departure_may_leave_on_the_next_day(sql: duckdb.DuckDBPyConnection) -> None:
    left = sql.execute("SELECT ts, sched_hour FROM departures WHERE flight_id = 'B6839-JFK-2013-12-31'").fetchone()
    assert left == (utc("2014-01-01T05:13"), 23)  # scheduled for 23:59, gone at 00:13


def test_the_night_without_two_oclock(sql: duckdb.DuckDBPyConnection) -> None:
    # B6 35 left at 23:06 EST and was due at 00:34, 89 minutes late: 02:03 EST, which clocks called 03:03 EDT.
    # It is the one arrival whose local time in the source (203) is not the instant's.
    assert both_ends(sql, "B635-JFK-2013-03-09") == (utc("2013-03-10T04:06"), utc("2013-03-10T07:03"))
    # the first departure after it: 04:54 EDT
    assert both_ends(sql, "US1113-EWR-2013-03-10") == (utc("2013-03-10T08:54"), utc("2013-03-10T10:28"))


def test_the_day_after_the_clocks_went_back(sql: duckdb.DuckDBPyConnection) -> None:
    # UA 322: 05:19 EST, 07:51 CST
    assert both_ends(sql, "UA322-EWR-2013-11-03") == (utc("2013-11-03T10:19"), utc("2013-11-03T13:51"))


def test_a_destination_that_airports_lacks_has_its_zone(sql: duckdb.DuckDBPyConnection) -> None:
    # B6 713 to San Juan (UTC-4 all year): 00:17 EST, 03:44 local
    assert both_ends(sql, "B6713-JFK-2013-03-09") == (utc("2013-03-10T04:17"), utc("2013-03-10T07:44"))
    assert sql.execute("SELECT count(*) FROM airports WHERE faa IN ('SJU', 'BQN', 'PSE', 'STT')").fetchone() == (0,)


def test_every_departure_precedes_its_arrival_by_a_plausible_time(sql: duckdb.DuckDBPyConnection) -> None:
    joined = "departures d JOIN arrivals a USING (flight_id)"
    assert sql.execute(f"SELECT count(*) FROM {joined}").fetchone() == (327_346,)
    flown = sql.execute(f"SELECT min(epoch(a.ts - d.ts)) / 60, max(epoch(a.ts - d.ts)) / 60 FROM {joined}").fetchone()
    assert flown == (33.0, 738.0)


def test_an_arrival_carries_its_departures_columns(sql: duckdb.DuckDBPyConnection) -> None:
    different = sql.execute(
        """SELECT count(*) FROM departures d JOIN arrivals a USING (flight_id) WHERE d.dep_delay <> a.dep_delay
        OR d.carrier <> a.carrier OR d.origin <> a.origin OR d.dest <> a.dest OR d.tailnum <> a.tailnum"""
    ).fetchone()
    assert different == (0,)


def test_the_delay_of_an_arrival_is_its_time_less_the_schedule(sql: duckdb.DuckDBPyConnection) -> None:
    wrong = sql.execute(
        """SELECT count(*) FROM departures d JOIN arrivals a USING (flight_id)
        WHERE a.ts <> d.ts + to_minutes(CAST(sched_minutes - d.dep_delay + arr_delay AS BIGINT))"""
    ).fetchone()
    assert wrong == (0,)


def test_flight_ids_are_unique(sql: duckdb.DuckDBPyConnection) -> None:
    assert sql.execute("SELECT count(DISTINCT flight_id) FROM departures").fetchone() == (328_521,)
    assert sql.execute("SELECT count(DISTINCT flight_id) FROM arrivals").fetchone() == (327_346,)


def test_weather_is_known_at_the_end_of_its_hour_and_once_each(sql: duckdb.DuckDBPyConnection) -> None:
    assert sql.execute("SELECT count(*) FROM (SELECT DISTINCT origin, ts FROM weather)").fetchone() == (26_115,)
    first = sql.execute("SELECT ts, temp FROM weather WHERE origin = 'EWR' ORDER BY ts LIMIT 1").fetchone()
    assert first == (utc("2013-01-01T07:00"), 39.02)


def test_both_hours_that_clocks_called_one_are_there_when_the_clocks_went_back(sql: duckdb.DuckDBPyConnection) -> None:
    rows = sql.execute(
        """SELECT ts, temp FROM weather
        WHERE origin = 'EWR' AND ts BETWEEN '2013-11-03 06:00' AND '2013-11-03 08:00' ORDER BY ts"""
    ).fetchall()
    assert rows == [
        (utc("2013-11-03T06:00"), 51.98), (utc("2013-11-03T07:00"), 50.0), (utc("2013-11-03T08:00"), 51.08),
    ]  # fmt: skip


def test_what_the_source_lacks_is_null(sql: duckdb.DuckDBPyConnection) -> None:
    assert sql.execute("SELECT count(*) FROM weather WHERE pressure IS NULL").fetchone() == (2_729,)
    assert sql.execute("SELECT count(*) FROM planes WHERE year IS NULL").fetchone() == (70,)
    assert sql.execute("SELECT count(*) FROM departures WHERE tailnum IS NULL OR dep_delay IS NULL").fetchone() == (0,)
    assert sql.execute("SELECT count(*) FROM arrivals WHERE arr_delay IS NULL").fetchone() == (0,)


def test_a_second_build_does_nothing(built: tuple[Path, FlightsReport]) -> None:
    folder, report = built
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    assert build(folder) == report
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before


def test_another_derivation_is_replaced_whole_by_the_same_bytes(
    built: tuple[Path, FlightsReport], tmp_path: Path
) -> None:
    folder = tmp_path / "flights"
    folder.mkdir()
    (folder / REPORT).write_text(json.dumps({"derivation": 0}))
    (folder / "departures.parquet").write_bytes(b"of another time")
    assert build(folder) == built[1]
    assert files(folder) == files(built[0])
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(PenstockError, match="not a folder of flights") as refused:
        build(tmp_path)
    assert refused.value.where == str(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.jobs.demo.flights.PACKAGE", "nycflights14")
    with pytest.raises(PenstockError, match=r"need nycflights14 0\.0\.3, and no release"):
        build(tmp_path / "flights")
    assert not list(tmp_path.iterdir())


def test_the_docs_state_these_counts(built: tuple[Path, FlightsReport]) -> None:
    text = DOCS.read_text()
    for name, count in asdict(built[1]).items():
        assert f"{count:,}" in text, name
