# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply.fields import differences
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
