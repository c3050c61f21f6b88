# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as a difference between two states of a cluster, and how it is told."""

from __future__ import annotations

import json
import types
import typing as t

from oracle.snapshots import LEADER, differences, listing, plain, version, versions


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


def test_a_version_changes_when_somebody_writes_and_not_with_a_status() -> None:
    one = {"uid": "1", "generation": 1, "resourceVersion": "2"}
    edited, ready, made_anew = {**one, "generation": 2}, {**one, "resourceVersion": "3"}, {**one, "uid": "4"}
    assert version("deployments", one) == version("deployments", ready)
    assert version("pods", one) == version("pods", edited) == version("pods", ready)
    assert version("secrets", one) != version("secrets", ready)
    for plural in ("deployments", "pods", "secrets"):
        assert version(plural, one) != version(plural, made_anew)
    assert version("deployments", one) != version("deployments", edited)


def test_what_is_going_or_changes_by_itself_has_no_version() -> None:
    one = {"uid": "1", "generation": 1, "resourceVersion": "2"}
    assert version("pods", {**one, "deletionTimestamp": "2026-01-01T00:00:00Z"}) is None
    assert version("configmaps", {**one, "annotations": {LEADER: "{}"}}) is None
    assert version("configmaps", {**one, "annotations": {"other": "{}"}}) is not None


class Cluster:
    """An API server with one kind of objects, and an istiod, as the Kubernetes client shows them."""

    def __init__(self, **uids: str) -> None:
        self.policies = [{"metadata": {"name": name, "uid": uid, "resourceVersion": "1"}} for name, uid in uids.items()]
        self.taken_in = 1
        self.core = types.SimpleNamespace(api_client=self)
        self.configuration = types.SimpleNamespace(host="https://api")

    def call_api(self, _method: str, url: str, _headers: dict[str, str]) -> t.Any:
        text = json.dumps({"items": self.policies if url.endswith("/authorizationpolicies") else None})
        if url.endswith("/metrics"):
            text = f'pilot_inbound_updates{{type="config"}} {self.taken_in}\nprocess_cpu_seconds_total {id(object())}\n'
        return types.SimpleNamespace(status=200, read=text.encode)


def test_whatever_is_written_changes_the_versions() -> None:
    cluster = Cluster(one="a")
    before = versions(cluster)
    assert versions(cluster) == before
    assert versions(Cluster(one="b")) != before
    assert versions(Cluster(one="a", other="b")) != before
    assert versions(Cluster()) != before


def test_what_istiod_has_taken_in_meanwhile_changes_the_versions() -> None:
    cluster = Cluster(one="a")
    before = versions(cluster)
    cluster.taken_in += 1
    assert versions(cluster) != before
