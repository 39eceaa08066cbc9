"""The ledger of a model: its predictions, its labels, what became of each, and how far the topics are read.

One SQLite file. A batch of records, all that follows from it, and the offsets behind it are one transaction of the
disk: a process that is killed has counted a record wholly or not at all, and the next one goes on after it.

A score is the sum over the predictions that the ledger has, each with the newest label that it has for it. A label
that comes later takes the loss of the former one back. So the order in which the two topics are read does not matter.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from penstock.features.errors import PenstockError
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.kafka.interface import Place
from penstock.jobs.ledger.arrays import losses, sums_of
from penstock.jobs.ledger.joining import Answer, Outcome
from penstock.jobs.ledger.scores import HOUR_MS, Cell, Score
from penstock.jobs.ledger.tallies import LABELS, TABLE, VECTORS, Counting, add, describe
from penstock.jobs.process.private import private

#: How long one process waits for another one's transaction, in seconds.
BUSY_S = 30.0

#: What became of a prediction.
AWAITED, LABELLED, MISSING, NULL = "awaited", "labelled", "missing", "null"

_TABLES = """
CREATE TABLE IF NOT EXISTS offsets (topic TEXT, partition INTEGER, next INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS topics (topic TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clocks (name TEXT PRIMARY KEY, t INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS predictions (n INTEGER PRIMARY KEY, id TEXT NOT NULL, version TEXT NOT NULL,
    event TEXT NOT NULL, t INTEGER NOT NULL, answer BLOB NOT NULL, vector BLOB NOT NULL,
    outcome TEXT NOT NULL DEFAULT 'awaited', label, label_t INTEGER, UNIQUE (id, version, event, t));
CREATE INDEX IF NOT EXISTS by_event ON predictions (event);
CREATE INDEX IF NOT EXISTS by_time ON predictions (t);
CREATE INDEX IF NOT EXISTS by_awaited ON predictions (t) WHERE outcome = 'awaited';
CREATE TABLE IF NOT EXISTS labels (event TEXT, t INTEGER, partition INTEGER, offset INTEGER, label,
    PRIMARY KEY (event, t, partition, offset)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_label_time ON labels (t);
CREATE TABLE IF NOT EXISTS scores (version TEXT, hour INTEGER, predictions INTEGER NOT NULL, labelled INTEGER NOT NULL,
    missing INTEGER NOT NULL, empty INTEGER NOT NULL, sums TEXT NOT NULL, seq INTEGER NOT NULL, sent INTEGER NOT NULL,
    PRIMARY KEY (version, hour)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_sent ON scores (sent) WHERE sent = 0;
CREATE TABLE IF NOT EXISTS alarms (version TEXT, feature TEXT, since INTEGER, until INTEGER NOT NULL,
    PRIMARY KEY (version, feature, since)) WITHOUT ROWID;
"""
_ADD_ANSWER = "INSERT OR IGNORE INTO predictions (id, version, event, t, answer, vector) VALUES (?, ?, ?, ?, ?, ?)"
#: Of a prediction, the newest label that counts for it.
_NEWEST = """SELECT p.n, p.version, p.t, p.answer, p.outcome, p.label, l.event IS NOT NULL, l.label, l.t
    FROM touched JOIN predictions AS p USING (n) LEFT JOIN labels AS l
    ON l.event = p.event AND (l.t, l.partition, l.offset) = (
      SELECT t, partition, offset FROM labels WHERE event = p.event {within}
      ORDER BY t DESC, partition DESC, offset DESC LIMIT 1)"""
_SET_SCORE = """INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?, ?, 1, 0) ON CONFLICT DO UPDATE SET
    predictions = excluded.predictions, labelled = excluded.labelled, missing = excluded.missing,
    empty = excluded.empty, sums = excluded.sums, seq = seq + 1, sent = 0"""


class Change(NamedTuple):
    """What became of a prediction before, and what becomes of it now."""

    n: int
    version: str
    t: int
    answer: bytes
    before: tuple[str, Any]
    now: tuple[str, Any]
    label_t: int | None


class Ledger:
    """``file`` is made where it is missing. ``kept_ms``: what is older than that is deleted; its scores stay.
    ``counting``: counts vectors and labels, too.

    Raises PenstockError for a file that cannot be used.
    """

    def __init__(self, file: Path, plan: ModelPlan, kept_ms: int, counting: Counting | None = None) -> None:
        assert plan.label is not None
        self._counting = counting
        #: The versions whose bins are in the file.
        self._described: set[str] = set()
        self._plan, self._kept_ms, self.file = plan, kept_ms, file
        self._maturity_ms = plan.label.maturity_ms
        private(file.parent)
        with self._explained():
            self.db = sqlite3.connect(file, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            self.db.execute("PRAGMA journal_mode = WAL")
            # a commit is on the disk before the next batch is read
            self.db.execute("PRAGMA synchronous = FULL")
            self.db.executescript(_TABLES + TABLE)
            self.db.execute("CREATE TEMP TABLE touched (n INTEGER PRIMARY KEY)")

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exception: object) -> None:
        self.db.close()

    def offsets(self) -> dict[Place, int]:
        """The next offset of each partition that was read."""
        return {Place(topic, n): at for topic, n, at in self.db.execute("SELECT * FROM offsets")}

    def topic_ids(self) -> dict[str, str]:
        """The ids of the topics that were read."""
        return dict(self.db.execute("SELECT * FROM topics").fetchall())

    def begin(self, ids: Mapping[str, str], offsets: Mapping[Place, int]) -> None:
        """Notes which topics are read, and from where. What it had of topics of other ids is forgotten."""
        with self._transaction():
            for topic, id in ids.items():
                other = (
                    "topic = ? AND NOT EXISTS (SELECT 1 FROM topics AS t WHERE t.topic = offsets.topic AND t.id = ?)"
                )
                self.db.execute(f"DELETE FROM offsets WHERE {other}", (topic, id))
                self.db.execute("INSERT OR REPLACE INTO topics VALUES (?, ?)", (topic, id))
            self._set_offsets(offsets)

    def add(self, answers: Sequence[Answer], outcomes: Sequence[Outcome], offsets: Mapping[Place, int]) -> None:
        """Takes in a batch, all or nothing. ``offsets``: the next ones behind it. Raises PenstockError."""
        with self._transaction():
            self._touch(answers, outcomes)
            changes = [change for change in self._changes() if change.before != change.now]
            self._note(changes)
            self._score(changes)
            self._set_offsets(offsets)
            self._prune()

    def _touch(self, answers: Sequence[Answer], outcomes: Sequence[Outcome]) -> None:
        """Keeps both, and collects the predictions of which they may change what became."""
        self.db.execute("DELETE FROM touched")
        (last,) = self.db.execute("SELECT coalesce(max(n), 0) FROM predictions").fetchone()
        self.db.executemany(_ADD_ANSWER, [(a.id, a.version, a.event, a.t, a.value, a.vector) for a in answers])
        self.db.execute("INSERT INTO touched SELECT n FROM predictions WHERE n > ?", (last,))
        self._count(last)
        self.db.executemany(
            "INSERT OR IGNORE INTO labels VALUES (?, ?, ?, ?, ?)",
            [(o.event, o.t, o.partition, o.offset, o.label) for o in outcomes],
        )
        self.db.executemany(
            "INSERT OR IGNORE INTO touched SELECT n FROM predictions WHERE event = ?", {(o.event,) for o in outcomes}
        )
        self._advance("predictions", max((a.t for a in answers), default=None))
        self._advance("labels", max((o.t for o in outcomes), default=None))
        if self._maturity_ms is not None:
            self.db.execute(
                "INSERT OR IGNORE INTO touched SELECT n FROM predictions WHERE outcome = 'awaited' AND t <= ?",
                (self._matured_to(),),
            )

    def _count(self, last: int) -> None:
        """Adds the new predictions to their hours."""
        vectors: dict[Cell, list[bytes]] = defaultdict(list)
        for version, t, vector in self.db.execute("SELECT version, t, vector FROM predictions WHERE n > ?", (last,)):
            vectors[Cell(version, t - t % HOUR_MS)].append(vector)
        for cell, its in vectors.items():
            self._set_score(cell, self._get_score(cell) + Score(predictions=len(its)))
            counts = None if self._counting is None else self._counting.vectors(cell.version, its)
            if counts is not None:
                self._describe(cell.version)
                add(self.db, cell, VECTORS, len(its), counts)

    def _describe(self, version: str) -> None:
        """Keeps the bins of a version: it may be gone when its counts are read."""
        bins = None if self._counting is None or version in self._described else self._counting.described(version)
        if bins is not None:
            describe(self.db, version, bins)
            self._described.add(version)

    def _advance(self, name: str, t: int | None) -> None:
        if t is not None:
            later = "INSERT INTO clocks VALUES (?, ?) ON CONFLICT DO UPDATE SET t = max(t, excluded.t)"
            self.db.execute(later, (name, t))

    def labelled(self) -> tuple[int, int | None, int | None]:
        """How many predictions have their label, and the times of the first and the last one's requests."""
        count, first, last = self.db.execute(
            "SELECT count(*), min(t), max(t) FROM predictions WHERE outcome = 'labelled'"
        ).fetchone()
        return count, first, last

    def advance(self, name: str, t: int) -> None:
        """Sets a clock, which does not go back."""
        with self._transaction():
            self._advance(name, t)

    def clock(self, name: str) -> int | None:
        """The greatest time of ``predictions``, of ``labels``, or up to which it was ``watched``, in milliseconds; None
        without any.
        """
        row = self.db.execute("SELECT t FROM clocks WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def _matured_to(self) -> int:
        """Requests up to this time are mature: the label's stream has an event a maturity after them."""
        clock = self.clock("labels")
        return -(2**62) if clock is None else clock - (self._maturity_ms or 0)

    def _changes(self) -> Iterator[Change]:
        maturity = self._maturity_ms
        within = "" if maturity is None else f"AND t >= p.t AND t <= p.t + {maturity}"
        matured_to = self._matured_to()
        for n, version, t, answer, outcome, label, came, new, label_t in self.db.execute(_NEWEST.format(within=within)):
            if maturity is not None and t > matured_to:
                now: tuple[str, Any] = (AWAITED, None)
            elif not came:
                now = (AWAITED if maturity is None else MISSING, None)
            else:
                now = (NULL, None) if new is None else (LABELLED, new)
            yield Change(n, version, t, answer, (outcome, label), now, label_t if now[0] == LABELLED else None)

    def _note(self, changes: Sequence[Change]) -> None:
        self.db.executemany(
            "UPDATE predictions SET outcome = ?, label = ?, label_t = ? WHERE n = ?",
            [(*change.now, change.label_t, change.n) for change in changes],
        )

    def _score(self, changes: Sequence[Change]) -> None:
        """Takes back from each hour what its predictions were before, and adds what they are now."""
        by_version: dict[str, list[Change]] = defaultdict(list)
        for change in changes:
            by_version[change.version].append(change)
        for version, its in by_version.items():
            for moment, sign in (("before", -1), ("now", 1)):
                for hour, score in self._scored(its, moment, sign).items():
                    cell = Cell(version, hour)
                    self._set_score(cell, self._get_score(cell) + score)
                self._count_labels(version, its, moment, sign)

    def _count_labels(self, version: str, changes: Sequence[Change], moment: str, sign: int) -> None:
        labels: dict[int, list[Any]] = defaultdict(list)
        for change in changes:
            state, label = getattr(change, moment)
            if state in (LABELLED, NULL):
                labels[change.t - change.t % HOUR_MS].append(label)
        for hour, its in labels.items():
            counts = None if self._counting is None else self._counting.labels(version, its)
            if counts is not None:
                add(self.db, Cell(version, hour), LABELS, sign * len(its), sign * counts)

    def _scored(self, changes: Sequence[Change], moment: str, sign: int) -> dict[int, Score]:
        """By hour, the scores of what predictions of one version are at a moment, times ``sign``."""
        states = [getattr(change, moment) for change in changes]
        hours = np.array([change.t - change.t % HOUR_MS for change in changes], dtype=np.int64)
        kinds = np.array([state for state, _ in states])
        labelled = np.flatnonzero(kinds == LABELLED)
        answers, labels = [changes[i].answer for i in labelled], [states[i][1] for i in labelled]
        lost = losses(self._plan, answers, labels) if answers else {}
        scores = {}
        for hour in np.unique(hours).tolist():
            counts = {kind: sign * int(((hours == hour) & (kinds == kind)).sum()) for kind in (LABELLED, MISSING, NULL)}
            sums = {name: sign * n for name, n in sums_of(lost, np.flatnonzero(hours[labelled] == hour)).items()}
            scores[hour] = Score(0, counts[LABELLED], counts[MISSING], counts[NULL], sums)
        return scores

    def _get_score(self, cell: Cell) -> Score:
        row = self.db.execute(
            "SELECT predictions, labelled, missing, empty, sums FROM scores WHERE version = ? AND hour = ?", cell
        ).fetchone()
        return Score() if row is None else _score_of(row)

    def _set_score(self, cell: Cell, score: Score) -> None:
        counts = (score.predictions, score.labelled, score.missing, score.null)
        self.db.execute(_SET_SCORE, (*cell, *counts, json.dumps(score.sums)))

    def _set_offsets(self, offsets: Mapping[Place, int]) -> None:
        self.db.executemany("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)", [(*p, n) for p, n in offsets.items()])

    def _prune(self) -> None:
        """Both topics have come past what is deleted."""
        clocks = [self.clock(name) for name in ("predictions", "labels")]
        if None in clocks:
            return
        end = min(clock for clock in clocks if clock is not None) - self._kept_ms
        self.db.execute("DELETE FROM predictions WHERE t < ?", (end,))
        self.db.execute("DELETE FROM labels WHERE t < ?", (end,))

    def scores(self, from_ms: int | None = None, to_ms: int | None = None) -> dict[Cell, Score]:
        """By version and hour, of the hours that begin in a range."""
        low, high = (-(2**62) if from_ms is None else from_ms), (2**62 if to_ms is None else to_ms)
        rows = self.db.execute(
            "SELECT version, hour, predictions, labelled, missing, empty, sums FROM scores "
            "WHERE hour >= ? AND hour < ? ORDER BY hour, version",
            (low, high),
        )
        return {Cell(version, hour): _score_of(row) for version, hour, *row in rows}

    def unsent(self) -> dict[Cell, tuple[int, Score]]:
        """The scores that changed since they were sent, with the number of their changes."""
        rows = self.db.execute(
            "SELECT version, hour, seq, predictions, labelled, missing, empty, sums FROM scores WHERE sent = 0"
        )
        return {Cell(version, hour): (seq, _score_of(row)) for version, hour, seq, *row in rows}

    def sent(self, scores: Mapping[Cell, tuple[int, Score]]) -> None:
        """Notes that they were sent, unless they have changed again."""
        with self._transaction():
            self.db.executemany(
                "UPDATE scores SET sent = 1 WHERE version = ? AND hour = ? AND seq = ?",
                [(*cell, seq) for cell, (seq, _) in scores.items()],
            )

    def alarm(self, version: str, feature: str, window: Span, pause_ms: int) -> bool:
        """Notes a window that is an alarm. Is it a new one: is the last one of the feature over for so long?"""
        with self._transaction():
            last = self.db.execute(
                "SELECT since, until FROM alarms WHERE version = ? AND feature = ? ORDER BY since DESC LIMIT 1",
                (version, feature),
            ).fetchone()
            new = last is None or window.from_ms > last[1] + pause_ms
            since = window.from_ms if new else last[0]
            until = max(window.to_ms, window.to_ms if new else last[1])
            self.db.execute("INSERT OR REPLACE INTO alarms VALUES (?, ?, ?, ?)", (version, feature, since, until))
        return new

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                self._described.clear()
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise PenstockError(
                f"the ledger of {self._plan.name} cannot be used: {error}",
                where=str(self.file),
                hint="the topics have all that was in it: without the file it is made anew",
            ) from None


def _score_of(row: Sequence[Any]) -> Score:
    predictions, labelled, missing, null, sums = row
    return Score(predictions, labelled, missing, null, json.loads(sums))
