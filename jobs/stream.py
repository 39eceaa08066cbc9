"""The stream: a Flink job from the source topics to the feature topics, and the writer from those to the store."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from features.compilers.flink.config import JobSettings, flink_options
from features.compilers.flink.job import SourceJob, Topics, build, environment
from features.errors import PenstockError, UsageError
from features.plan import ViewPlan
from jobs.collection import no_collection
from jobs.flink.job import FlinkJob, flink_says
from jobs.flink.jvm import FlinkJvm, end_leftover
from jobs.flink.rest import Failure
from jobs.flink.room import check_room, room
from jobs.flink.secret import secret
from jobs.flink.state import check_identity, date_back, forget_older, newest_state, savepoints
from jobs.kafka.clients import ensure_topics, provide_topics, topic_ids
from jobs.kafka.owner import claim
from jobs.kafka.security import flink_properties
from jobs.metrics.serve import served
from jobs.metrics.stream import StreamMetrics
from jobs.ports import free_port
from jobs.project import Project
from jobs.status import keep_counted, status_file
from jobs.store.open import open_store
from jobs.store.patience import Patience
from jobs.store.schema import schema_of
from jobs.writer import Writer, WriterCounts, reader

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
) -> StreamReport:
    """Runs job and writer until ``stop`` is set. ``say`` is told when the job runs, restarts or stops.

    ``metrics_port``: where Prometheus finds both; 0 for any free port, None for nowhere.

    Raises PenstockError when one of them fails for good or the disk is full, RefusedError when the state on disk is of
    other definitions, UsageError when there is nothing to stream.
    """
    plans = project.streamed_views
    if not plans:
        raise UsageError(
            "no view has a stream", where=str(project.config.definitions), hint="give a stream a topic=, and it a view"
        )
    say(f"the Flink job of {', '.join(project.streamed)} and the writer of {len(plans)} views start")
    settings = _settings(project)
    with _alone(settings), contextlib.ExitStack() as running:
        end_leftover(settings)
        _clear(settings)
        running.callback(_clear, settings)
        check_room(settings.state)
        settings.make_folders()
        date_back(settings)
        restored = newest_state(settings)
        check_identity(settings, restored, _identity(project, plans))
        # Jars are known to one Java thread, and py4j gives this thread another one when its own is taken by a
        # finalizer, which the collector may run on any thread.
        with no_collection():
            counts = WriterCounts()
            writing, done = running.enter_context(_writing(project, plans, counts, say, progress))
            options = flink_options(settings, restored) | running.enter_context(secret(settings.secret))
            jvm = running.enter_context(FlinkJvm(settings))
            _check_writing(writing)
            job = _submit(project, settings, options)
            jvm.close_door()
        running.callback(job.cancel)
        running.enter_context(_published(project, job, jvm))
        metrics = StreamMetrics(project, job.rest, counts)
        if metrics_port is not None:
            say(f"metrics: {running.enter_context(served(metrics, project.config.metrics.host, metrics_port))}")
        watch = _Watch(settings, job, jvm, writing, restored, say, lambda: keep_counted(project, job.rest))
        watch.until(stop)
        state = watch.end()
        done.set()
        return StreamReport(writing.result(), watch.restarts, state)


def _settings(project: Project) -> JobSettings:
    stream = project.config.stream
    return JobSettings(project.config.state / "stream", free_port(), stream.checkpoint_ms, stream.parallelism)


def _clear(settings: JobSettings) -> None:
    """Removes the temporary files, which a JVM that is told to end does not."""
    shutil.rmtree(settings.temp, ignore_errors=True)


@contextlib.contextmanager
def _alone(settings: JobSettings) -> Iterator[None]:
    """One stream for each project: two jobs would write each other's rows again."""
    settings.state.mkdir(parents=True, exist_ok=True)
    with (settings.state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PenstockError(
                "a stream of this project is running", where=str(settings.state), hint="stop it first"
            ) from None
        yield


def _identity(project: Project, plans: list[ViewPlan]) -> dict[str, str]:
    """Makes the topics that are missing; what the job's state belongs to."""
    sources = {name: project.topic(name) for name in project.streamed}
    provide_topics(project.config, list(sources.values()))
    claim(project)
    names = project.names
    ensure_topics(project.config, [names.dead_letters, *(names.features(plan.name) for plan in plans)])
    ids = topic_ids(project.config, list(sources.values()))
    views = {f"view {plan.name}": plan.fingerprint for plan in plans}
    return views | {f"topic of {name}": f"{topic} {ids[topic]}" for name, topic in sources.items()}


def _submit(project: Project, settings: JobSettings, options: dict[str, str]) -> FlinkJob:
    sources = [
        SourceJob(name, project.topic(name), tuple(plan.json for plan in plans))
        for name, plans in project.streamed.items()
    ]
    with flink_says("the Flink job did not start", settings):
        env = environment(options)
        build(
            env,
            sources,
            Topics(project.names.features("{view}"), project.names.dead_letters),
            kafka=flink_properties(project.config),
            group=project.names.stream_group,
            live=project.config.stream.live,
        )
        return FlinkJob.submit(env, settings, f"penstock {project.config.project}")


@contextlib.contextmanager
def _published(project: Project, job: FlinkJob, jvm: FlinkJvm) -> Iterator[None]:
    """Says in a file how the running job is reached."""
    file = status_file(project)
    whole = file.with_suffix(".new")
    reached = {"rest": job.rest.address, "job": job.id, "secret": str(job.rest.secret)}
    whole.write_text(json.dumps({**reached, "pid": os.getpid(), "jvm": jvm.pid}))
    whole.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(
    project: Project, plans: list[ViewPlan], counts: WriterCounts, say: Say, progress: Callable[[WriterCounts], None]
) -> Iterator[tuple[Future[WriterCounts], threading.Event]]:
    """The writer in a thread of its own, and the event that ends it: its batch in hand is finished.

    It begins before the job does: its imports take as long as the JVM's start, and that is another process.
    """
    done = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="writer") as pool:
        try:
            yield pool.submit(_write, project, plans, done, counts, say, progress), done
        finally:
            done.set()


def _write(
    project: Project,
    plans: list[ViewPlan],
    done: threading.Event,
    counts: WriterCounts,
    say: Say,
    progress: Callable[[WriterCounts], None],
) -> WriterCounts:
    with open_store(project.folder) as store, reader(project) as rows:
        # a store that is down, or holds rows of other definitions, is found before there are rows
        store.read_rows([(schema_of(plan), []) for plan in plans])
        store.wait_while_away(Patience(done, say))
        writer = Writer(project, rows, store, counts=counts)
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
        job: FlinkJob,
        jvm: FlinkJvm,
        writing: Future[WriterCounts],
        restored: Path | None,
        say: Say,
        keep: Callable[[], None],
    ) -> None:
        self._keep, self._kept = keep, 0.0
        self._settings, self._job, self._jvm, self._writing, self._say = settings, job, jvm, writing, say
        self._restored = restored
        self._running = False
        self._newest = Failure(0, "")
        self._failing = False
        self.restarts = 0

    def until(self, stop: threading.Event) -> None:
        """Returns when ``stop`` is set. Raises PenstockError when job or writer has ended before."""
        while not stop.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        self._jvm.check()
        self._job.check()
        _check_writing(self._writing)
        if not self._running and self._job.rest.state() == "RUNNING":
            self._running = True
            self._say(f"the job runs: {self._job.rest.address}/#/job/{self._job.id}/overview")
        self._tell_restarts()
        self._tell_checkpoints()
        if time.monotonic() >= self._kept + KEEP_S:
            self._keep_counts()
        self._forget()

    def _tell_restarts(self) -> None:
        with contextlib.suppress(PenstockError):  # no answer while the cluster starts or ends
            for failure in self._job.rest.failures():
                if failure.t > self._newest.t:
                    self._newest = failure
                    self.restarts += 1
                    self._say(f"the job restarts after a failure: {failure.cause}")

    def _tell_checkpoints(self) -> None:
        """Rows go on without checkpoints, but a restart would go back further and further."""
        with contextlib.suppress(PenstockError):  # as above
            failing = self._job.rest.checkpoints().failing
            if failing is not None and not self._failing:
                self._say(f"checkpoints fail: {failing}; {room(self._settings.state)}; the job goes on without them")
            elif failing is None and self._failing:
                self._say("checkpoints are taken again")
            self._failing = failing is not None

    def _keep_counts(self) -> None:
        """A status after the job's end has nothing else."""
        self._kept = time.monotonic()
        with contextlib.suppress(PenstockError):  # as above
            self._keep()

    def _forget(self) -> None:
        """Once the job has a state of its own, those of earlier runs are of no use."""
        if self._restored is not None and newest_state(self._settings) != self._restored:
            forget_older(self._settings, self._restored, self._job.id)
            self._restored = None

    def end(self) -> Path | None:
        """Stops the job, and says where it will go on."""
        self._keep_counts()
        try:
            return self._job.stop(savepoints(self._settings))
        except PenstockError as error:
            self._say(f"{self._reason(error)}; the next start goes on from the newest checkpoint")
            self._job.cancel()
            return newest_state(self._settings)

    def _reason(self, error: PenstockError) -> str:
        try:
            self._jvm.check()
        except PenstockError as gone:
            return gone.what
        return error.what
