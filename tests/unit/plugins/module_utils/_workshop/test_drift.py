# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.drift import differences, troubles
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("wanted", "live", "fields"),
    [
        ({"spec": {"replicas": 1}}, {"spec": {"replicas": 1, "paused": False}}, []),
        ({"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, ["spec.replicas"]),
        ({"spec": {"http": [{"a": 1}, {"b": 2}]}}, {"spec": {"http": [{"a": 1}, {"b": 3}]}}, ["spec.http[1].b"]),
        ({"spec": {"http": [1, 2]}}, {"spec": {"http": [1]}}, ["spec.http"]),
        ({"spec": {"fault": {"delay": {"value": 100}}}}, {"spec": {}}, ["spec.fault"]),
        ({"data": {"a": "x"}}, {}, ["data"]),
        ({"spec": {"mtls": {}, "rules": [], "weight": 0, "on": False}}, {"spec": {}}, []),
        ({"cpu": "1000m", "memory": "1Gi", "count": "2"}, {"cpu": "1", "memory": "1024Mi", "count": "2"}, []),
        ({"cpu": "100m", "text": "a"}, {"cpu": "200m", "text": "b"}, ["cpu", "text"]),
        ({"on": True}, {"on": 2}, ["on"]),
    ],
)
def test_fields_that_differ_are_named(wanted: t.Any, live: t.Any, fields: list[str]) -> None:
    assert differences(wanted, live) == fields


@given(VALUES)
def test_nothing_differs_from_itself(value: t.Any) -> None:
    assert differences(value, value) == []


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
        "VirtualService room/edited is not as stage canary has it (spec.w differs; written to by kubectl-edit): "
        "run it again.",
        "VirtualService room/added is not as stage canary has it (written to by kubectl-edit): run it again.",
    ]


def test_of_many_fields_the_first_are_named() -> None:
    wanted = {**vs("a"), "spec": {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}}
    (said,) = troubles([(wanted, vs("a"))], state="baseline", remedy="run it")
    assert "(spec.a, spec.b, spec.c and 2 more differ)" in said
