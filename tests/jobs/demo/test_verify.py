"""What was read back against batch, where a stream has rows at times that are no change points."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from penstock import Stream, View, count, hopping, last, sliding
from penstock.features.ingest import TIME_MIN
from penstock.features.oracle import Watermark, stream
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.demo.verify import Evidence

events = Stream("events", topic="events", time="ts", columns=dict(k="string", n="int64"))
PLAN = View(
    "v",
    events,
    key="k",
    features=dict(n=count().over(hopping("10ms", step="4ms")), last=last(events.n).over(sliding("10ms", delay="3ms"))),
).plan
ROWS = [{"ts": t, "k": k, "n": n} for t, k, n in [(1, "a", 1), (2, "b", 2), (6, "a", 3), (30, "a", 4)]]


def evidence(folder: Path, emitted: list[dict[str, object]]) -> Evidence:
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "events.parquet")
    backfill(PLAN, str(folder / "events.parquet"), TIME_MIN, 2**60, folder / "batch", memory="1GB")
    (folder / "v.ndjson").write_text("\n".join(map(json.dumps, emitted)))
    made = Evidence({"v": PLAN}, {"v": folder / "batch" / "v"}, memory="1GB")
    made.load_stream("v", folder / "v.ndjson")
    return made


def emitted() -> list[dict[str, object]]:
    names = [feature.name for feature in PLAN.features]
    return [
        {"key": {"k": key[0]}, "t": t, "seq": seq, "values": dict(zip(names, values, strict=True))}
        for key, t, seq, values in stream(PLAN, [*ROWS, Watermark(100)]).rows
    ]


def test_a_row_between_change_points_is_what_batch_holds_there(tmp_path: Path) -> None:
    rows = emitted()
    assert {(1, 0, None), (6, 1, 1)} <= {(row["t"], *row["values"].values()) for row in rows}  # type: ignore[attr-defined]
    with evidence(tmp_path, rows).opened() as found:
        result = found.stream_against_batch("v")
    assert result.equal, result.samples
    assert result.rows == len({(str(row["key"]), row["t"]) for row in rows})


def test_one_that_is_not_is_found(tmp_path: Path) -> None:
    rows = emitted()
    rows[0]["values"] = {**rows[0]["values"], "n_hopping_10ms": 1}  # type: ignore[dict-item]
    with evidence(tmp_path, rows).opened() as found:
        result = found.stream_against_batch("v")
    assert (result.different, result.missing) == (1, 0)
    assert "v.n_hopping_10ms" in result.samples[0]
