"""Many commands to the nodes of a Redis Cluster: slots that move are followed, and writes wait for a replica.

A node that has given a slot away says where it is: ``MOVED`` for good, or ``ASK`` for this key while the slot moves.
A write counts once a replica of its node has it: else a failover could lose it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import AskError, MovedError, RedisError, TryAgainError

from penstock.jobs.store.resp import Command, head, node_replies

#: How often commands are sent on to another node before the cluster is left alone for a while.
_HOPS = 5
#: How long a replica may take to have a write, in milliseconds.
_REPLICA_MS = 1_000
_ASKING = head(1, b"ASKING")
_WAIT = head(3, b"WAIT", b"1", b"%d" % _REPLICA_MS)
_ROLE = head(1, b"ROLE")


def exchange_cluster(client: Any, commands: Sequence[Command], lasting: bool, moved: Callable[[], None]) -> list[Any]:
    """The replies in the order of the commands. ``lasting``: a write, which waits for a replica where its node has
    one; ``moved`` is called when the client's picture of the cluster is no longer right.

    Raises the first error that is no redirection; TryAgainError where no replica has taken a write, or slots move on
    and on.
    """
    replies: list[Any] = [None] * len(commands)
    left = {place: client.get_node_from_key(key) for place, (key, _) in enumerate(commands)}
    asked: set[int] = set()
    for _ in range(_HOPS):
        for node, places in _by_node(left):
            packed = [_ASKING * (place in asked) + commands[place][1] for place in places]
            counts = [1 + (place in asked) for place in places]
            if lasting:
                found = _write_node(client, node, packed, counts, moved)
            else:
                found = _ask_node(client, node, packed, counts)
            for place, reply in zip(places, found, strict=True):
                replies[place] = reply
        redirected = {place: replies[place] for place in left if isinstance(replies[place], AskError)}
        if not redirected:
            break
        if any(isinstance(error, MovedError) for error in redirected.values()):
            moved()
        left = {place: _target(client, error) for place, error in redirected.items()}
        asked = {place for place, error in redirected.items() if not isinstance(error, MovedError)}
    for reply in replies:
        if isinstance(reply, RedisError):
            raise reply
    return replies


def _by_node(left: dict[int, ClusterNode]) -> list[tuple[ClusterNode, list[int]]]:
    places: dict[str, list[int]] = {}
    for place, node in left.items():
        places.setdefault(node.name, []).append(place)
    return [(left[mine[0]], mine) for mine in places.values()]


def _target(client: Any, error: AskError) -> ClusterNode:
    """The node that an error names. Raises it where the client does not know the node: a new client will."""
    node: ClusterNode | None = client.get_node(host=error.host, port=error.port)
    if node is None:
        raise error
    return node


def _has_replica(client: Any, node: ClusterNode) -> bool:
    """Has one of the node's slots a replica? Those that have failed are not listed."""
    slots = client.nodes_manager.slots_cache.values()
    return any(len(nodes) > 1 and nodes[0].name == node.name for nodes in slots)


def _write_node(
    client: Any, node: ClusterNode, packed: list[bytes], counts: list[int], moved: Callable[[], None]
) -> list[Any]:
    """As ``_ask_node``, when a replica has the rows, where the node has one.

    The client's picture may be older than the replica, so a node that has none there says so itself.
    """
    known = _has_replica(client, node)
    *found, last = _ask_node(client, node, [*packed, _WAIT if known else _ROLE], [*counts, 1])
    if known and last == 0:
        raise _try_again(f"no replica of {node.name} has taken the rows within {_REPLICA_MS} ms")
    if not known and isinstance(last, list) and last[0] == b"master" and last[2]:
        moved()
        raise _try_again(f"{node.name} has a replica that was not known yet, and that may lack the rows")
    return found


def _try_again(what: str) -> TryAgainError:
    return TryAgainError(what)  # type: ignore[no-untyped-call]


def _ask_node(client: Any, node: ClusterNode, packed: list[bytes], counts: list[int]) -> list[Any]:
    """The last reply to each packed command; of what goes before it none is told."""
    found = node_replies(client.get_redis_connection(node).connection_pool, packed, sum(counts))
    return [found[end - 1] for end in accumulate(counts)]


def slots_of(client: Any) -> Any:
    """Which slots each master has, as it says itself; None where there is no cluster.

    A scan goes from node to node, so it can miss a key whose slot moves meanwhile. While one is on its way, the answer
    is equal to no other.
    """
    if not isinstance(client, RedisCluster):
        return None
    own = {node.name: _own_slots(client, node) for node in client.get_primaries()}
    return object() if any(each["migrations"] for each in own.values()) else own


def _own_slots(client: Any, node: ClusterNode) -> dict[str, Any]:
    """Only the master itself knows which of its slots are on their way."""
    nodes = client.execute_command("CLUSTER NODES", target_nodes=node)
    own = next(each for each in nodes.values() if "myself" in each["flags"])
    return {"slots": own["slots"], "migrations": own["migrations"]}
