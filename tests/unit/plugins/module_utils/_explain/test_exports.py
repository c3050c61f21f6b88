# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.exports import exported_in_words, is_exported


@pytest.mark.parametrize(
    ("places", "own", "other"),
    [
        (None, True, True),
        (["*"], True, True),
        (["."], True, False),
        (["b"], False, True),
        ([".", "b"], True, True),
        (["~"], False, False),
        (["c"], False, False),
    ],
)
def test_who_sees_an_object(places: list[str] | None, own: bool, other: bool) -> None:
    rule = {"metadata": {"namespace": "a"}, "spec": {"exportTo": places} if places else {}}
    assert (is_exported("VirtualService", rule, "a"), is_exported("VirtualService", rule, "b")) == (own, other)
    notes = {"networking.istio.io/exportTo": ",".join(places)} if places else {}
    service = {"metadata": {"namespace": "a", "annotations": notes}}
    assert (is_exported("Service", service, "a"), is_exported("Service", service, "b")) == (own, other)


def test_exports_in_words() -> None:
    rule = {"metadata": {"namespace": "a"}, "spec": {"exportTo": [".", "b"]}}
    assert exported_in_words("VirtualService", rule) == "is exported to a and b only (exportTo)"
