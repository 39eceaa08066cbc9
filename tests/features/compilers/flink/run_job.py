"""Runs a streaming job until it is killed: ``run_job STATE REST_PORT BOOTSTRAP TOPIC PLAN…``."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

from penstock.features.compilers.flink.config import (
    JobSettings,
    Start,
    flink_options,
    jvm_environment,
    newest_checkpoint,
)

if __name__ == "__main__":
    state, port, servers, topic, *plans = sys.argv[1:]
    settings = JobSettings(Path(state), int(port), checkpoint_ms=300)
    settings.make_folders()
    os.environ.update(jvm_environment(settings))
    from penstock.features.compilers.flink.job import SourceJob, Topics, build, environment

    restore = newest_checkpoint(settings.checkpoints)
    print(f"restore from {restore}", flush=True)
    env = environment(flink_options(settings, restore))
    topics = Topics("rows.{view}", "dead")
    kafka = {"bootstrap.servers": servers}
    source = SourceJob("src", topic, tuple(plans), Start(str(uuid.UUID(int=0))))
    build(env, [source], topics, kafka=kafka, group="test", live=False)
    env.execute("test")
