# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.effects.exports import exported_to_nobody
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (["shpo"], "is exported to shpo only (exportTo), which does not exist, so no proxy sees it."),
        (["shpo", "x"], "is exported to shpo and x only (exportTo), which do not exist, so no proxy sees it."),
        (["~"], "is exported to no namespace (exportTo), so no proxy sees it."),
        (["shpo", "shop"], ""),
        (["."], ""),
        (["*"], ""),
    ],
)
def test_what_is_exported_to_nobody(places: list[str], said: str) -> None:
    rule = {"metadata": {"name": "a", "namespace": "bookinfo"}, "spec": {"hosts": ["a"], "exportTo": places}}
    namespaces = tuple({"metadata": {"name": name}} for name in ("bookinfo", "shop"))
    found = [one.sentence for one in exported_to_nobody(Mesh({"VirtualService": (rule,), "Namespace": namespaces}))]
    assert found == ([f"VirtualService bookinfo/a {said}"] if said else [])
    # Where namespaces may not be read, nobody can say which there are.
    assert not list(exported_to_nobody(Mesh({"VirtualService": (rule,)})))
