"""The confidence sequence by simulation: how often it ever loses the mean, however often it is looked at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from penstock.jobs.quality.sequence import ALPHA, FIRST, confidence_sequence, rho_squared

RUNS, LENGTH = 400, 3_000
Draw = Callable[[np.random.Generator, int], npt.NDArray[np.float64]]

#: Differences of mean zero, as differences of losses may be: of heavy tails, skewed, mostly zero, or of whole days.
KINDS: dict[str, Draw] = {
    "normal": lambda chance, n: chance.normal(size=n),
    "Laplace": lambda chance, n: chance.laplace(size=n),
    "skewed": lambda chance, n: chance.exponential(size=n) - 1,
    "mostly zero": lambda chance, n: chance.normal(size=n) * (chance.random(n) < 0.2),
    "louder by the time": lambda chance, n: chance.normal(size=n) * np.linspace(1, 3, n),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_holds_the_mean_at_all_looks_in_nearly_all_runs(kind: str) -> None:
    chance = np.random.default_rng(20)
    missed = 0
    for _ in range(RUNS):
        sequence = confidence_sequence(KINDS[kind](chance, LENGTH))
        missed += bool(((sequence.low > 0) | (sequence.high < 0)).any())
    # twice the standard deviation of a share of 5 % in so many runs above it
    assert missed / RUNS <= ALPHA + 2 * np.sqrt(ALPHA * (1 - ALPHA) / RUNS)


def test_an_interval_for_one_look_would_lose_it_far_more_often() -> None:
    chance = np.random.default_rng(20)
    missed = 0
    for _ in range(RUNS):
        sequence = confidence_sequence(chance.normal(size=LENGTH))
        missed += bool((np.abs(sequence.mean) > 1.96 / np.sqrt(sequence.labels)).any())
    assert missed / RUNS > 4 * ALPHA


def test_it_finds_a_difference_and_gets_narrower() -> None:
    sequence = confidence_sequence(np.random.default_rng(3).normal(0.2, 1.0, LENGTH))
    assert sequence.low[-1] > 0
    assert (sequence.high - sequence.low)[-1] < (sequence.high - sequence.low)[0] / 3
    assert len(confidence_sequence(np.zeros(FIRST - 1)).mean) == 0
    assert sequence.labels[0] == FIRST


def test_its_width_is_that_of_the_published_formula() -> None:
    values = np.tile([1.0, -1.0], 500)
    t, r, alpha = len(values), rho_squared(), ALPHA
    width = np.sqrt(2 * (t * r + 1) / (t**2 * r) * np.log(np.sqrt(t * r + 1) / alpha))
    sequence = confidence_sequence(values)
    assert sequence.high[-1] == pytest.approx(width, rel=1e-12)
