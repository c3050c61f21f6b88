# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import Applied
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import status as _status
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.status import summary
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.verdict import Verdict

MOMENT = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)


def deployment(name: str, ready: int, wanted: int = 1) -> dict:
    return {
        "metadata": {"name": name, "namespace": "room"},
        "spec": {"replicas": wanted},
        "status": {"readyReplicas": ready},
    }


def page(status: dict, labs: list[str]) -> str:
    return _status.page(status, labs, MOMENT)


def node(ready: str = "True") -> dict:
    return {"metadata": {"name": "n"}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


def status(**changes: t.Any) -> dict:
    facts: dict[str, t.Any] = {
        "kubernetes": "v1.36.3",
        "nodes": [node()],
        "control_plane": [deployment("istiod", 1)],
        "istio_version": "1.31.0",
        "workloads": [deployment("reviews-v1", 1)],
        "namespace": "room",
        "gateway": "172.30.0.2:80",
        "host": "mybookstore.com",
        "applied": Applied("gateway", "open"),
    }
    return summary(**{**facts, **changes})


def test_a_good_workshop_has_no_troubles() -> None:
    assert status()["healthy"]
    text = page(status(), ["gateway"])
    assert "gateway, stage open" in text
    assert "good" in text


def test_each_fault_is_a_trouble_with_a_remedy() -> None:
    assert "Node n is not ready" in status(nodes=[node("False")])["troubles"][0]
    assert "Istio is not installed" in status(control_plane=[])["troubles"][0]
    assert "room/reviews-v1 has 0 of 1" in status(workloads=[deployment("reviews-v1", 0)])["troubles"][0]
    refused = deployment("reviews-v1", 0)
    refused["status"]["conditions"] = [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"}]
    assert (
        "has 0 of 1 replicas ready: exceeded quota: small; raise the quota"
        in status(workloads=[refused])["troubles"][0]
    )
    assert "Bookinfo is not deployed" in status(workloads=[])["troubles"][0]
    faulty = status(gateway="")
    assert not faulty["healthy"]
    assert "no address" in faulty["troubles"][0]
    assert "no address" in page(faulty, [])


def test_what_this_user_may_not_see_is_no_trouble_and_is_named() -> None:
    seen = status(nodes=None, control_plane=None, workloads=None, gateway=None, unseen=["list Deployments"])
    assert seen["healthy"]
    assert page(seen, []).endswith("Not seen    this user may not list Deployments")


def test_drift_is_a_trouble() -> None:
    assert status(drift=["Deployment room/a of Bookinfo is missing: run it."])["troubles"] == [
        "Deployment room/a of Bookinfo is missing: run it."
    ]


PROVEN = Verdict(verified="2026-11-28T11:57:00Z")
FAILED = Verdict(failed="2026-11-28T10:00:00Z", failure="Subset v9 is not there.")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "no"),
        ({"verdict": PROVEN}, "3 min ago (2026-11-28T11:57:00Z)"),
        ({"verdict": PROVEN, "drift": ["It differs."]}, "no"),
        ({"verdict": FAILED}, "no; failed 2 h ago: Subset v9 is not there."),
        ({"verdict": PROVEN, "running": "lab tls, by ada@desk"}, "in progress: lab tls, by ada@desk"),
    ],
)
def test_the_page_says_when_the_stage_was_verified(facts: dict, said: str) -> None:
    assert f"\nVerified    {said}\n" in page(status(**facts), [])


def test_the_page_says_in_which_api_a_stage_is_applied() -> None:
    assert "Applied     gateway, stage open\n" in page(status(), [])
    assert "Applied     gateway, stage open, in the Gateway API\n" in page(
        status(applied=Applied("gateway", "open", "gateway")), []
    )


@pytest.mark.parametrize(("count", "said"), [(1, ", 1 node\n"), (2, ", 2 nodes\n"), (0, "v1.36.3\n")])
def test_the_page_counts_the_nodes_that_may_be_listed(count: int, said: str) -> None:
    line = page({**status(), "nodes": count}, []).splitlines(keepends=True)[0]
    assert line.endswith(said)
