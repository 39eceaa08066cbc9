"""The stream: a Flink job from the source topics to the feature topics, and the writer from those to the store."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from penstock.features.compilers.flink.config import RESTART_DELAY_MS, JobSettings, flink_options
from penstock.features.compilers.flink.job import SourceJob, Topics, build, environment
from penstock.features.errors import PenstockError, UsageError
from penstock.features.plan import ViewPlan
from penstock.jobs.handover.begin import begin, history_of
from penstock.jobs.handover.record import Handover
from penstock.jobs.kafka.clients import ensure_topics, partition_counts, provide_topics, topic_ids
from penstock.jobs.kafka.damage import send_letters
from penstock.jobs.kafka.doubts import Doubts
from penstock.jobs.kafka.errors import Unreadable
from penstock.jobs.kafka.owner import claim
from penstock.jobs.kafka.security import flink_properties
from penstock.jobs.kafka.watch import TopicWatch
from penstock.jobs.metrics.serve import served
from penstock.jobs.process.collection import no_collection
from penstock.jobs.process.exclusive import exclusive
from penstock.jobs.process.whole_file import write_whole
from penstock.jobs.project.project import Project
from penstock.jobs.store.open import open_store
from penstock.jobs.store.patience import Patience
from penstock.jobs.store.schema import schema_of
from penstock.jobs.streaming.clusters import cluster_of
from penstock.jobs.streaming.flink_errors import damaged_partition, gone_position
from penstock.jobs.streaming.job import Cluster, Job, JobGone, flink_says
from penstock.jobs.streaming.metrics import StreamMetrics
from penstock.jobs.streaming.onward import Onward, SourceTopic
from penstock.jobs.streaming.rest import Failure, FlinkRest
from penstock.jobs.streaming.room import check_room, room
from penstock.jobs.streaming.starts import read_starts
from penstock.jobs.streaming.state import (
    CHANGE_POINTS,
    ROWS,
    TOPIC,
    check_identity,
    check_place,
    date_back,
    forget_older,
    newest_state,
    write_identity,
)
from penstock.jobs.streaming.status import Counted, keep_counted, late, status_file
from penstock.jobs.streaming.writer import Writer, WriterCounts, reader

#: Seconds between two looks at what runs, and between two notes of what it has counted.
LOOK_S, KEEP_S = 0.5, 5.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class StreamReport:
    """``written``: what the writer did; ``restarts`` of the job; ``state``: where the next start goes on."""

    written: WriterCounts
    restarts: int
    state: Path | None


def run(
    project: Project,
    stop: threading.Event,
    *,
    say: Say,
    progress: Callable[[WriterCounts], None] = lambda counts: None,
    metrics_port: int | None = None,
    accept_loss: bool = False,
    cut_over_ms: int | None = None,
) -> StreamReport:
    """Runs job and writer until ``stop`` is set. ``say`` is told when the job runs, restarts or stops.

    ``metrics_port``: where Prometheus finds both; 0 for any free port, None for nowhere. ``accept_loss``: goes on where
    records are gone before they were read, and counts what is missing. ``cut_over_ms``: on a first start, history owns
    event times before it.

    Raises PenstockError when one of them fails for good or the disk is full, RefusedError when the state on disk is of
    other definitions or records are gone, UsageError when there is nothing to stream, StartAgain when the same
    command is to go on before or behind records that cannot be read.
    """
    plans = project.streamed_views
    if not plans:
        raise UsageError(
            "no view has a stream", where=str(project.config.definitions), hint="give a stream a topic=, and it a view"
        )
    say(f"the Flink job of {', '.join(project.streamed)} and the writer of {len(plans)} views start")
    cluster = cluster_of(project, stop, say)
    settings = cluster.settings
    with _alone(settings), contextlib.ExitStack() as running:
        cluster.end_leftover()
        _clear(settings)
        running.callback(_clear, settings)
        check_room(settings.kept)
        settings.make_folders()
        check_place(settings)
        date_back(settings)
        restored = newest_state(settings)
        onward, ids = _onward(project, plans, settings, restored, accept_loss, say)
        handover = begin(project, settings, restored, cut_over_ms, say)
        counts = WriterCounts()
        with no_collection():  # see ``_submit``
            writer = partial(_write, project, plans, counts, accept_loss, say, progress)
            writing, done = running.enter_context(_writing(writer))
            running.enter_context(cluster.opened())
            _check_writing(writing)
        topics = running.enter_context(TopicWatch(project.config, ids, onward.look))
        if metrics_port is not None:
            metrics = StreamMetrics(project, counts, onward.starts.lost)
            say(f"metrics: {running.enter_context(served(metrics, project.config.metrics.host, metrics_port))}")
        jobs = _Jobs(project, cluster, writing, onward, handover, topics, say)
        state = jobs.run(stop)
        done.set()
        return StreamReport(writing.result(), jobs.restarts, state)


class StartAgain(Exception):
    """The job has ended before or behind records that it cannot read: the same command goes on from there."""


class _Jobs:
    """The Flink job on its cluster, which takes no second one of this process."""

    def __init__(
        self,
        project: Project,
        cluster: Cluster,
        writing: Future[WriterCounts],
        onward: Onward,
        handover: Handover | None,
        topics: TopicWatch,
        say: Say,
    ) -> None:
        self._project, self._cluster, self._handover = project, cluster, handover
        self._writing, self._onward, self._topics, self._say = writing, onward, topics, say
        self._doubts = Doubts(project, list(project.streamed))
        self.restarts = 0

    def run(self, stop: threading.Event) -> Path | None:
        """Until ``stop`` is set; the state with which the next start goes on. Raises StartAgain."""
        damaged = self._onward.pending()
        try:
            state = self._run_one(stop, damaged)
        except Unreadable as error:
            self._say(f"{error}; a dead letter for each goes to {self._project.names.dead_letters}")
            self._onward.stop_before(error)
            raise StartAgain from None
        except JobGone as error:
            self._say(f"{error.what}; it is submitted again from the newest checkpoint")
            raise StartAgain from None
        if damaged is None or not self._onward.stopped(damaged):
            return state
        self._go_past(damaged)
        if stop.is_set():
            return state
        raise StartAgain

    def _run_one(self, stop: threading.Event, damaged: Unreadable | None) -> Path | None:
        """One job. Raises Unreadable for records that it cannot read; given those, it ends once it has come to them."""
        settings = self._cluster.settings
        restored = newest_state(settings)
        with contextlib.ExitStack() as running:
            try:
                job = _submit(self._project, self._cluster, restored, self._onward, self._handover)
            except PenstockError as error:
                if not stop.is_set():
                    raise
                self._say(f"{self._cluster.reason(error)}; the next start goes on from the newest checkpoint")
                return restored
            running.callback(job.cancel)
            running.enter_context(_published(self._project, job))
            keep = partial(self._counted, job.rest)
            watch = _Watch(settings, job, self._writing, restored, self._say, self._onward, self._topics, keep)
            try:
                watch.until(stop, damaged)
            except PenstockError:
                if not stop.is_set():  # a signal to all processes ends the JVM, too; ``end`` tells it
                    raise
            finally:
                self.restarts += watch.restarts
            return watch.end()

    def _counted(self, rest: FlinkRest) -> Counted:
        """What the job has counted, written down; and what its sources' times look like, told."""
        for doubt in self._doubts.look():
            self._say(f"warning: {doubt}")
        return keep_counted(self._project, rest)

    def _go_past(self, damaged: Unreadable) -> None:
        source = next(name for name in self._project.streamed if self._project.topic(name) == damaged.topic)
        send_letters(self._project.config, self._project.names.dead_letters, source, damaged)
        self._onward.go_past(damaged)


def _clear(settings: JobSettings) -> None:
    """Removes the temporary files, which a JVM that is told to end does not."""
    shutil.rmtree(settings.temp, ignore_errors=True)


@contextlib.contextmanager
def _alone(settings: JobSettings) -> Iterator[None]:
    """One stream for each project: two jobs would write each other's rows again."""
    for folder in (settings.state, settings.kept):
        folder.mkdir(parents=True, exist_ok=True)
    with exclusive(settings.state / "lock") as alone:
        if not alone:
            raise PenstockError("a stream of this project is running", where=str(settings.state), hint="stop it first")
        yield


def _onward(
    project: Project, plans: list[ViewPlan], settings: JobSettings, restored: Path | None, accept_loss: bool, say: Say
) -> tuple[Onward, dict[str, str]]:
    """Where the sources go on, once nothing is missing or that is accepted; and the ids of all topics, by name."""
    rows = {plan.name: project.names.features(plan.name) for plan in plans}
    sources = {name: project.topic(name) for name in project.streamed}
    provide_topics(project.config, list(sources.values()))
    claim(project)
    names = project.names
    ordered = project.change_topics
    ensure_topics(project.config, [names.dead_letters, *rows.values(), *ordered.values()])
    ids = topic_ids(project.config, [*sources.values(), *rows.values(), *ordered.values()])
    identity = {f"view {plan.name}": plan.fingerprint for plan in plans}
    identity |= {f"{TOPIC}{name}": f"{topic} {ids[topic]}" for name, topic in sources.items()}
    identity |= {f"{ROWS}{name}": f"{topic} {ids[topic]}" for name, topic in rows.items()}
    identity |= {f"{CHANGE_POINTS}{name}": f"{topic} {ids[topic]}" for name, topic in ordered.items()}
    changed = check_identity(settings, restored, identity)
    known = read_starts(settings.state)
    onward = Onward(
        project.config,
        settings.state,
        known if restored is not None else known.from_nothing(),
        [SourceTopic(name, topic, ids[topic]) for name, topic in sources.items()],
        names.stream_group,
    )
    if restored is not None:
        onward.check_topics([identity[name].split(" ")[0] for name in changed], accept_loss, say)
        onward.check(accept_loss, say)
    write_identity(settings, identity)
    return onward, ids


def _submit(
    project: Project, cluster: Cluster, restored: Path | None, onward: Onward, handover: Handover | None
) -> Job:
    sources = [
        SourceJob(
            name,
            project.topic(name),
            tuple(plan.json for plan in plans),
            onward.start(name),
            project.streams[name].source_plan.layout,
            None if handover is None else history_of(handover, name),
        )
        for name, plans in project.streamed.items()
    ]
    ordered = project.change_topics
    counts = partition_counts(project.config, list(ordered.values()))
    change_points = {view: (topic, counts[topic]) for view, topic in ordered.items()}
    # Jars are known to one Java thread, and py4j gives this thread another one when its own is taken by a finalizer,
    # which the collector may run on any thread.
    with no_collection(), flink_says("the Flink job did not start", cluster.settings):
        anew = any(source.start.generation for source in sources)
        lead = cluster.options()
        env = environment(flink_options(cluster.settings, restored, sources_anew=anew, cluster=lead))
        build(
            env,
            sources,
            Topics(project.names.features("{view}"), project.names.dead_letters, change_points),
            kafka=flink_properties(project.config),
            group=project.names.stream_group,
            live=project.config.stream.live,
            spread=cluster.spread,
        )
        return cluster.submit(env, f"penstock {project.config.project}")


@contextlib.contextmanager
def _published(project: Project, job: Job) -> Iterator[None]:
    """Says in a file how the running job is reached."""
    file = status_file(project)
    secret = job.rest.secret
    reached = {"rest": job.rest.address, "job": job.id, "secret": None if secret is None else str(secret)}
    write_whole(file, json.dumps({**reached, "pid": os.getpid(), "jvm": job.jvm}))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(
    write: Callable[[threading.Event], WriterCounts],
) -> Iterator[tuple[Future[WriterCounts], threading.Event]]:
    """The writer in a thread of its own, and the event that ends it: its batch in hand is finished.

    It begins before the job does: its imports take as long as the JVM's start, and that is another process.
    """
    done = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="writer") as pool:
        try:
            yield pool.submit(write, done), done
        finally:
            done.set()


def _write(
    project: Project,
    plans: list[ViewPlan],
    counts: WriterCounts,
    accept_loss: bool,
    say: Say,
    progress: Callable[[WriterCounts], None],
    done: threading.Event,
) -> WriterCounts:
    with open_store(project.folder, say) as store, reader(project) as rows:
        # a store that is down, or holds rows of other definitions, is found before there are rows
        store.read_rows([(schema_of(plan), []) for plan in plans])
        store.wait_while_away(Patience(done, say))
        writer = Writer(project, rows, store, counts=counts, accept_loss=accept_loss, say=say)
        writer.run(done, progress)
        return counts


def _check_writing(writing: Future[WriterCounts]) -> None:
    """Raises what the writer has failed with: by itself it does not end."""
    if writing.done():
        writing.result()


class _Watch:
    """Looks after job and writer while they run."""

    def __init__(
        self,
        settings: JobSettings,
        job: Job,
        writing: Future[WriterCounts],
        restored: Path | None,
        say: Say,
        onward: Onward,
        topics: TopicWatch,
        keep: Callable[[], Counted],
    ) -> None:
        self._keep, self._kept = keep, 0.0
        self._late: set[tuple[str, str]] = set()
        self._onward, self._topics = onward, topics
        self._settings, self._job, self._writing, self._say = settings, job, writing, say
        self._restored = restored
        self._running = False
        self._newest = Failure(0, "")
        self._failing = False
        self.restarts = 0

    def until(self, stop: threading.Event, damaged: Unreadable | None) -> None:
        """Returns when ``stop`` is set, or the job has come to records that cannot be read.

        Raises Unreadable for such records, and PenstockError when job or writer has ended.
        """
        while not stop.wait(LOOK_S):
            self._look()
            if damaged is not None and self._onward.stopped(damaged):
                return

    def _look(self) -> None:
        self._tell_restarts()
        self._job.check()
        _check_writing(self._writing)
        self._onward.check_topics(self._topics.changed, False, self._say)
        if not self._running and self._job.rest.state() == "RUNNING":
            self._running = True
            self._say(f"the job runs: {self._job.rest.address}/#/job/{self._job.id}/overview")
        self._tell_checkpoints()
        if time.monotonic() >= self._kept + KEEP_S:
            self._keep_counts()
        self._forget()

    def _tell_restarts(self) -> None:
        for failure in self._failures():
            if failure.t > self._newest.t:
                # parts of a job that are not connected fail each for itself when their machine is lost
                same = failure.cause == self._newest.cause and failure.t - self._newest.t < RESTART_DELAY_MS
                self._newest = failure
                if same:
                    continue
                self.restarts += 1
                self._check_position(failure)
                self._say(f"the job restarts after a failure: {failure.cause}")

    def _failures(self) -> list[Failure]:
        with contextlib.suppress(PenstockError):  # no answer while the cluster starts or ends
            return self._job.rest.failures()
        return []

    def _check_position(self, failure: Failure) -> None:
        """What is gone or damaged stays so, however often the job is restarted."""
        gone = gone_position(failure.cause)
        if gone is not None:
            raise self._onward.lost(gone)
        place = damaged_partition(failure.trace)
        damaged = None if place is None else self._onward.unreadable(place)
        if damaged is not None:
            raise damaged

    def _tell_checkpoints(self) -> None:
        """Rows go on without checkpoints, but a restart would go back further and further."""
        with contextlib.suppress(PenstockError):  # as above
            failing = self._job.rest.checkpoints().failing
            if failing is not None and not self._failing:
                self._say(f"checkpoints fail: {failing}; {room(self._settings.kept)}; the job goes on without them")
            elif failing is None and self._failing:
                self._say("checkpoints are taken again")
            self._failing = failing is not None

    def _tell_late(self, counted: Counted) -> None:
        """Once for each view and source: the counts stand in the status."""
        for each in late(counted.of_sources):
            if (each.view, each.source) not in self._late:
                self._late.add((each.view, each.source))
                self._say(each.words)

    def _keep_counts(self) -> None:
        """A status after the job's end has nothing else. On a full disk they wait; the checkpoints report that disk."""
        self._kept = time.monotonic()
        with contextlib.suppress(PenstockError, OSError):  # as above
            self._tell_late(self._keep())

    def _forget(self) -> None:
        """Once the job has a state of its own, those of earlier runs are of no use."""
        if self._restored is not None and newest_state(self._settings) != self._restored:
            forget_older(self._settings, self._restored, self._job.id)
            self._restored = None

    def end(self) -> Path | None:
        """Stops the job, and says where it will go on."""
        self._keep_counts()
        try:
            return self._job.stop(self._settings.savepoints)
        except PenstockError as error:
            self._say(f"{error.what}; the next start goes on from the newest checkpoint")
            self._job.cancel()
            return newest_state(self._settings)
