# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.walk import Journey, from_workload, without_proxy
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import REVIEWS, V1, mesh, rule_of

URL = "http://reviews:9080/reviews/0"
JASON = {"name": "end-user", "string_match": {"exact": "jason"}}


def walk(found: Mesh, url: str = URL, address: str | None = None, **headers: str) -> Journey:
    request = request_of(url, headers=headers.items())
    return from_workload(found, request, found.of("Pod")[0], address)


def test_without_rules_all_pods_of_the_service_are_met() -> None:
    journey = walk(mesh())
    assert journey.sent is not None
    assert (journey.sent.listener, journey.sent.http, journey.sent.origin) == ("0.0.0.0_9080", True, None)
    (target,) = journey.sent.targets
    assert (target.service, target.tls, len(target.endpoints)) == (("reviews", "bookinfo"), "mtls", 2)
    assert [(one.proxy, one.mtls, one.accepted) for one in journey.received] == [
        ("reviews-v1-a-b", True, True),
        ("reviews-v2-a-b", True, True),
    ]


def test_the_route_names_its_virtual_service_fault_and_limits() -> None:
    route = {
        "match": {"prefix": "/", "headers": [JASON]},
        "route": {
            "cluster": V1,
            "timeout": "3s",
            "retry_policy": {"num_retries": 2, "per_try_timeout": "1s"},
            "request_mirror_policies": [{"cluster": "outbound|9080|v9|reviews.bookinfo.svc.cluster.local"}],
        },
        "typed_per_filter_config": {
            "envoy.filters.http.fault": {
                "delay": {"fixed_delay": "7s", "percentage": {"numerator": 50}},
                "abort": {"http_status": 500},
            }
        },
    }
    found = mesh([rule_of("reviews", route), {"match": {"prefix": "/"}, "route": {"cluster": REVIEWS}}])
    sent = walk(found, **{"end-user": "jason"}).sent
    assert sent is not None
    assert str(sent.origin) == "VirtualService bookinfo/reviews"
    assert (sent.delay, sent.delay_share, sent.abort, sent.abort_share) == (7.0, 0.5, "500", 0.0)
    assert (sent.timeout, sent.per_try, sent.retries) == (3.0, 1.0, 2)
    assert [(one.known, one.subset) for one, _share in sent.mirrors] == [(False, "v9")]
    assert [one.subset for one in sent.targets] == ["v1"]
    other = walk(found).sent
    assert other is not None
    assert other.origin is None


def test_a_subset_that_the_proxy_does_not_have() -> None:
    sent = walk(mesh([{"match": {"prefix": "/"}, "route": {"cluster": V1.replace("v1", "v9")}}])).sent
    assert sent is not None
    assert not sent.targets[0].known
    assert sent.targets[0].service == ("reviews", "bookinfo")


def test_a_port_that_is_raw_tcp() -> None:
    sent = walk(mesh(http=False)).sent
    assert sent is not None
    assert not sent.http
    assert sent.routed is None
    assert sent.why == "its name tcp-web"


def test_a_pods_address_is_passed_through_in_plain_text() -> None:
    strict = {"metadata": {"name": "default", "namespace": "bookinfo"}, "spec": {"mtls": {"mode": "STRICT"}}}
    found = mesh(strict=True, PeerAuthentication=[strict])
    # The listener of port 9080 takes it, and routes by the host; another port has no listener of its own.
    journey = walk(found, "http://reviews-pod.example:9081/", "10.0.0.2")
    assert journey.sent is not None
    assert journey.sent.targets[0].cluster == "PassthroughCluster"
    (received,) = journey.received
    assert not received.accepted
    assert str(received.mode_origin) == "PeerAuthentication bookinfo/default"


def test_a_client_without_a_proxy_sends_plain_text() -> None:
    request = request_of("http://reviews.bookinfo:9080/")
    assert [one.accepted for one in without_proxy(mesh(), request, "default").received] == [True, True]
    assert [one.accepted for one in without_proxy(mesh(strict=True), request, "default").received] == [False, False]


def rbac(action: str, principal: str) -> dict[str, t.Any]:
    body = {
        "permissions": [{"any": True}],
        "principals": [{"authenticated": {"principal_name": {"exact": f"spiffe://{principal}"}}}],
    }
    rules = {"action": action, "policies": {"ns[bookinfo]-policy[reviews]-rule[0]": body}}
    return {"name": "envoy.filters.http.rbac", "typed_config": {"rules": rules}}


def test_policies_see_the_callers_identity() -> None:
    good = "cluster.local/ns/bookinfo/sa/bookinfo-productpage"
    assert walk(mesh(filters=[rbac("ALLOW", good)])).received[0].denying is None
    denying = walk(mesh(filters=[rbac("ALLOW", "cluster.local/ns/a/sa/b")])).received[0].denying
    assert denying is not None
    assert denying.rules[0].fault.startswith("the caller has to be cluster.local/ns/a/sa/b")
    assert walk(mesh(filters=[rbac("DENY", good)])).received[0].denying is not None


def test_what_cannot_be_looked_at_is_said() -> None:
    journey = walk(mesh(configs=False))
    assert journey.sent is None
    assert journey.unseen == ("The configuration of the proxy of productpage-a-b.",)
