"""The alternative by hand: one window's aggregates in Flink SQL. ``sql_job STATE REST_PORT BOOTSTRAP IN OUT``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from penstock.features.compilers.flink.config import JobSettings, flink_options, jvm_environment
from penstock.features.compilers.flink.jars import job_jars
from penstock.features.compilers.flink.job import PRODUCER

SQL = """INSERT INTO made
SELECT k, ts, COUNT(*) OVER w, SUM(x) OVER w, MIN(x) OVER w, MAX(x) OVER w, AVG(x) OVER w FROM events
WINDOW w AS (PARTITION BY k ORDER BY rt RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW)"""

IN = """CREATE TABLE events (ts BIGINT, id STRING, k STRING, x DOUBLE, rt AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR rt AS rt - INTERVAL '0.001' SECOND)
WITH ('connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{servers}',
  'properties.group.id' = 'sql', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json')"""

OUT = """CREATE TABLE made (k STRING, ts BIGINT, n BIGINT, s DOUBLE, lo DOUBLE, hi DOUBLE, m DOUBLE)
WITH ('connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{servers}', {producer},
  'format' = 'json')"""


def main(state: str, port: str, servers: str, source: str, target: str) -> None:
    """Runs until it is killed."""
    settings = JobSettings(Path(state), int(port), checkpoint_ms=5_000)
    settings.make_folders()
    os.environ.update(jvm_environment(settings))
    # PyFlink reads its JVM's options when it is imported
    from pyflink.common import Configuration
    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.table import StreamTableEnvironment

    configuration = Configuration()
    options = {**flink_options(settings, None), "pipeline.generic-types": "true"}
    for name, value in options.items():
        configuration.set_string(name, value)
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    env.add_jars(*(path.as_uri() for path in job_jars()))
    tables = StreamTableEnvironment.create(env)
    producer = ", ".join(f"'properties.{name}' = '{value}'" for name, value in PRODUCER.items())
    tables.execute_sql(IN.format(topic=source, servers=servers))
    tables.execute_sql(OUT.format(topic=target, servers=servers, producer=producer))
    tables.execute_sql(SQL).wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
