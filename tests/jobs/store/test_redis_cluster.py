"""The Redis store on three masters with replicas: a slot moves, a replica stands still, a master dies."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.open import open_store
from penstock.jobs.store.patience import StoreAway
from penstock.jobs.store.rows import Batch
from tests.jobs.store.clustered import KEYS, SCHEMA, Traffic, project, row
from tests.redis_cluster import MASTERS, redis_cluster, wait_until


@pytest.mark.timeout(300)
def test_no_key_is_stale_and_no_row_is_lost_while_slots_move_and_a_master_dies(tmp_path: Path) -> None:
    with redis_cluster(tmp_path / "servers") as cluster:
        folder = project(tmp_path / "shop", cluster)
        with open_store(folder) as store, Traffic(folder) as traffic:
            wait_until(lambda: traffic.batches > 20 and taken(store))
            with cluster.client(0) as client:
                slot = int(client.execute_command("CLUSTER KEYSLOT", client.keys("*shop")[0]))

            def used() -> None:
                """Reads and writes go on in the middle of a move, without waiting for its end."""
                own(store)
                with pytest.raises(StoreAway, match="slots have moved"):
                    store.empty_others(SCHEMA, Batch(1, 1))
                before = traffic.batches
                wait_until(lambda: traffic.batches > before + 5)

            assert cluster.move(slot, 0, 1, used) >= 1
            own(store)
            cluster.servers[MASTERS + 2].process.send_signal(signal.SIGSTOP)
            with pytest.raises(StoreAway, match="no replica of"):
                own(store)
            cluster.servers[MASTERS + 2].process.send_signal(signal.SIGCONT)
            wait_until(lambda: taken(store))
            # the master that took the slot: what the slot has must be on its replica
            cluster.kill(1)
            wait_until(lambda: cluster.role(MASTERS + 1) == "master")
            wait_until(lambda: taken(store))
            before = traffic.batches
            wait_until(lambda: traffic.batches > before + 20)
        assert traffic.wrong == []
        with open_store(folder) as store:
            assert traffic.lost(store) == []
        assert traffic.reads > 20


#: Rows that no other writer has: of keys of all nodes, with a clock that is always the next one.
def own(store: BulkStore) -> None:
    rows = [row((1_000 + key,), time.monotonic_ns() // 1_000, 1) for (key,) in KEYS]
    store.write_rows(SCHEMA, rows)
    (columns,) = store.read_rows([(SCHEMA, [each.key for each in rows])])
    assert columns.t.tolist() == [each.t for each in rows]


def taken(store: BulkStore) -> bool:
    """Does the store take rows again?"""
    try:
        own(store)
    except StoreAway:
        return False
    return True
