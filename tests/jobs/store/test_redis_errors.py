"""Each error in its row of the table. What servers really reply is in test_patience."""

from __future__ import annotations

import pytest
from redis.cluster import ClusterParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from penstock.jobs.store.redis_errors import cause_of

PASSING = (
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "OOM command not allowed when used memory > 'maxmemory'. script: 5fd4, on @user_script:25.",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "NOREPLICAS Not enough good replicas to write.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "CLUSTERDOWN The cluster is down",
    "MOVED 3999 127.0.0.1:6381",
    "ASK 3999 127.0.0.1:6381",
    "ERR max number of clients reached",
    # versions before 7
    "ERR Error running script (call to f_5fd4): @user_script:25: @user_script: 25: -READONLY You can't write against",
    "ERR Error running script (call to f_5fd4): @user_script:25: -OOM command not allowed when used memory",
)
LASTING = (
    "NOAUTH Authentication required.",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "NOPERM this user has no permissions to run the 'evalsha' command",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "CROSSSLOT Keys in request don't hash to the same slot",
    "ERR unknown command 'EVALSHA'",
    "ERR Error running script (call to f_5fd4): @user_script:25: attempt to compare nil with number",
)


@pytest.mark.parametrize("reply", PASSING)
def test_what_passes(reply: str) -> None:
    assert cause_of(ClusterParser.parse_error(reply)).passes


@pytest.mark.parametrize("reply", LASTING)
def test_what_lasts(reply: str) -> None:
    assert not cause_of(ClusterParser.parse_error(reply)).passes


@pytest.mark.parametrize(
    "error", [RedisConnectionError("lost"), RedisTimeoutError(), RedisClusterException("no node"), OSError("no route")]
)
def test_a_server_that_cannot_be_reached_passes(error: Exception) -> None:
    assert cause_of(error).passes


def test_an_unknown_error_lasts() -> None:
    assert not cause_of(ResponseError("NEWCODE of a later version")).passes
