# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.words import joined, labelled


@pytest.mark.parametrize(
    ("names", "expected"), [((), ""), (("a",), "a"), (("a", "b"), "a and b"), (("a", "b", "c"), "a, b and c")]
)
def test_the_last_name_stands_apart(names: tuple[str, ...], expected: str) -> None:
    assert joined(names) == expected
    assert joined(names, "or") == expected.replace(" and ", " or ")


def test_labels_stay_in_their_order() -> None:
    assert labelled({"version": "v1", "app": "reviews"}) == "version=v1, app=reviews"
    assert labelled({}) == ""
