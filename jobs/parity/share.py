"""The events on which the oracle runs: it looks at every event of a key at every change point, which takes its time."""

from __future__ import annotations

import random
from collections.abc import Sequence

from penstock.features.oracle import Key
from penstock.features.plan import ViewPlan
from penstock.jobs.parity.events import Arrival, key_of

#: How often the oracle may ask whether an event is alive: a third of a second for a view, as batch and as a stream.
MOST_ASKED = 300_000
#: As long as it takes to work out a feature, measured.
_ASKED_BY_A_FEATURE = 8
#: Of a busy key it takes a stretch of so many events, from anywhere, so that it sees many keys.
MOST_OF_A_KEY = 100


def oracle_share(plan: ViewPlan, came: Sequence[Arrival], seed: int) -> list[Arrival]:
    """All events where that is not too much; else those of some keys, whatever has no key among them."""
    keys: dict[Key | None, list[Arrival]] = {}
    for arrival in came:
        keys.setdefault(key_of(plan, arrival), []).append(arrival)
    if sum(_asked(plan, len(events)) for key, events in keys.items() if key is not None) <= MOST_ASKED:
        return list(came)
    chosen = [arrival.index for arrival in keys.pop(None, [])]
    left = MOST_ASKED
    chance = random.Random(seed)
    for key in chance.sample(sorted(keys, key=repr), len(keys)):
        start = chance.randint(0, max(0, len(keys[key]) - MOST_OF_A_KEY))
        events = keys[key][start : start + MOST_OF_A_KEY]
        left -= _asked(plan, len(events))
        if left < 0:
            break
        chosen += [arrival.index for arrival in events]
    taken = set(chosen)
    return [arrival for arrival in came if arrival.index in taken]


def _asked(plan: ViewPlan, events: int) -> int:
    """Each event has a change point when it comes and one when it leaves each window; at each every event is asked, and
    every feature is worked out, which takes about as long as some questions.
    """
    windows = len(plan.windows)
    return events * (1 + windows) * (events * windows + _ASKED_BY_A_FEATURE * len(plan.features))
