# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each diagnosis on a world that has just this fault, and silence where none is known."""

from __future__ import annotations

import time
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.objects import host_matches, uri_matches
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.paths import services_on_path
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._diagnose.worlds import (
    ERROR,
    NOT_FOUND,
    PAGE,
    REFUSED,
    RESET,
    UNAVAILABLE,
    pod,
    record,
    said,
    thing,
    world,
)

Json = dict[str, t.Any]


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert said(world(), PAGE) is None
    assert said({}, NOT_FOUND) is None


def test_no_gateway_no_listener() -> None:
    objects = {**world(), "Gateway": []}
    found = said(objects, REFUSED)
    assert found
    assert found.sentence == "The ingress gateway (172.30.0.2:80) has no listener on port 80: no Gateway opens it."
    assert "Apply a Gateway" in found.remedy


def test_gateway_that_selects_no_pod() -> None:
    objects = world()
    objects["Gateway"][0]["spec"]["selector"] = {"istio": "ingres"}
    found = said(objects, REFUSED)
    assert found
    assert "selects istio=ingres, and no pod has these labels" in found.sentence


def test_gateway_pod_not_ready() -> None:
    objects = world()
    objects["Pod"][3] = pod("gateway-x", "istio-system", ready=False, istio="ingressgateway")
    found = said(objects, REFUSED)
    assert found
    assert found.sentence.startswith("No pod of the ingress gateway is ready (istio-system/gateway-x)")


def test_gateway_that_is_not_at_the_proxy() -> None:
    found = said(world(), REFUSED)
    assert found
    assert "although Gateway bookinfo/gate opens port 80" in found.sentence


def test_host_that_no_gateway_takes() -> None:
    found = said(world(), NOT_FOUND, url="http://other.example/productpage")
    assert found
    assert found.sentence == "No Gateway takes the host other.example on port 80: the Gateways take mybookstore.com."
    gone = said({**world(), "Gateway": []}, NOT_FOUND)
    assert gone
    assert "there is no Gateway at all" in gone.sentence


def test_host_without_a_route() -> None:
    objects = world()
    objects["VirtualService"] = objects["VirtualService"][1:]
    found = said(objects, NOT_FOUND)
    assert found
    assert "no VirtualService for it is bound to that Gateway" in found.sentence
    assert "gateways: [gate]" in found.remedy


def test_path_without_a_route() -> None:
    found = said(world(), NOT_FOUND, url="http://mybookstore.com/health")
    assert found
    assert found.sentence == "VirtualService bookinfo/bookinfo has no route for the path /health; it has /productpage."


def test_404_of_the_application_is_not_the_gateways() -> None:
    answer = {**NOT_FOUND, "headers": [("x-envoy-upstream-service-time", "3")]}
    assert said({**world(), "Gateway": []}, answer) is None


def test_denied() -> None:
    objects = {**world(), "AuthorizationPolicy": [thing("deny-all", spec={})]}
    found = said(objects, {"error": None, "status": 403, "body": "RBAC: access denied", "headers": []})
    assert found
    assert "(RBAC: access denied): bookinfo/deny-all." in found.sentence


def test_subset_that_nobody_defines() -> None:
    objects = world()
    objects["DestinationRule"] = []
    found = said(objects, UNAVAILABLE)
    assert found
    assert "routes to subset v1 of reviews, which no DestinationRule defines (there is none)" in found.sentence


def test_subset_whose_labels_match_no_pod() -> None:
    objects = world()
    objects["DestinationRule"][0]["spec"]["subsets"][0]["labels"] = {"version": "v9"}
    found = said(objects, UNAVAILABLE)
    assert found
    assert found.sentence == (
        "Subset v1 of DestinationRule bookinfo/reviews asks for the labels version=v9, and no pod of reviews has them."
    )


def test_subset_whose_pods_are_not_ready() -> None:
    objects = world()
    objects["Pod"][1] = pod("reviews-v1-x", ready=False, app="reviews", version="v1")
    found = said(objects, UNAVAILABLE)
    assert found
    assert found.sentence == "Pods of the application are not ready: bookinfo/reviews-v1-x."


def test_host_without_a_service() -> None:
    objects = world()
    objects["VirtualService"][1]["spec"]["http"][0]["route"] = [{"destination": {"host": "nobody"}}]
    found = said(objects, UNAVAILABLE)
    assert found
    assert found.sentence == (
        "VirtualService bookinfo/reviews routes to nobody, which is neither a Service nor a host of a ServiceEntry."
    )


def test_injected_abort_is_named() -> None:
    objects = world()
    objects["VirtualService"][1]["spec"]["http"][0]["fault"] = {"abort": {"httpStatus": 500}}
    found = said(objects, {"error": None, "status": 500, "headers": [], "body": "fault filter abort"})
    assert found
    assert found.sentence == "A fault is injected on purpose by VirtualService bookinfo/reviews."


def test_application_that_is_not_ready() -> None:
    objects = {**world(), "VirtualService": [], "Pod": [pod("ratings-x", ready=False, app="ratings")]}
    found = said(objects, {"error": None, "status": 503, "headers": [], "body": ""})
    assert found
    assert found.sentence == "Pods of the application are not ready: bookinfo/ratings-x."


def test_missing_sidecar() -> None:
    objects = world()
    objects["Pod"][0] = pod("productpage-v1-x", sidecar=False, app="productpage")
    found = said(objects, PAGE, expected_versions=("v1",), served=("v2",))
    assert found
    assert "run without a sidecar" in found.sentence
    assert "istio-injection=enabled" in found.remedy


def test_a_missing_sidecar_elsewhere_explains_nothing_to_a_workload() -> None:
    objects = world()
    objects["Pod"].append(pod("legacy-x", sidecar=False, app="legacy"))
    asked = {"expected_versions": ("v1",), "served": ("v2",), "url": "http://reviews:9080/"}
    found = said(objects, PAGE, source="productpage", **asked)
    assert found
    assert "sidecar" not in found.sentence
    found = said(objects, PAGE, source="legacy", **asked)
    assert found
    assert "run without a sidecar" in found.sentence


def test_istiod_that_is_down_explains_what_else_is_right() -> None:
    objects = world()
    objects["Pod"][2] = pod("istiod-x", "istio-system", ready=False, app="istiod")
    found = said(objects, PAGE, expected_versions=("v1",), served=("v2",))
    assert found
    assert found.sentence == "istiod is not ready, so the proxies keep their old configuration."


def test_wrong_version_without_a_rule() -> None:
    objects = world()
    objects["VirtualService"] = objects["VirtualService"][:1]
    found = said(objects, PAGE, expected_versions=("v2",), served=("v1",))
    assert found
    assert found.sentence == "No pod in namespace bookinfo is of version v2."
    objects["Pod"].append(pod("reviews-v2-x", app="reviews", version="v2"))
    found = said(objects, PAGE, expected_versions=("v2",), served=("v1",))
    assert found
    assert found.sentence == "No VirtualService routes to v2, so requests are spread over all versions."


def test_wrong_version_by_the_rule_of_another_lab() -> None:
    found = said(world(), PAGE, expected_versions=("v2",), served=("v1",))
    assert found
    assert "VirtualService bookinfo/reviews routes to other versions than v2" in found.sentence
    assert "mesh.workshop.reset" in found.remedy


def test_a_copy_is_no_way_to_a_version_nor_to_a_service() -> None:
    objects = world()
    way_in, rule = objects["VirtualService"]
    rule["spec"]["http"][0]["mirror"] = {"host": "reviews", "subset": "v2"}
    found = said(objects, PAGE, expected_versions=("v2",), served=("v1",))
    assert found
    assert "VirtualService bookinfo/reviews routes to other versions than v2" in found.sentence
    way_in["spec"]["http"][0]["mirrors"] = [{"destination": {"host": "ratings"}}]
    asked = Findings(
        url="http://mybookstore.com/productpage",
        source="host",
        namespace="bookinfo",
        objects={kind: tuple(some) for kind, some in objects.items()},
    )
    assert services_on_path(asked) == {("productpage", "bookinfo")}


def test_wrong_version_by_a_match_that_does_not_apply() -> None:
    found = said(world(), PAGE, expected_versions=("v1",), served=("v2",))
    assert found
    assert "names v1, but its matches or weights send these requests to v2 as well" in found.sentence


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ({"kind": "dns_failure", "detail": ""}, "The name 172.30.0.2 does not resolve."),
        ({"kind": "timeout_connect", "detail": ""}, "Nothing answers at the address"),
        ({"kind": "probe_failed", "detail": "Pod a/b: the connection broke."}, "Pod a/b: the connection broke."),
        ({"kind": "login_failed", "detail": "status 500"}, "The login before the requests failed (status 500)."),
        ({"kind": "login_failed", "detail": "status 404 x"}, "has no route for the path /login"),
        ({"kind": "login_failed", "detail": "connection_refused"}, "The ingress gateway (172.30.0.2:80) refuses"),
    ],
)
def test_errors_before_an_answer(error: Json, sentence: str) -> None:
    found = said(world(), {"error": error, "status": None})
    assert found
    assert sentence in found.sentence


def test_what_may_not_be_read_is_not_taken_for_absent() -> None:
    found = said({}, REFUSED)
    assert found
    assert found.sentence == "The ingress gateway (172.30.0.2:80) refuses the connection."
    assert said({}, PAGE, expected_versions=("v1",), served=("v2",)) is None


def test_expected_refusals_are_not_explained_away() -> None:
    assert said({**world(), "Gateway": []}, REFUSED, expects_refusal=True) is None


@pytest.mark.parametrize(
    ("pattern", "host", "covers"),
    [
        ("*", "a.example", True),
        ("a.example", "A.example", True),
        ("ns/a.example", "a.example", True),
        ("*.example", "a.example", True),
        ("*.example", "example", False),
        ("b.example", "a.example", False),
    ],
)
def test_hosts(pattern: str, host: str, covers: bool) -> None:
    assert host_matches(pattern, host) is covers


def test_paths() -> None:
    assert uri_matches({}, "/x")
    assert uri_matches({"prefix": "/static"}, "/static/a.css")
    assert not uri_matches({"exact": "/login"}, "/logins")
    assert uri_matches({"regex": "/api/.*"}, "/api/v1")
    assert not uri_matches({"regex": "/api"}, "/api/v1")
    assert uri_matches({"regex": "("}, "/api/v1"), "a pattern that cannot be read excludes nothing"


def test_a_pattern_of_a_route_that_would_backtrack_without_end_takes_no_time() -> None:
    begun = time.process_time()
    assert not uri_matches({"regex": "/(a+)+"}, f"/{'a' * 2000}!")
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (record("UH", subset="v1"), "No pod of subset v1 of reviews is healthy (UH"),
        (record("NC"), "The proxy of productpage-v1-x knows no reviews (NC"),
        (record("UO"), "A circuit breaker is open towards reviews (UO"),
        (record("UT", status=504), "Reviews did not answer within the route's timeout (UT)"),
        (record("UF", failure="refused"), "The connection to reviews cannot be made (UF: refused)"),
        (record("UC", "x"), "Reviews closed the connection before it had answered (UC: x)"),
        (record("RL", status=429, inbound=True, service=""), "A rate limit at productpage-v1-x refuses the request"),
        (record("FI", status=500), "A fault is injected on purpose (FI)"),
        (
            record(details="rbac_access_denied_matched_policy[ns[bookinfo]-policy[deny]-rule[0]]", status=403),
            "AuthorizationPolicy bookinfo/deny denies the request",
        ),
    ],
)
def test_what_the_proxies_wrote(one: t.Any, sentence: str) -> None:
    found = said(world(), ERROR, records=(one,))
    assert found
    assert sentence in found.sentence


def test_the_last_proxy_on_the_way_knows_best() -> None:
    caller = record("UF", failure="reset")
    callee = record("RL", pod="reviews-v1-x", inbound=True, service="", status=429)
    found = said(world(), ERROR, records=(caller, callee))
    assert found
    assert "A rate limit at reviews-v1-x" in found.sentence


def test_the_lab_that_left_a_policy_behind_is_named() -> None:
    left = thing("deny", labels={"mesh.workshop/lab": "rbac"}, spec={})
    denied = record(details="rbac_access_denied_matched_policy[ns[bookinfo]-policy[deny]-rule[0]]", status=403)
    found = said({**world(), "AuthorizationPolicy": [left]}, {**ERROR, "status": 403}, records=(denied,))
    assert found
    assert "AuthorizationPolicy bookinfo/deny of lab rbac denies the request" in found.sentence
    assert "mesh.workshop.reset" in found.remedy


def test_no_rule_that_allows() -> None:
    allow = thing("viewer", spec={"selector": {"matchLabels": {"app": "reviews"}}, "rules": []})
    other = thing("other", spec={"selector": {"matchLabels": {"app": "details"}}})
    waypoint = thing("of-waypoint", spec={"targetRefs": [{"kind": "Service", "name": "reviews"}]})
    objects = {**world(), "AuthorizationPolicy": [allow, other, waypoint]}
    denied = record(details="rbac_access_denied_matched_policy[none]", pod="reviews-v1-x", inbound=True, status=403)
    found = said(objects, {**ERROR, "status": 403}, records=(denied,))
    assert found
    assert found.sentence.startswith("No rule of bookinfo/viewer allows the request, so pod reviews-v1-x denies it")


def test_plain_text_towards_strict_mtls() -> None:
    plain = thing("reviews", spec={"host": "reviews", "trafficPolicy": {"tls": {"mode": "DISABLE"}}})
    strict = thing("default", spec={"mtls": {"mode": "STRICT"}})
    objects = {**world(), "DestinationRule": [plain], "PeerAuthentication": [strict]}
    reset = record("UC", "upstream_reset_before_response_started{connection_termination}")
    found = said(objects, ERROR, records=(reset,))
    assert found
    assert "DestinationRule bookinfo/reviews sends to reviews without mTLS (tls mode DISABLE)" in found.sentence
    assert "PeerAuthentication bookinfo/default demands it" in found.sentence


def test_mtls_towards_a_pod_without_a_sidecar() -> None:
    mutual = thing("reviews", spec={"host": "reviews", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}})
    objects = {**world(), "DestinationRule": [mutual]}
    objects["Pod"][1] = pod("reviews-v1-x", sidecar=False, app="reviews")
    found = said(objects, ERROR, records=(record("UF", "connection", failure="TLS_error"),))
    assert found
    assert "its pods have no sidecar to take it" in found.sentence


def test_a_cluster_that_is_not_named() -> None:
    objects = world()
    objects["DestinationRule"] = []
    for one in (record("NC", service=""), record("NC", subset="v1")):
        found = said(objects, ERROR, records=(one,))
        assert found
        assert "subset v1 of reviews, which no DestinationRule defines" in found.sentence
    other = said(objects, ERROR, records=(record("NC", subset="v9"),))
    assert other
    assert other.sentence == "The proxy of productpage-v1-x knows no subset v9 of reviews (NC, cluster not found)."


def test_a_client_without_a_sidecar_towards_strict_mtls() -> None:
    objects = {**world(), "PeerAuthentication": [thing("default", spec={"mtls": {"mode": "STRICT"}})]}
    inside = {"source": "no_sidecar", "url": "http://reviews.bookinfo:9080/"}
    found = said(objects, RESET, **inside)
    assert found
    assert "PeerAuthentication bookinfo/default demands mTLS (STRICT)" in found.sentence
    open_mesh = said(world(), PAGE, expects_refusal=True, **inside)
    assert open_mesh
    assert open_mesh.sentence == "No PeerAuthentication demands mTLS in namespace bookinfo, so plain text is let in."


def test_a_gateway_that_should_be_closed() -> None:
    found = said(world(), PAGE, expects_refusal=True)
    assert found
    assert found.sentence == "Gateway bookinfo/gate opens port 80, so the connection is taken."


def test_rules_of_several_labs() -> None:
    objects = world()
    objects["VirtualService"][1]["metadata"]["labels"] = {"mesh.workshop/lab": "request_routing"}
    assert said(objects, PAGE) is None
    objects["VirtualService"][0]["metadata"]["labels"] = {"mesh.workshop/lab": "baseline"}
    assert said(objects, PAGE) is None, "the way in stays with every lab"
    objects["AuthorizationPolicy"] = [thing("deny-all", labels={"mesh.workshop/lab": "rbac"})]
    found = said(objects, PAGE)
    assert found
    assert found.sentence == (
        "Rules of several labs are applied in namespace bookinfo: of rbac AuthorizationPolicy deny-all; "
        "of request_routing VirtualService reviews."
    )
