# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The routes through the labs of `make pairs` and of each day's run."""

from __future__ import annotations

import itertools

import pytest
from oracle.pairs import everything, trips, window, windows


def stages(count: int) -> dict[str, list[str]]:
    return {f"lab{number}": ["first", "last"] for number in range(count)}


def ways(labs: list[str]) -> list[tuple[str, str]]:
    return list(itertools.pairwise(labs))


@pytest.mark.parametrize("count", [3, 5, 7, 9, 11, 13])
def test_with_an_odd_number_of_labs_each_pair_comes_once(count: int) -> None:
    labs = list(stages(count))
    walked = ways([lab for lab, _stage in everything(stages(count))])
    assert sorted(walked) == sorted(itertools.permutations(labs, 2))


@pytest.mark.parametrize("count", [4, 6, 10, 12])
def test_with_an_even_number_of_labs_each_pair_comes(count: int) -> None:
    labs = list(stages(count))
    walked = ways([lab for lab, _stage in everything(stages(count))])
    assert set(walked) == set(itertools.permutations(labs, 2))


@pytest.mark.parametrize("count", [2, 3, 10, 11, 12])
def test_each_window_visits_every_lab_once(count: int) -> None:
    labs = list(stages(count))
    for number in range(windows(labs)):
        assert sorted(lab for lab, _stage in window(stages(count), number)) == sorted(labs)


@pytest.mark.parametrize("count", [10, 11, 12])
def test_the_windows_walk_all_pairs(count: int) -> None:
    labs = list(stages(count))
    walked = {
        way
        for number in range(2 * len(trips(labs)))
        for way in ways([lab for lab, _stage in window(stages(count), number)])
    }
    assert walked == set(itertools.permutations(labs, 2))


def test_windows_start_anew_after_the_last() -> None:
    assert windows(list(stages(11))) == 110
    assert window(stages(11), 110) == window(stages(11), 0)
    assert window(stages(11), 109) != window(stages(11), 0)


def test_the_first_window_shows_the_last_stages_and_the_next_one_others() -> None:
    assert {stage for _lab, stage in window(stages(11), 0)} == {"last"}
    assert {stage for _lab, stage in window(stages(11), 1)} == {"first"}
