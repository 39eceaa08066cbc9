"""The Flink job over one view. ``own_job STATE REST_PORT BOOTSTRAP IN OUT WINDOW…``: rows go to ``OUT-v``."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

from penstock import Stream, View, count, max, mean, min, sum
from penstock.features.compilers.flink.config import JobSettings, Start, flink_options, jvm_environment

events = Stream("events", topic="events", time="ts", columns=dict(id="string", k="string", x="float64"))


def view(windows: list[str]) -> View:
    """The five aggregates over each window."""
    of = dict(n=count(), s=sum(events.x), lo=min(events.x), hi=max(events.x), m=mean(events.x))
    return View("v", events, key="k", features={name: feature.over(*windows) for name, feature in of.items()})


def main(state: str, port: str, servers: str, source: str, target: str, *windows: str) -> None:
    """Runs until it is killed."""
    settings = JobSettings(Path(state), int(port), checkpoint_ms=5_000)
    settings.make_folders()
    os.environ.update(jvm_environment(settings))
    # PyFlink reads its JVM's options when it is imported
    from penstock.features.compilers.flink.job import SourceJob, Topics, build, environment

    env = environment(flink_options(settings, None))
    job = SourceJob("events", source, (view(list(windows)).plan.json,), Start(str(uuid.UUID(int=0))))
    topics = Topics(f"{target}-{{view}}", "dead")
    build(env, [job], topics, kafka={"bootstrap.servers": servers}, group="own", live=False)
    env.execute("own")


if __name__ == "__main__":
    main(*sys.argv[1:])
