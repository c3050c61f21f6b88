# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes through the labs on which every ordered pair of them occurs. Pure functions."""

from __future__ import annotations

import typing as t

Visit = tuple[str, str]
"""A lab and one of its stages."""


def trips(labs: t.Sequence[str]) -> list[list[str]]:
    """Round trips, each through every lab once, which together go from every lab to every other.

    Walecki's zigzag (0, 1, -1, 2, -2, ...) turned through all its positions has each ordered pair of an even number of
    points once. Of an odd number the first lab stays out, and is where each trip begins and ends: then the trips hang
    together, and the pairs still come once each. With an even number the ways home come on top.
    """
    hub, points = (list(labs[:1]), list(labs[1:])) if len(labs) % 2 else ([], list(labs))
    size = len(points)
    zigzag = [step // 2 + 1 if step % 2 else -(step // 2) for step in range(size)]
    return [[*hub, *(points[(start + step) % size] for step in zigzag)] for start in range(size)]


def windows(labs: t.Sequence[str]) -> int:
    """How many windows there are."""
    return sum(len(trip) for trip in trips(labs))


def window(stages: t.Mapping[str, t.Sequence[str]], number: int) -> list[Visit]:
    """One round trip without its way home, so every lab once.

    The trips take turns. When each has been walked they all start one lab further on, and so leave out another way.
    """
    rounds = trips(list(stages))
    turn, chosen = divmod(number % windows(list(stages)), len(rounds))
    trip = rounds[chosen]
    return _visits(stages, [*trip[turn:], *trip[:turn]], chosen)


def everything(stages: t.Mapping[str, t.Sequence[str]]) -> list[Visit]:
    """All round trips after each other, and home."""
    rounds = trips(list(stages))
    return [
        *(visit for number, trip in enumerate(rounds) for visit in _visits(stages, trip, number)),
        *_visits(stages, rounds[0][:1], 0),
    ]


def _visits(stages: t.Mapping[str, t.Sequence[str]], labs: t.Iterable[str], trip: int) -> list[Visit]:
    """Each trip shows other stages; the first one shows the last, which most labs build up to."""
    return [(lab, stages[lab][-1 - trip % len(stages[lab])]) for lab in labs]
