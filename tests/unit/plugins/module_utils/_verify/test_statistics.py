# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The formulas against sums done by hand, and the error rates by simulation."""

from __future__ import annotations

import math
import random
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.statistics import (
    Decision,
    ShareTest,
    acceptance,
    always_sample,
    at_least,
    at_most,
    fixed_sample,
    interval,
    mean_is_above,
    mean_is_below,
    share_is_above,
    share_test,
    spent,
    tolerated,
)


def by_hand(k: int, n: int, p: float) -> float:
    """P(X <= k), summed."""
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))


@pytest.mark.parametrize(("k", "n", "p"), [(0, 1, 0.5), (3, 10, 0.2), (9, 10, 0.9), (29, 580, 0.05), (30, 40, 0.5)])
def test_binomial_tails_are_the_sums(k: int, n: int, p: float) -> None:
    assert at_most(k, n, p) == pytest.approx(by_hand(k, n, p), rel=1e-9)
    assert at_least(k, n, p) == pytest.approx(1 - (by_hand(k - 1, n, p) if k else 0), rel=1e-9)


def test_binomial_tails_at_the_edges() -> None:
    assert (at_most(-1, 5, 0.5), at_most(5, 5, 0.5), at_most(2, 5, 0.0), at_most(2, 5, 1.0)) == (0, 1, 1, 0)
    assert (at_least(0, 5, 0.5), at_least(6, 5, 0.5), at_least(2, 5, 0.0), at_least(2, 5, 1.0)) == (1, 0, 0, 1)


def test_interval_is_the_one_of_clopper_and_pearson() -> None:
    # Clopper and Pearson (1934): 10 of 100 at 95 % gives 4.90 % to 17.62 %.
    low, high = interval(10, 100, 0.05)
    assert low == pytest.approx(0.0490, abs=1e-4)
    assert high == pytest.approx(0.1762, abs=1e-4)
    assert interval(0, 44)[0] == 0
    assert interval(44, 44)[1] == 1
    # No hit in n: the upper bound solves (1 - p) ** n = error / 2.
    assert interval(0, 44)[1] == pytest.approx(1 - 0.005 ** (1 / 44), abs=1e-9)
    assert interval(0, 0) == (0, 1)


def test_44_requests_find_one_wrong_answer_in_ten() -> None:
    assert always_sample() == 44
    assert 0.9**44 <= 0.01 < 0.9**43
    assert always_sample(error=spent(1)) == 44


def test_error_spent_over_all_attempts_is_the_error_asked_for() -> None:
    assert sum(spent(attempt) for attempt in range(1, 100_000)) == pytest.approx(0.01, rel=1e-4)
    sizes = [always_sample(error=spent(attempt)) for attempt in range(1, 400)]
    assert sizes == sorted(sizes)
    assert sum(0.9**size for size in sizes) <= 0.01


def test_a_leak_outside_of_0_and_1_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        always_sample(1.0)


@pytest.mark.parametrize(("share", "tolerance"), [(0.05, 0.05), (0.5, 0.1), (0.9, 0.05), (0.333, 0.1)])
def test_fixed_sample_keeps_both_error_rates(share: float, tolerance: float) -> None:
    n = fixed_sample(share, tolerance)
    low, high = acceptance(n, share, 0.01)
    assert at_most(low - 1, n, share) + at_least(high + 1, n, share) <= 0.01
    assert at_least(low, n, max(0.0, share - tolerance)) <= 0.01
    assert at_most(high, n, min(1.0, share + tolerance)) <= 0.01


def test_impossible_tolerance_is_refused() -> None:
    with pytest.raises(ValueError, match="needs more than"):
        fixed_sample(0.5, 0.001)
    with pytest.raises(ValueError, match="always/never"):
        share_test(1.0, 0.05)


def verdict(test: ShareTest, truth: float, source: random.Random) -> tuple[Decision, int]:
    """Ask a world with this true share until the test decides, looking as rarely as run.py does."""
    hits = n = 0
    look = test.first_look()
    while True:
        hits += sum(1 for _request in range(look) if source.random() < truth)
        n += look
        decision = test.decide(hits, n)
        if decision is not Decision.CONTINUE:
            return decision, n
        look = min(max(20, test.first_look() // 5), test.limit - n)


@pytest.mark.parametrize(("share", "tolerance"), [(0.05, 0.05), (0.5, 0.1)])
def test_error_rates_of_the_sequential_test_by_simulation(share: float, tolerance: float) -> None:
    """2000 right worlds and 2000 of each wrong one: at 1 % more than 34 errors have a probability below 0.2 %."""
    source = random.Random(20261122)
    test = share_test(share, tolerance)
    runs = 2000
    right = [verdict(test, share, source) for _run in range(runs)]
    assert sum(1 for decision, _n in right if decision is Decision.WRONG) <= 34
    for truth in test.alternatives():
        wrong = [verdict(test, truth, source) for _run in range(runs)]
        assert sum(1 for decision, _n in wrong if decision is Decision.RIGHT) <= 34
    average = sum(n for _decision, n in right) / runs
    assert average < fixed_sample(share, tolerance), "a sequential test that asks more gains nothing"


def test_always_check_with_its_retries_by_simulation() -> None:
    """A world that leaks one answer in ten and is asked up to 200 times passes at most once in a hundred."""
    source = random.Random(20261122)
    passed = 0
    runs = 3000
    for _run in range(runs):
        for attempt in range(1, 201):
            size = always_sample(error=spent(attempt))
            if all(source.random() >= 0.1 for _request in range(size)):
                passed += 1
                break
    assert passed <= 47, "at 1 % more than 47 of 3000 have a probability below 0.2 %"


ATTEMPTS = 20
"""Where the rate spent is down to a millionth, further ones add nothing that a simulation could show."""


def retried(shown: t.Callable[[int, float], bool], runs: int = 1000) -> int:
    """How often a world passes that is asked again until it does, with what each attempt may spend of the error."""
    return sum(any(shown(a, spent(a)) for a in range(1, ATTEMPTS)) for _run in range(runs))


def test_some_answers_with_retries_by_simulation() -> None:
    """A world with just too few of them passes once in a hundred, one with clearly enough at the first attempt."""
    source = random.Random(20261122)

    def shown(truth: float, n: int, error: float) -> bool:
        return share_is_above(sum(source.random() < truth for _request in range(n)), n, 0.2, error)

    assert retried(lambda _attempt, error: shown(0.2, 80, error)) <= 20, "at 1 %, more have a probability below 0.2 %"
    assert all(shown(0.6, 80, spent(1)) for _run in range(500))
    assert share_is_above(44, 44, 1.0, 0.01)
    assert not share_is_above(43, 44, 1.0, 0.01)


@pytest.mark.parametrize("wide", [False, True])
def test_average_tries_with_retries_by_simulation(wide: bool) -> None:
    source = random.Random(20261122)

    def tries(mean: float, n: int) -> list[float]:
        """One or more tries of this mean; where ``wide``, seldom and then many."""
        most = 4.0 if wide else 2.0
        return [most if source.random() < (mean - 1.0) / (most - 1.0) else 1.0 for _request in range(n)]

    def above(attempt: int, error: float) -> bool:
        return mean_is_above(tries(1.3, always_sample(error=spent(attempt))), 1.3, error)

    def below(attempt: int, error: float) -> bool:
        return mean_is_below(tries(1.8, always_sample(error=spent(attempt))), 1.8, 4.0, error)

    assert retried(above) <= 20
    assert retried(below) <= 20
    right = [1.0, *[2.0] * 43]  # of the lab on retries: between 1.3 and 2.5
    assert mean_is_above(right, 1.3, spent(1))
    assert mean_is_below(right, 2.5, 5.0, spent(1))


def test_average_tries_at_the_edges() -> None:
    assert mean_is_below([1.0] * 12 + [0.0] * 68, 0.8, 3.0, spent(5)), "of the lab on circuit breakers"
    assert not mean_is_below([1.0] * 80, 0.8, 3.0, spent(1)), "without it every request comes through"
    assert not mean_is_below([1.0] * 43 + [9.0], 2.5, 5.0, 0.01), "what is tried so often may be so still more often"
    assert mean_is_above([0.0, 1.0], 0.0, 0.01)
    assert not mean_is_above([0.0, 0.0], 0.0, 0.01)


def test_shares_that_a_small_sample_cannot_tell_apart() -> None:
    low, high = tolerated(500, 0.05, 0.01, 0.01)
    least, most = acceptance(500, 0.05, 0.01)
    assert at_least(least, 500, low) == pytest.approx(0.01, rel=1e-3)
    assert at_most(most, 500, high) == pytest.approx(0.01, rel=1e-3)
    assert 0.01 < low < 0.05 < high < 0.12
    assert tolerated(60, 0.05, 0.01, 0.01)[0] == 0.0, "sixty requests cannot tell five percent from none"
