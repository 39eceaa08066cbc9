"""Which of Redis' errors pass by themselves, and what is to be done about each."""

from __future__ import annotations

import re
from typing import NamedTuple

from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

_SETTINGS = "are the user and the password of connection_string right in feature_store.yaml?"
_UP = "is the server up, and is connection_string right in feature_store.yaml?"
_CLUSTER = "the cluster is changing: 'redis-cli cluster info' shows its state"

#: All that redis-py raises: some of its cluster's errors have no base in common with the others.
REDIS_ERRORS = (RedisError, RedisClusterException, OSError)

#: What a server replies from within a script, in versions before 7.
_IN_SCRIPT = re.compile(r"Error running script .*?-(?=[A-Z]+ )")


class Cause(NamedTuple):
    """``errors``: classes of redis-py, and the codes that replies begin with where it has no class for them."""

    errors: tuple[type[Exception] | str, ...]
    passes: bool
    hint: str


#: The first that fits counts; what fits none does not pass.
CAUSES = (
    # a refused login is a kind of ConnectionError to redis-py
    Cause((AuthenticationError, AuthorizationError, "NOAUTH", "WRONGPASS"), False, _SETTINGS),
    Cause((NoPermissionError, "NOPERM"), False, "docs/operations.md lists the commands that the user needs"),
    Cause((BusyLoadingError, "LOADING"), True, "the server is loading its data"),
    Cause((ReadOnlyError, "READONLY"), True, "the server is a replica: is a failover under way?"),
    Cause((OutOfMemoryError, "OOM"), True, "the server is full: raise its maxmemory, or delete keys"),
    Cause(("MISCONF",), True, "the server cannot save its data, and its log says why: a full disk?"),
    Cause(("NOREPLICAS",), True, "too few replicas are connected: see min-replicas-to-write"),
    Cause((MasterDownError, "MASTERDOWN"), True, "the replica has lost its master"),
    Cause(("BUSY",), True, "another client's script is running on the server"),
    Cause((TryAgainError, MovedError, AskError, ClusterDownError), True, _CLUSTER),
    # refused, lost, silent, "max number of clients reached"
    Cause((RedisTimeoutError, RedisConnectionError, RedisClusterException, OSError), True, _UP),
    Cause((Exception,), False, "does this server know the commands that docs/operations.md lists?"),
)


def cause_of(error: Exception) -> Cause:
    """The row of the table for an error."""
    code = _IN_SCRIPT.sub("", str(error)).split(" ", 1)[0]
    return next(cause for cause in CAUSES if any(_is(error, code, each) for each in cause.errors))


def _is(error: Exception, code: str, known: type[Exception] | str) -> bool:
    return code == known if isinstance(known, str) else isinstance(error, known)
