"""Labels of the time after a request, in DuckDB: the same change points as of any view, asked for at a later time.

The value of a sliding window at ``t + size`` is that of the events with ``t < time <= t + size``. So the features
that a label is made of are what its view has at the end of each one's window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from penstock.features.compilers.duckdb.types import quote
from penstock.features.compilers.duckdb.view import ViewQuery
from penstock.features.expressions import Expr
from penstock.features.plan import LabelPlan, ViewPlan
from penstock.features.span import Span
from penstock.jobs.batch.as_of import as_of, f_column
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.batch.database import one_row
from penstock.jobs.batch.history import source_rows
from penstock.jobs.batch.parts import part_rows
from penstock.jobs.project.project import Project
from penstock.jobs.training.point_in_time import column, label_column


@contextmanager
def future_points(
    view: ViewPlan, histories: Mapping[str, str], asked: Span, folder: Path, memory: str
) -> Iterator[str]:
    """The change points, in SQL and until the end of the block, that hold after requests of a range.

    ``histories``: globs by source; ``folder``: where they are for that time. Raises as ``backfill``.
    """
    start, end = asked.from_ms - ViewQuery(view).lookback_ms, asked.to_ms + max(w.size_ms for w in view.windows)
    with TemporaryDirectory(prefix=".future-", dir=folder) as name:
        backfill(view, histories, start, end, Path(name), memory=memory)
        yield part_rows(Path(name) / view.name)


def load_future(
    db: duckdb.DuckDBPyConnection, label: LabelPlan, view: ViewPlan, points: str, complete: int | None
) -> None:
    """Makes ``labels`` for ``requests``, with the columns n, came, matured and l_<leaf of the label>.

    ``came``: does the request have a key? ``matured``: does the longest window end before ``complete``, the time in
    milliseconds up to which all events are there (None: none are)?
    """
    asking = dict(label.key)
    keys = [column(asking[key.name]) for key in view.key]
    sizes = {str(leaf.name): _size(view, _feature(leaf)) for leaf in label.leaves}
    for size in set(sizes.values()):
        features = [_feature(leaf) for leaf in label.leaves if sizes[str(leaf.name)] == size]
        asked = f"SELECT *, t + {size} AS _at FROM requests"
        db.execute(f"CREATE TABLE future_{size} AS {as_of(view, features, points, asked, keys, 'n')}")
    given = [
        f"future_{sizes[str(leaf.name)]}.{f_column(_feature(leaf))} AS {label_column(str(leaf.name))}"
        for leaf in label.leaves
    ]
    joins = " ".join(f"JOIN future_{size} ON future_{size}.n = r.n" for size in set(sizes.values()))
    came = " AND ".join(f"r.{key} IS NOT NULL" for key in keys)
    over = "FALSE" if complete is None else f"r.t + {max(sizes.values())} < {complete}"
    db.execute(
        f"""CREATE TABLE labels AS SELECT r.n, {came} AS came, {over} AS matured, {", ".join(given)}
        FROM requests AS r {joins}"""
    )


def complete_to(db: duckdb.DuckDBPyConnection, project: Project, view: ViewPlan) -> int | None:
    """The time up to which all events of a view are there: of each source that of its newest good row less its
    ``disorder``, and of several the least; None where one has no row.
    """
    ends = []
    for source in view.source.sources:
        rows = source_rows(db, project, source)
        newest = one_row(db, f"SELECT max({quote(source.time_column)}) FROM ({rows}) WHERE _bad IS NULL")[0]
        ends.append(None if newest is None else int(newest) - source.disorder_ms)
    return None if None in ends else min(end for end in ends if end is not None)


def _feature(leaf: Expr) -> str:
    return str(leaf.name).split(".", 1)[1]


def _size(view: ViewPlan, name: str) -> int:
    return next(view.windows[feature.window].size_ms for feature in view.features if feature.name == name)
