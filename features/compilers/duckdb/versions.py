"""Streams whose events change: of each event's rows, in order of arrival, the one that counts in the end.

What is left out by the view's filter before an event was ever in it says nothing. From the first other row on (``_n``
at least ``_first``) an insert is a repeat, an update or delete makes a new version, and the last version counts.
"""

from __future__ import annotations

from penstock.features.compilers.duckdb.types import quote
from penstock.features.plan import ViewPlan

#: The tables that ``versions_queries`` makes on the way: all rows by event, and their versions.
ROWS, VERSIONS = "event_rows", "event_versions"


def repeats_query(of: str) -> str:
    """The query that counts, by the value of ``of``, the rows that change nothing: repeated inserts, and deletes of
    what is gone already.
    """
    return f"""SELECT {of}, count(*) FROM (
  SELECT * FROM {ROWS} WHERE _n > _first AND _op = 'insert' UNION ALL BY NAME
  SELECT * FROM {VERSIONS} WHERE _op = 'delete' AND _gone_before) GROUP BY ALL"""


def versions_queries(plan: ViewPlan, events: str) -> list[str]:
    """The statements that leave, of the rows in ``events`` (``events.py``, without bad ones), events as they are in the
    end.
    """
    same = ", ".join([*(quote(key.name) for key in plan.key), "_e", "_id"])
    return [
        f"""CREATE TABLE {ROWS} AS
SELECT *, min(_n) FILTER (NOT _gone OR _op = 'delete') OVER (PARTITION BY {same}) AS _first
FROM (
  SELECT *, row_number() OVER (PARTITION BY {same} ORDER BY _file, _row) AS _n FROM {events} WHERE _id IS NOT NULL)""",
        f"""CREATE TABLE {VERSIONS} AS
SELECT *, coalesce(lag(_gone) OVER (PARTITION BY {same} ORDER BY _n), FALSE) AS _gone_before,
  row_number() OVER (PARTITION BY {same} ORDER BY _n DESC) = 1 AS _last
FROM {ROWS} WHERE _n = _first OR (_n > _first AND _op <> 'insert')""",
        f"""CREATE OR REPLACE TABLE {events} AS
SELECT * FROM {events} WHERE _id IS NULL AND NOT _gone
UNION ALL
SELECT * EXCLUDE (_n, _first, _gone_before, _last) FROM {VERSIONS} WHERE _last AND NOT _gone""",
    ]
