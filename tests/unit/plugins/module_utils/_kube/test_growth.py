# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._kube.growth import GrowthError, check_growth
from ansible_collections.mesh.workshop.tests.unit.bombs import alias_bomb


def check(text: str | bytes, longest: int = 1024) -> None:
    check_growth(text, yaml.SafeLoader, deepest=3, longest=longest)


@pytest.mark.parametrize(
    ("text", "longest", "message"),
    [
        (alias_bomb("list"), 2048, "line 5: with its aliases written out, the text is longer than 2 KiB; use fewer"),
        (alias_bomb("list"), 2**22, "line 7: with its aliases written out, the text is longer than 4 MiB; use fewer"),
        (b"\n- &a [*a]", 0, "line 2: the alias *a is within its own anchor; write the value out."),
        ("- - - []", 0, "line 1: more than 3 levels are nested; flatten them."),
    ],
)
def test_what_grows_too_large_is_refused(text: str | bytes, longest: int, message: str) -> None:
    with pytest.raises(GrowthError) as caught:
        check(text, longest)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("text", ["", "a: &a [1]\nb: *a\n", "a: &a 1\n---\na: &a [2]\nb: *a\n", "- - 1\n- - 2\n"])
def test_what_stays_small_is_taken(text: str) -> None:
    check(text)
