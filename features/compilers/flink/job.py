"""Builds the streaming job: one read of a source's topic serves all its views, those of its unions too.

PyFlink is a way to Flink's Java objects here: no Python runs for a record. Build a job's whole graph on one
thread, because adding jars sets a class loader that is bound to it.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.util.java_utils import to_jarray

from penstock.features.compilers.flink.config import Start
from penstock.features.compilers.flink.jars import job_jars
from penstock.features.ingest import ISOLATION

#: Wall-clock time after which a partition that has been read to its end no longer holds event time back, or in live
#: mode the clock moves it.
IDLE_MS = 2_000

#: How often a source looks for partitions that were added to its topic, in milliseconds.
DISCOVERY_MS = 10_000

#: While there is a backlog, no partition of the job is read further than this ahead of another one, in milliseconds of
#: event time; where some stream's ``lateness`` is below twice that, half of it, but not less than the second number.
DRIFT_MS, LEAST_DRIFT_MS = 3_600_000, 1_000

#: Before all times, in milliseconds.
NO_TIME = -(2**63)

#: Good for throughput at no cost in latency beyond the linger; a caller's own settings go before these.
PRODUCER = {
    "compression.type": "lz4",
    "linger.ms": "5",
    "batch.size": str(256 * 1024),
    "buffer.memory": str(64 * 1024 * 1024),
}

#: The connector has Kafka's classes under other names, and login modules are named by class.
SHADED = "org.apache.flink.kafka.shaded."


@dataclass(frozen=True)
class SourceJob:
    """A source, its topic, and the canonical JSON of the plans of all views that read it, alone or in a union.

    ``layout``: where the columns stand in its records, as JSON; empty where all have their own names. ``history``:
    what is read before the topic; None for the topic alone.
    """

    name: str
    topic: str
    plans: tuple[str, ...]
    start: Start
    layout: str = ""
    history: HistoryFiles | None = None


@dataclass(frozen=True)
class HistoryFiles:
    """A source's events before ``cut_over_ms``, in files that are read side by side. ``id``: a UUID of the files."""

    cut_over_ms: int
    files: tuple[str, ...]
    id: str


@dataclass(frozen=True)
class Topics:
    """Where rows and dead letters go. ``features`` holds ``{view}``.

    ``change_points``: view → the topic of its change points in order, and how many partitions that has; none are made
    for other views.
    """

    features: str
    dead_letters: str
    change_points: Mapping[str, tuple[str, int]] = field(default_factory=dict)


def environment(options: Mapping[str, str]) -> StreamExecutionEnvironment:
    """An environment with these Flink options and the job's jars. Starts PyFlink's JVM when there is none.

    With ``execution.target`` the job goes to a cluster, and the jars with it.
    """
    env = _remote(options) if "execution.target" in options else _local(options)
    env.add_jars(*(path.as_uri() for path in job_jars()))
    return env


def _local(options: Mapping[str, str]) -> StreamExecutionEnvironment:
    configuration = Configuration()
    for name, value in options.items():
        configuration.set_string(name, value)
    return StreamExecutionEnvironment.get_execution_environment(configuration)


def _remote(options: Mapping[str, str]) -> StreamExecutionEnvironment:
    # get_execution_environment starts a mini-cluster, whatever the target
    flink = get_gateway().jvm.org.apache.flink
    configuration = flink.configuration.Configuration()
    for name, value in options.items():
        configuration.setString(name, value)
    return StreamExecutionEnvironment(flink.streaming.api.environment.StreamExecutionEnvironment(configuration))


def build(
    env: StreamExecutionEnvironment,
    sources: Sequence[SourceJob],
    topics: Topics,
    *,
    kafka: Mapping[str, str],
    group: str,
    live: bool,
    spread: bool = False,
) -> None:
    """Adds the job to the environment.

    ``kafka``: Kafka's own client properties (``bootstrap.servers``, security, …); they reach every client of the job.
    ``group``: the consumer group, for whoever watches the lag: the job itself goes by its checkpoint and, without
    one, by the earliest records, because offsets without their state would lose history. ``live``: does the wall
    clock move the event time of topics that are quiet? Where change points are written and it does not, the other
    topics' time moves them. ``spread``: does the job run in several processes? Then only the wall clock can.
    """
    client = {name: _unshaded.sub(SHADED + r"\g<0>", value) for name, value in kafka.items()}
    pace = "LIVE" if live else "TOGETHER" if topics.change_points and not spread else "IDLE"
    job = _Job(uuid.uuid4().hex, pace, spread, drift_ms(sources))
    routed: dict[str, list[_Routed]] = {}
    for source in sources:
        for plan, events in _add_source(env, source, topics, client, group, job).items():
            routed.setdefault(plan, []).append(events)
    owned = {source.name: source.history.cut_over_ms for source in sources if source.history is not None}
    for plan, parts in routed.items():
        _add_view(plan, parts, topics, client, owned)


@dataclass(frozen=True)
class _Job:
    """``name``: no other job of the process has it. ``pace``: a name of Java's ``Pace``."""

    name: str
    pace: str
    spread: bool
    drift_ms: int


def drift_ms(sources: Sequence[SourceJob]) -> int:
    """How far one partition may be read ahead of another one."""
    plans = [json.loads(plan)["source"] for source in sources for plan in source.plans]
    lateness = min(int(each["lateness_ms"]) for plan in plans for each in plan.get("union", [plan]))
    return max(LEAST_DRIFT_MS, min(DRIFT_MS, lateness // 2))


@dataclass(frozen=True)
class _Routed:
    """The events of a view that are from one source."""

    source: str
    topic: str
    events: Any


_unshaded = re.compile(r"(?<![\w.])org\.apache\.kafka\.common\.security\.")


def _add_source(
    env: StreamExecutionEnvironment,
    source: SourceJob,
    topics: Topics,
    kafka: dict[str, str],
    group: str,
    job: _Job,
) -> dict[str, _Routed]:
    """Adds what reads a source. Returns the plan of each view → its events."""
    jvm = get_gateway().jvm
    name = source.name
    plans = to_jarray(jvm.java.lang.String, list(source.plans))
    topic = jvm.penstock.time.AlignedSource(
        _kafka_source(source, plans, kafka, group),
        _properties({**kafka, "isolation.level": ISOLATION}),
        job.name,
        name,
        source.plans[0],
        job.drift_ms,
        IDLE_MS,
        jvm.penstock.time.Pace.valueOf(job.pace),
        job.spread,
        NO_TIME if source.history is None else source.history.cut_over_ms,
    )
    # the source emits watermarks itself
    none = jvm.org.apache.flink.api.common.eventtime.WatermarkStrategy.noWatermarks()
    reader = topic if source.history is None else _after_history(source, source.history, plans, job, topic)
    rows = env._j_stream_execution_environment.fromSource(reader, none, f"{name} source", topic.getProducedType())
    start = source.start
    router = jvm.penstock.route.Router(name, _source_start(source), plans)
    # a source of another uid does not find the state of the one before it
    read = _named(rows, f"{name} source {start.generation}" if start.generation else f"{name} source")
    dead = _named(read.process(router), f"{name} router")
    letters = jvm.penstock.kafka.DeadLetterRecordSerializer(source.topic, topics.dead_letters)
    _named(dead.sinkTo(_kafka_sink(letters, kafka)), f"{name} dead letters")
    return {
        plan: _Routed(name, source.topic, dead.getSideOutput(router.tag(index)))
        for index, plan in enumerate(source.plans)
    }


def _after_history(source: SourceJob, history: HistoryFiles, plans: Any, job: _Job, topic: Any) -> Any:
    jvm = get_gateway().jvm
    files = to_jarray(jvm.java.lang.String, list(history.files))
    first = jvm.penstock.history.HistorySource(
        source.name, plans, files, job.name, job.drift_ms, history.cut_over_ms, job.spread
    )
    return jvm.penstock.history.HistorySource.then(first, topic)


def _add_view(
    plan: str, parts: Sequence[_Routed], topics: Topics, kafka: dict[str, str], owned: Mapping[str, int]
) -> None:
    jvm = get_gateway().jvm
    view, source = json.loads(plan)["name"], json.loads(plan)["source"]
    places = [each["name"] for each in source.get("union", [source])]
    first, *others = sorted(parts, key=lambda part: places.index(part.source))
    events = first.events
    if others:
        streams = jvm.org.apache.flink.streaming.api.datastream.DataStream
        events = events.union(to_jarray(streams, [part.events for part in others]))
    keyed = events.keyBy(jvm.penstock.route.EventKey())
    rows = _named(keyed.process(_windows(plan, places, owned)), f"{view} windows")
    from_topics = to_jarray(jvm.java.lang.String, [part.topic for part in (first, *others)])
    records = jvm.penstock.kafka.FeatureRecordSerializer(plan, from_topics, topics.features.format(view=view))
    _named(rows.sinkTo(_kafka_sink(records, kafka)), f"{view} sink")
    if view in topics.change_points:
        topic, partitions = topics.change_points[view]
        records = jvm.penstock.kafka.FeatureRecordSerializer(plan, from_topics, topic)
        marked = _change_points(view, plan, keyed, partitions)
        _named(marked.sinkTo(_kafka_sink(records, kafka)), f"{view} change points sink")


def _change_points(view: str, plan: str, keyed: Any, partitions: int) -> Any:
    """The view's change points in the order of their times, with marks for each partition of their topic."""
    jvm = get_gateway().jvm
    ordered = _named(keyed.process(jvm.penstock.window.InOrder(plan)), f"{view} in order")
    # their keys are those that they came with, so nothing is sent to another task
    again = jvm.org.apache.flink.streaming.api.datastream.DataStreamUtils.reinterpretAsKeyedStream(
        ordered, jvm.penstock.route.EventKey()
    )
    rows = _named(again.process(jvm.penstock.window.WindowOperator(plan, True)), f"{view} change points")
    progress = jvm.penstock.window.Progress(partitions)
    return _named(rows.transform("progress", rows.getType(), progress), f"{view} progress")


def _windows(plan: str, sources: Sequence[str], owned: Mapping[str, int]) -> Any:
    """``owned``: the sources that begin with history, and the cut-over."""
    window, times = get_gateway().jvm.penstock.window, [owned[name] for name in sources if name in owned]
    if not times:
        return window.WindowOperator(plan)
    flags = to_jarray(get_gateway().jvm.boolean, [name in owned for name in sources])
    return window.WindowOperator(plan, window.CutOver(times[0], flags))


def _named(stream: Any, name: str) -> Any:
    # the uid is what state is found by after a restart: it must never depend on the order of the graph
    return stream.name(name).uid(name.replace(" ", "-"))


def _source_start(source: SourceJob) -> Any:
    start, history = source.start, source.history
    starts, gone = _by_partition(start.starts, -1), _by_partition(start.gone, 0)
    history_id = None if history is None else history.id
    return get_gateway().jvm.penstock.route.SourceStart(start.topic_id, starts, gone, history_id)


def _by_partition(offsets: Mapping[int, int], nothing: int) -> Any:
    """A Java array, ``nothing`` for partitions without an offset."""
    values = [offsets.get(partition, nothing) for partition in range(max(offsets, default=-1) + 1)]
    return to_jarray(get_gateway().jvm.long, values)


def _kafka_source(source: SourceJob, plans: Any, kafka: dict[str, str], group: str) -> Any:
    jvm = get_gateway().jvm
    connector = jvm.org.apache.flink.connector.kafka.source
    topics = to_jarray(jvm.java.lang.String, [source.topic])
    return (
        connector.KafkaSource.builder()
        .setTopics(topics)
        .setGroupId(group)
        .setProperties(_properties(kafka))
        .setProperty("isolation.level", ISOLATION)
        .setProperty("partition.discovery.interval.ms", str(DISCOVERY_MS))
        .setStartingOffsets(jvm.penstock.kafka.StartingOffsets(_by_partition(source.start.starts, -1)))
        .setUnbounded(jvm.penstock.kafka.StoppingOffsets(_by_partition(source.start.stops, -1)))
        .setDeserializer(jvm.penstock.ingest.IngestDeserializer(source.name, source.layout, plans))
        .build()
    )


def _kafka_sink(serializer: Any, kafka: dict[str, str]) -> Any:
    jvm = get_gateway().jvm
    # the connector's default is no guarantee at all
    at_least_once = jvm.org.apache.flink.connector.base.DeliveryGuarantee.AT_LEAST_ONCE
    builder = jvm.org.apache.flink.connector.kafka.sink.KafkaSink.builder()
    return (
        builder.setKafkaProducerConfig(_properties({**PRODUCER, **kafka}))
        .setDeliveryGuarantee(at_least_once)
        .setRecordSerializer(serializer)
        .build()
    )


def _properties(values: Mapping[str, str]) -> Any:
    properties = get_gateway().jvm.java.util.Properties()
    for name, value in values.items():
        properties.setProperty(name, value)
    return properties
