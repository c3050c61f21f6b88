# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests a check needs, and what their answers prove.

Two questions are asked of traffic. "Always" (or "never"): no wrong answer may appear; the sample must be large enough
to show a wrong share of at least ``leak``. "Shares": a category must appear with a given probability; a deviation of
at least ``tolerance`` must be found, and a right world must pass.

Everything here is exact or a proven bound; nothing rests on the normal approximation.
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

ERROR_RATE = 0.01
LEAK = 0.10
TOLERANCE = 0.05
FIRST_ATTEMPT = 0.97
"""Part of the error rate that the first attempt may use: 0.9 ** 44 is 97 % of one percent."""

LARGEST_SAMPLE = 50_000


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function I_x(a, b) by its continued fraction (DLMF 8.17.22, modified Lentz)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):  # DLMF 8.17.4: the fraction converges fast on the other side only
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    tiny = 1e-300
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    fraction = d
    for m in range(1, 1000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + numerator * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + numerator / c
            c = c if abs(c) > tiny else tiny
            step = c * d
            fraction *= step
        if abs(step - 1.0) < 1e-14:
            break
    return front * fraction / a


def at_most(k: int, n: int, p: float) -> float:
    """P(X <= k) of the binomial distribution, as an incomplete beta function (DLMF 8.17.5)."""
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    if p <= 0.0:
        return 1.0
    if p >= 1.0:
        return 0.0
    return incomplete_beta(n - k, k + 1, 1.0 - p)


def at_least(k: int, n: int, p: float) -> float:
    """P(X >= k) of the binomial distribution."""
    if k <= 0:
        return 1.0
    if k > n:
        return 0.0
    if p <= 0.0:
        return 0.0
    if p >= 1.0:
        return 1.0
    return incomplete_beta(k, n - k + 1, p)


def interval(k: int, n: int, error: float = ERROR_RATE) -> tuple[float, float]:
    """Exact confidence interval of a share (Clopper and Pearson, Biometrika 26, 1934), by bisection."""
    if n == 0:
        return (0.0, 1.0)
    half = error / 2

    def solve(target: float, lower: bool) -> float:
        left, right = 0.0, 1.0
        for _step in range(60):
            middle = (left + right) / 2
            tail = at_least(k, n, middle) if lower else 1.0 - at_most(k, n, middle)
            if tail < target:
                left = middle
            else:
                right = middle
        return (left + right) / 2

    low = 0.0 if k == 0 else solve(half, True)
    high = 1.0 if k == n else solve(1.0 - half, False)
    return (low, high)


def spent(attempt: int, error: float = ERROR_RATE) -> float:
    """The part of ``error`` that the given attempt (1, 2, ...) of a retried check may use.

    A wrong world that is asked again and again gets a new chance to pass each time. The parts of all attempts, however
    many, sum up to ``error`` (sum of 1/(k(k+1)) is 1), so that by the union bound the rate holds for the whole check.
    This is alpha spending (Lan and DeMets, Biometrika 70, 1983) with most of it kept for the first attempt.
    """
    if attempt <= 1:
        return error * FIRST_ATTEMPT
    return error * (1.0 - FIRST_ATTEMPT) / ((attempt - 1) * attempt)


def always_sample(leak: float = LEAK, error: float = ERROR_RATE) -> int:
    """Smallest n with (1 - leak) ** n <= error: so many right answers in a row exclude a wrong share of ``leak``."""
    if not 0.0 < leak < 1.0:
        raise ValueError("a leak lies between 0 and 1")
    return math.ceil(math.log(error) / math.log1p(-leak) - 1e-9)


class Decision(Enum):
    """What a sequential test says so far."""

    CONTINUE = "continue"
    RIGHT = "right"
    WRONG = "wrong"


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else -math.inf


@dataclass(frozen=True)
class ShareTest:
    """Sequential test of one share: is it ``share``, or off by at least ``tolerance``?

    Two sequential probability ratio tests (Wald, Annals of Mathematical Statistics 16, 1945), one per direction. By
    Ville's inequality a likelihood ratio of the wrong world over the right one exceeds 1/a with probability at most a
    in the right world, at whatever times one looks, and its inverse exceeds 1/b with probability at most b in the
    wrong one. Half of each error rate is kept for the exact binomial test at ``limit``, where the test must end; the
    right world's half is shared by the two directions. By the union bound the sums are the rates asked for.
    """

    share: float
    tolerance: float
    alpha: float
    beta: float
    limit: int
    low: int
    high: int

    def decide(self, hits: int, n: int) -> Decision:
        """Verdict after n answers of which ``hits`` fell into the category."""
        excluded = True
        for wrong in self.alternatives():
            ratio = 0.0
            if hits:
                ratio += hits * (_log(wrong) - math.log(self.share))
            if n - hits:
                ratio += (n - hits) * (_log(1.0 - wrong) - math.log1p(-self.share))
            if ratio >= -math.log(self.alpha / 4):
                return Decision.WRONG
            if ratio > math.log(self.beta / 2):
                excluded = False
        if excluded:
            return Decision.RIGHT
        if n >= self.limit:
            return Decision.RIGHT if self.low <= hits <= self.high else Decision.WRONG
        return Decision.CONTINUE

    def alternatives(self) -> list[float]:
        """The nearest wrong worlds; a share cannot be below 0 or above 1."""
        return [max(0.0, self.share - self.tolerance), min(1.0, self.share + self.tolerance)]

    def first_look(self) -> int:
        """Answers after which a right world passes for the first time, if it shows exactly its share."""
        left, right = 1, self.limit
        while left < right:
            middle = (left + right) // 2
            if self._passes_at(middle):
                right = middle
            else:
                left = middle + 1
        return left

    def _passes_at(self, n: int) -> bool:
        near = round(self.share * n)
        return any(self.decide(hits, n) is Decision.RIGHT for hits in (near - 1, near, near + 1) if 0 <= hits <= n)


def acceptance(n: int, share: float, alpha: float) -> tuple[int, int]:
    """The smallest range of hits outside of which a right world falls with at most ``alpha`` (half on each side)."""
    centre = int(n * share)
    low = _smallest(lambda k: at_most(k, n, share) > alpha / 2, 0, centre + 1)
    high = _smallest(lambda k: at_least(k + 1, n, share) <= alpha / 2, centre, n)
    return (low, high)


def tolerated(n: int, share: float, alpha: float, beta: float) -> tuple[float, float]:
    """The true shares that may pass for ``share`` after n answers: outside of them one passes with at most ``beta``."""
    low, high = acceptance(n, share, alpha)

    def solve(passes: t.Callable[[float], float], inside: float, outside: float) -> float:
        if passes(outside) > beta:
            return outside
        for _step in range(50):
            middle = (inside + outside) / 2
            if passes(middle) > beta:
                inside = middle
            else:
                outside = middle
        return outside

    return (solve(lambda p: at_least(low, n, p), share, 0.0), solve(lambda p: at_most(high, n, p), share, 1.0))


def share_is_above(hits: int, n: int, share: float, error: float) -> bool:
    """Whether so many hits exclude every share up to this one: none shows as many with more than ``error``."""
    if share >= 1.0:
        return hits == n
    return at_least(hits, n, share) <= error


def mean_is_above(values: t.Sequence[float], bound: float, error: float) -> bool:
    """Whether these values, none below 0, exclude every mean up to ``bound``.

    Who bets on a greater mean, at fair odds, multiplies what they have by 1/error with a probability of at most error
    (Ville's inequality; Waudby-Smith and Ramdas, JRSS B 86, 2024). Half is staked as a whole each time, half by halves.
    """
    if bound <= 0.0:
        return any(value > 0.0 for value in values)
    won = [sum(_log(1.0 + stake * (value / bound - 1.0)) for value in values) for stake in (0.5, 1.0)]
    return max(won) - math.log(len(won)) >= -math.log(error)


def mean_is_below(values: t.Sequence[float], bound: float, most: float, error: float) -> bool:
    """Whether these values exclude every mean from ``bound`` on, where none can be above ``most``."""
    if any(value > most for value in values):
        return False
    return mean_is_above([most - value for value in values], most - bound, error)


def _smallest(holds: t.Callable[[int], bool], left: int, right: int) -> int:
    """Smallest number in [left, right] for which a condition holds that stays true once it is."""
    while left < right:
        middle = (left + right) // 2
        if holds(middle):
            right = middle
        else:
            left = middle + 1
    return left


def fixed_sample(share: float, tolerance: float, alpha: float = ERROR_RATE, beta: float = ERROR_RATE) -> int:
    """Sample of the exact two-sided binomial test that finds a deviation of ``tolerance`` with error rate ``beta``."""

    def enough(n: int) -> bool:
        low, high = acceptance(n, share, alpha)
        below, above = max(0.0, share - tolerance), min(1.0, share + tolerance)
        return at_least(low, n, below) <= beta and at_most(high, n, above) <= beta

    n = 16
    while not enough(n):
        n *= 2
        if n > LARGEST_SAMPLE:
            raise ValueError(f"a tolerance of {tolerance * 100:g} points needs more than {LARGEST_SAMPLE} requests")
    return _smallest(enough, n // 2, n)


@lru_cache(maxsize=256)
def share_test(share: float, tolerance: float, alpha: float = ERROR_RATE, beta: float = ERROR_RATE) -> ShareTest:
    """The sequential test for one share, with its limit and the acceptance range there."""
    if not 0.0 < share < 1.0:
        raise ValueError("shares of 0 and 1 are always/never questions")
    limit = fixed_sample(share, tolerance, alpha / 2, beta / 2)
    low, high = acceptance(limit, share, alpha / 2)
    return ShareTest(share, tolerance, alpha, beta, limit, low, high)
