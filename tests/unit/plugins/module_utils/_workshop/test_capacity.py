# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.capacity import (
    PODS,
    bounds_of_one,
    cost_of_one,
    expectation,
    lack_of_room,
    left_on,
    most_of,
)

Json = dict[str, t.Any]
APPLICATION = {"requests": {"cpu": "2m", "memory": "32Mi"}}
INJECTOR = {
    "data": {"values": json.dumps({"global": {"proxy": {"resources": {"requests": {"cpu": "3m", "memory": "64Mi"}}}}})}
}
EACH = cost_of_one(APPLICATION, INJECTOR)


def node(name: str = "one", *, unschedulable: bool = False, **allocatable: str) -> Json:
    quantities = {"pods": "110", "cpu": "2", "memory": "8Gi", **allocatable}
    return {
        "metadata": {"name": name},
        "spec": {"unschedulable": unschedulable},
        "status": {"allocatable": quantities},
    }


def pod(cpu: str, *, on: str = "one", phase: str = "Running", **spec: t.Any) -> Json:
    containers = [{"resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}]
    return {"spec": {"nodeName": on, "containers": containers, **spec}, "status": {"phase": phase}}


def test_one_takes_six_pods_of_an_application_and_a_proxy() -> None:
    assert str(EACH) == "6 pods, 30m CPU and 576 MiB of memory"
    assert str(cost_of_one({"limits": {"cpu": "1"}}, None)) == "6 pods, 6000m CPU and 0 MiB of memory"
    assert cost_of_one(APPLICATION, {"data": {"values": "{"}}) == cost_of_one(APPLICATION, None)


def test_what_runs_and_what_does_not_is_told_apart() -> None:
    sidecar = {"restartPolicy": "Always", "resources": {"requests": {"cpu": "100m"}}}
    pods = [
        pod("500m", initContainers=[sidecar, {"resources": {"requests": {"cpu": "1"}}}]),
        pod("1", phase="Succeeded"),
        pod("1", on="closed"),
    ]
    left = left_on([node(), node("closed", unschedulable=True)], pods)
    assert str(left) == "109 pods, 1400m CPU and 7168 MiB of memory"


@pytest.mark.parametrize(
    ("allocatable", "fits"), [({}, 14), ({"pods": str(3 * PODS)}, 3), ({"cpu": "90m"}, 3), ({"memory": "1G"}, 1)]
)
def test_what_runs_out_first_says_how_many_fit(allocatable: dict[str, str], fits: int) -> None:
    left = left_on([node(**allocatable)], [])
    assert lack_of_room(fits, left, EACH) == ""
    assert most_of(left, EACH) == fits
    said = lack_of_room(fits + 1, left, EACH)
    assert said.startswith(f"{fits + 1} more attendees do not fit into this cluster, {fits} do: each takes 6 pods, 30m")


def test_what_all_of_them_take_is_told_too() -> None:
    said = lack_of_room(60, left_on([node()], []), EACH)
    assert "each takes 6 pods, 30m CPU and 576 MiB of memory, all of them 360 pods, 1800m CPU and 34560 MiB" in said


def test_what_to_expect_depends_on_the_processors() -> None:
    assert expectation(1, [node()], 41) == (
        "Adding 1 attendee takes about a minute and 0.3 GiB of memory; there is room for 41."
    )
    assert expectation(30, [node()], 41).startswith("Adding 30 attendees takes about 6 minutes and 10.2 GiB of memory;")
    assert expectation(30, [node(cpu="8")] * 4, 99).startswith("Adding 30 attendees takes about a minute and 10.2 GiB")


def test_a_full_cluster_takes_nobody() -> None:
    assert "1 more attendees do not fit into this cluster, 0 do" in lack_of_room(
        1, left_on([node(cpu="10m")], [pod("1")]), EACH
    )


def test_one_may_take_four_times_what_a_bookinfo_requests() -> None:
    bounds = bounds_of_one(APPLICATION, INJECTOR)
    four = [int(4 * one) for one in (EACH.pods, EACH.cpu * 1000, EACH.memory / 1024**2)]
    assert [bounds["quota"][name] for name in ("pods", "requests.cpu", "requests.memory")] == [
        f"{four[0]}",
        f"{four[1]}m",
        f"{four[2]}Mi",
    ]
    assert bounds["quota"]["services.nodeports"] == bounds["quota"]["services.loadbalancers"] == "0"
    assert bounds["container"]["defaultRequest"] == {"cpu": "2m", "memory": "32Mi"}


def test_no_container_may_take_more_than_the_largest_of_bookinfo_or_the_proxy() -> None:
    limits = {"global": {"proxy": {"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}}}
    container = bounds_of_one(APPLICATION, {"data": {"values": json.dumps(limits)}})["container"]
    assert container["default"] == {"cpu": "1000m", "memory": "512Mi"}
    assert container["max"] == {"cpu": "2000m", "memory": "1024Mi"}
    assert bounds_of_one(APPLICATION, None)["container"]["max"] == container["default"]
    own = {"requests": {"memory": "600Mi"}, "limits": {"cpu": "1500m"}}
    assert bounds_of_one(own, None)["container"]["default"] == {"cpu": "1500m", "memory": "600Mi"}


def test_a_quota_has_room_where_containers_request_nothing() -> None:
    quota = bounds_of_one({}, None)["quota"]
    assert (quota["requests.cpu"], quota["requests.memory"]) == ("96m", "1536Mi")
