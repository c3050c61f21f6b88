# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as a difference between two states of a cluster, and how it is told."""

from __future__ import annotations

from oracle.snapshots import differences, listing, plain


def test_equal_states_have_no_difference() -> None:
    assert differences({"a": {"b": [1]}}, {"a": {"b": [1]}}) == []


def test_each_difference_is_named() -> None:
    before = {"gone": 1, "kept": 1, "count": 1, "other": {"spec": {"hosts": ["a", "b"], "zone": 1}}}
    after = {"new": 1, "kept": 1, "count": 2, "other": {"spec": {"hosts": ["a", "c"], "zone": 2}}}
    assert differences(before, after) == [
        "count differs: 2 instead of 1",
        "gone is missing",
        "new is left over",
        "other differs at .spec.hosts[1]: 'c' instead of 'b'",
    ]


def test_a_longer_list_and_a_new_field_are_differences() -> None:
    assert differences({"a": {"b": [1]}}, {"a": {"b": [1, 2]}}) == ["a differs at .b: 2 entries instead of 1"]
    assert differences({"a": {}}, {"a": {"b": 0}}) == ["a differs at .b: 0 instead of None"]


def test_long_values_and_many_lines_are_cut() -> None:
    (line,) = differences({"a": {"b": "x" * 500}}, {"a": {"b": ""}})
    assert len(line) < 150
    assert listing([str(number) for number in range(10)]).splitlines()[-2:] == ["7", "... and 2 more"]
    assert listing(["one"]) == "one"


def test_an_object_is_what_somebody_wants_it_to_be() -> None:
    metadata = {"name": "a", "labels": {"b": "c"}}
    cluster = {"uid": "1", "resourceVersion": "2", "annotations": {"deployment.kubernetes.io/revision": "3"}}
    item = {"metadata": {**metadata, **cluster}, "spec": {"clusterIP": "10.0.0.1", "x": 1}, "status": {"y": 1}}
    assert plain(item) == {"metadata": metadata, "spec": {"x": 1}, "data": None}
