# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._workshop.drift import troubles


def vs(name: str, weight: int = 5, **meta: t.Any) -> dict[str, t.Any]:
    meta = {"name": name, "namespace": "room", **meta}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": meta, "spec": {"w": weight}}


def test_what_is_missing_edited_or_written_to_is_told_with_a_remedy() -> None:
    by_hand = {"managedFields": [{"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {}}}]}
    ours = {"managedFields": [{"manager": "mesh-workshop", "operation": "Apply", "fieldsV1": {"f:spec": {}}}]}
    pairs = [
        (vs("same"), vs("same", **ours)),
        (vs("gone"), None),
        (vs("edited"), vs("edited", 95, **by_hand)),
        (vs("added"), vs("added", **by_hand)),
    ]
    assert troubles(pairs, state="stage canary", remedy="run it again") == [
        "VirtualService room/gone of stage canary is missing: run it again.",
        "VirtualService room/edited differs from stage canary (spec.w differs; written to by kubectl-edit): "
        "run it again.",
        "VirtualService room/added differs from stage canary (written to by kubectl-edit): run it again.",
    ]


def test_of_many_fields_the_first_are_named() -> None:
    wanted = {**vs("a"), "spec": {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}}
    (said,) = troubles([(wanted, vs("a"))], state="baseline", remedy="run it")
    assert "(spec.a, spec.b, spec.c and 2 more differ)" in said
