# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one attendee applies changes nothing of what others have, and nothing of what their proxies are told."""

from __future__ import annotations

import json
import re

import pytest
from oracle import proxies
from oracle.rooms import bytes_of
from oracle.snapshots import differences, listing

NETWORKING = "networking.istio.io/v1"
SHARED = "shop.example"
# One that changes only what is ada's, one with a policy, one with filters, one that changes what her proxies know, one
# beside the gateway, and one at the port that all share.
STAGES = (
    ("request_routing", "jason_v2"),
    ("tls", "strict"),
    ("quotas", "local"),
    ("egress", "service_entry"),
    ("tls", "secure_gateway"),
    ("gateway", "closed"),
)

# The rate limit service is there for everybody as soon as one needs it.
SERVICE = re.compile(r"mesh-workshop-ratelimit|(listener 0\.0\.0\.0_|route )8081 ")


def told(kube, name):
    """What an attendee's proxies are told, without versions."""
    return proxies.snapshot(kube, name, gateways=False)


def of(kind, name, **spec):
    meta = {"name": name, "namespace": "ada"}
    return {"apiVersion": NETWORKING, "kind": kind, "metadata": meta, "spec": spec}


def entry(name):
    port = {"number": 80, "name": "http", "protocol": "HTTP"}
    return of("ServiceEntry", name, hosts=[name], ports=[port], resolution="DNS", exportTo=["*"])


RULES = [
    entry(SHARED),
    # A rule for a service of others, which istiod takes where it finds it, and one for a name that all share.
    of(
        "VirtualService",
        "shared",
        hosts=[SHARED],
        exportTo=["*"],
        http=[
            {
                "fault": {"abort": {"httpStatus": 418, "percentage": {"value": 100}}},
                "route": [{"destination": {"host": SHARED}}],
            }
        ],
    ),
    of(
        "DestinationRule",
        "foreign",
        host="reviews.bob.svc.cluster.local",
        exportTo=["*"],
        trafficPolicy={"tls": {"mode": "DISABLE"}, "connectionPool": {"tcp": {"maxConnections": 1}}},
    ),
]


def test_a_proxy_knows_the_services_of_its_namespace_and_of_the_workshop(kube):
    known = [name.split("|")[-1] for name in told(kube, "ada") if ": cluster outbound|" in name]
    assert "reviews.ada.svc.cluster.local" in known
    assert {name.split(".", 1)[1] for name in known} <= {
        f"{place}.svc.cluster.local"
        for place in (
            *("ada", "istio-system", "mesh-workshop-metrics"),
            *("mesh-workshop-ratelimit", "mesh-workshop-tracing"),
        )
    }


def test_rules_for_shared_names_and_foreign_hosts_reach_nobody_else(kube, kubectl, eventually):
    before = {name: told(kube, name) for name in ("ada", "bob")}
    status, _printed, said = kubectl(
        "ada", "apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": RULES})
    )
    assert status == 0, said
    try:
        # Once ada's proxies have them, whoever else gets them has them as well.
        eventually(
            lambda: all(has_rules(kube, one) for one in ("productpage-v1", "reviews-v1")),
            "ada's proxies know the rules",
        )
        assert not differences(before["bob"], told(kube, "bob"))
    finally:
        for rule in RULES:
            assert kubectl("ada", "delete", rule["kind"].lower(), rule["metadata"]["name"])[0] == 0
    eventually(lambda: not differences(before["ada"], told(kube, "ada")), "ada's proxies have forgotten them")


def has_rules(kube, workload):
    found = json.dumps({name: body for name, body in told(kube, "ada").items() if name.startswith(workload)})
    return "418" in found and f"outbound|80||{SHARED}" in found


@pytest.mark.parametrize(("lab", "stage"), STAGES)
def test_a_stage_of_one_leaves_the_others_as_they_are(ansible, kube, gateway, lab, stage):
    before = {name: (bytes_of(kube, name), told(kube, name)) for name in ("bob", "bookinfo")}
    run = ansible.play("lab", lab=lab, stage=stage, attendee="ada")
    assert run.status == 0, run.output
    for name, (objects, known) in before.items():
        assert bytes_of(kube, name) == objects, name
        # Who came before the class knows all services of the mesh.
        if name == "bob":
            lines = [line for line in differences(known, told(kube, name)) if not SERVICE.search(line)]
            assert not lines, listing(lines)
    assert gateway.get("/productpage", host="bob.mybookstore.com").status == 200


def test_a_reset_leads_back_and_leaves_what_keeps_them_apart(ansible, kube, kubectl):
    run = ansible.play("reset", attendee="ada", reset_confirm=True)
    assert run.status == 0, run.output
    for kind in ("sidecar/mesh-workshop", "resourcequota/mesh-workshop-attendee", "role/mesh-workshop-attendee"):
        assert kubectl("ada", "get", kind)[0] == 0, kind
    assert not kube.istio("serviceentries", "ada")
