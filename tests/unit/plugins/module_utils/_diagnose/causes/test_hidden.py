# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Diagnosis, Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.plugins.module_utils._observe.access_log import Record
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    PASSTHROUGH,
    REVIEWS,
    V1,
    Json,
    inbound,
    mesh,
    outbound,
    pod,
    record,
    service,
    with_gateway,
)

URL = "http://reviews.bookinfo:9080/reviews/0"
# What istiod routes by where a sidecar knows no host of this name (outboundTrafficPolicy ALLOW_ANY).
THROUGH: Json = {"name": "allow_any", "match": {"prefix": "/"}, "route": {"cluster": PASSTHROUGH}}
REST: Json = {"name": "default", "match": {"prefix": "/"}, "route": {"cluster": REVIEWS}}
STRICT: Json = {"metadata": {"name": "strict", "namespace": "bookinfo"}, "spec": {"mtls": {"mode": "STRICT"}}}


def elsewhere(route: Json, strict: bool = False, **objects: list[Json]) -> Mesh:
    """The mesh with a client in another namespace, for whose proxy this is the only route."""
    config = outbound([route], domains=["*"])
    client = {**pod("client", "10.0.0.7", "shop", app="client")}
    found = mesh(strict=strict, Pod=[client], **objects)
    config = type(config)("client-a-b", "shop", config.listeners, config.routes, config.clusters, config.endpoints)
    return Mesh(found.objects, {**found.configs, ("shop", "client-a-b"): config})


def diagnosed(found: Mesh, *statuses: int, **parts: t.Any) -> Diagnosis:
    answer = perhaps(found, *statuses, **parts)
    assert answer is not None
    return answer


def perhaps(found: Mesh, *statuses: int, **parts: t.Any) -> Diagnosis | None:
    given = {"url": URL, "source": "client", "namespace": "shop", "request": request_of(URL)}
    seen = tuple({"status": status, "body": "", "headers": []} for status in statuses)
    return diagnose(Findings(**{**given, "seen": seen, "objects": found.objects, "configs": found.configs, **parts}))


def rule(kind: str, name: str, namespace: str = "bookinfo", **spec: t.Any) -> Json:
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def with_exports(text: str) -> list[Json]:
    """The Services, of which reviews is exported to these namespaces."""
    reviews = service("reviews")
    reviews["metadata"]["annotations"] = {"networking.istio.io/exportTo": text}
    return [service("productpage"), reviews]


def replaced(found: Mesh, **objects: list[Json]) -> Mesh:
    return Mesh({**found.objects, **{kind: tuple(one) for kind, one in objects.items()}}, found.configs)


@pytest.mark.parametrize(
    ("text", "said"), [(".", "is exported to bookinfo only"), ("~", "is exported to no namespace"), ("a, b", "a and b")]
)
def test_a_service_that_is_not_exported_to_its_caller(text: str, said: str) -> None:
    found = replaced(elsewhere(THROUGH, strict=True, PeerAuthentication=[STRICT]), Service=with_exports(text))
    answer = diagnosed(found, 503)
    assert answer.accused() == {"Service bookinfo/reviews"}
    assert said in answer.sentence
    assert "the proxy of client-a-b in namespace shop does not see it" in answer.sentence
    assert "networking.istio.io~1exportTo" in answer.change


def test_a_service_that_is_exported_to_its_caller_is_not_accused() -> None:
    found = replaced(elsewhere(THROUGH, strict=True, PeerAuthentication=[STRICT]), Service=with_exports(".,shop"))
    assert diagnosed(found, 503).accused() == {"PeerAuthentication bookinfo/strict"}


def test_a_virtual_service_that_is_not_exported_to_its_caller() -> None:
    parts: Json = {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews", "subset": "v1"}}]}]}
    hidden = rule("VirtualService", "reviews", **parts, exportTo=["."])
    answer = diagnosed(elsewhere(REST, VirtualService=[hidden]), 200, expected_versions=("v1",), served=("v2",))
    assert answer.sentence == (
        "VirtualService bookinfo/reviews is exported to bookinfo only (exportTo), so the proxy of client-a-b in "
        "namespace shop does not see it."
    )
    assert '{"op": "add", "path": "/spec/exportTo/-", "value": "shop"}' in answer.change
    seen = rule("VirtualService", "reviews", **parts, exportTo=["shop"])
    other = diagnosed(elsewhere(REST, VirtualService=[seen]), 200, expected_versions=("v1",), served=("v2",))
    assert "does not see it" not in other.sentence


def test_a_destination_rule_that_is_not_exported_to_its_caller() -> None:
    subset: Json = {"name": "v9", "labels": {"version": "v1"}}
    hidden = rule("DestinationRule", "reviews", host="reviews", subsets=[subset], exportTo=["."])
    routes = rule(
        "VirtualService",
        "reviews",
        hosts=["reviews"],
        http=[{"route": [{"destination": {"host": "reviews", "subset": "v9"}}]}],
    )
    lost: Json = {"match": {"prefix": "/"}, "route": {"cluster": V1.replace("v1", "v9")}}
    found = elsewhere(lost, VirtualService=[routes], DestinationRule=[hidden])
    answer = diagnosed(found, 503)
    assert answer.accused() == {"DestinationRule bookinfo/reviews"}


def test_a_virtual_service_that_its_gateway_does_not_see() -> None:
    gateway = rule(
        "Gateway",
        "shop",
        selector={"istio": "ingressgateway"},
        servers=[{"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["shop.example"]}],
    )
    hidden = rule(
        "VirtualService",
        "entrance",
        hosts=["shop.example"],
        gateways=["shop"],
        exportTo=["."],
        http=[{"route": [{"destination": {"host": "reviews"}}]}],
    )
    found = with_gateway(
        mesh(Gateway=[gateway], VirtualService=[hidden]), route={"match": {"path": "/none"}, "direct_response": {}}
    )
    answer = diagnosed(
        found, 404, url="http://shop.example/", source="host", request=request_of("http://shop.example/")
    )
    assert answer.accused() == {"VirtualService bookinfo/entrance", "Gateway bookinfo/shop"}
    assert "are in istio-system, so they do not see it" in answer.sentence


def test_a_sidecar_that_leaves_a_service_out() -> None:
    sidecar = rule("Sidecar", "narrow", "shop", egress=[{"hosts": ["./*", "istio-system/*"]}])
    for parts in ({"strict": True, "PeerAuthentication": [STRICT]}, {}):
        found = elsewhere(THROUGH, Sidecar=[sidecar], **parts)
        answer = diagnosed(found, *([503] if parts else [200]), **({} if parts else {"expected_versions": ("v1",)}))
        assert answer.accused() == {"Sidecar shop/narrow"}
        assert "so no route and no mTLS holds for it" in answer.sentence
        assert "/spec/egress/0/hosts/-" in answer.change


PAGE: Json = {"status": 200, "body": "Sorry, product reviews are currently unavailable", "headers": []}
NARROW = ["./details.bookinfo.svc.cluster.local", "istio-system/*"]
BLOCKED: Json = {"name": "block_all", "match": {"prefix": "/"}, "direct_response": {"status": 502}}


def page(route: Json, *written: Record, **parts: t.Any) -> Diagnosis | None:
    """Why the page of a productpage with this route for all hosts lacks the reviews, by what its proxy wrote."""
    found = mesh(**{**parts, "routes": [route]})
    config = found.configs["bookinfo", "productpage-a-b"]
    (host,) = config.routes["9080"]["virtual_hosts"]
    routes = {"9080": {**config.routes["9080"], "virtual_hosts": [{**host, "name": route["name"], "domains": ["*"]}]}}
    configs = {**found.configs, ("bookinfo", "productpage-a-b"): dataclasses.replace(config, routes=routes)}
    url = "http://shop.example/productpage"
    given = {"seen": (PAGE,), "records": written, "objects": found.objects, "configs": configs}
    return diagnose(Findings(url, "host", "bookinfo", expected_status=(200,), request=request_of(url), **given))


def egress(*entries: Json, **spec: t.Any) -> Json:
    """A Sidecar of productpage."""
    return rule("Sidecar", "narrow", workloadSelector={"labels": {"app": "productpage"}}, egress=list(entries), **spec)


def test_a_page_without_what_a_sidecar_keeps_from_its_proxy() -> None:
    sidecar = egress({"hosts": NARROW}, outboundTrafficPolicy={"mode": "REGISTRY_ONLY"})
    answer = page(BLOCKED, record("productpage-a-b", 502, "-", "-"), Sidecar=[sidecar])
    assert answer is not None
    assert answer.sentence == (
        "Sidecar bookinfo/narrow lists no host that covers reviews in its egress, so the proxy of productpage-a-b does "
        "not know it (and REGISTRY_ONLY refuses it)."
    )
    assert answer.remedy == (
        'Add "./reviews.bookinfo.svc.cluster.local" to its egress hosts, or "./*", which is all of its namespace.'
    )
    assert '"path": "/spec/egress/0/hosts/-", "value": "./reviews.bookinfo.svc.cluster.local"' in answer.change


def test_a_page_without_what_only_mtls_may_ask_for() -> None:
    parts = {"strict": True, "PeerAuthentication": [STRICT]}
    wrote = record("productpage-a-b", 503, "UC", PASSTHROUGH)
    answer = page(THROUGH, wrote, Sidecar=[egress({"hosts": NARROW})], **parts)
    assert answer is not None
    assert answer.accused() == {"Sidecar bookinfo/narrow"}
    assert "(so no route and no mTLS holds for it)" in answer.sentence


@pytest.mark.parametrize(
    ("entries", "said", "path"),
    [
        (
            [{"port": {"number": 9081}, "hosts": ["./*"]}, {"hosts": NARROW}],
            "lists no host that covers reviews in its egress (but for port 9081), so",
            "/spec/egress/1/hosts/-",
        ),
        (
            [{"port": {"number": 9081}, "hosts": NARROW}],
            "lists no host that covers reviews in its egress, so",
            "/spec/egress/-",
        ),
        (
            [{"port": {"number": 9080}, "hosts": NARROW}, {"hosts": ["./*"]}],
            "so reviews is not known on 9080 (and REGISTRY_ONLY refuses it); the entry without a port does not count "
            "there.",
            "/spec/egress/0/hosts/-",
        ),
    ],
)
def test_entries_for_ports_hold_there_and_nowhere_else(entries: list[Json], said: str, path: str) -> None:
    answer = page(BLOCKED, record("productpage-a-b", 502, "-", "-"), Sidecar=[egress(*entries)])
    assert answer is not None
    assert said in answer.sentence
    assert f'"path": "{path}"' in answer.change


@pytest.mark.parametrize(
    ("sidecar", "written"),
    [
        pytest.param(egress(), [502], id="without egress it leaves nothing out"),
        pytest.param(egress({"hosts": ["./*"]}), [502], id="it lists all"),
        pytest.param(egress({"port": {"number": 9080}, "hosts": ["./*"]}), [502], id="it lists all for the port"),
        pytest.param(egress({"hosts": NARROW}), [], id="nobody has asked for reviews"),
        pytest.param(egress({"hosts": NARROW}), [200], id="reviews has answered"),
    ],
)
def test_a_sidecar_that_is_not_why_is_not_accused(sidecar: Json, written: list[int]) -> None:
    answer = page(BLOCKED, *(record("productpage-a-b", one, "-", "-") for one in written), Sidecar=[sidecar])
    assert answer is None or "Sidecar bookinfo/narrow" not in answer.sentence


def test_a_guess_accuses_no_sidecar() -> None:
    # reviews may ask productpage, as far as anybody knows; its Sidecar leaves that out, and it is none of this check's.
    sidecar = rule(
        "Sidecar", "narrow", egress=[{"hosts": ["./ratings"]}], workloadSelector={"labels": {"app": "reviews"}}
    )
    inner = outbound([THROUGH], domains=["*"])
    own = inbound("reviews-v1")
    config = type(inner)("reviews-v1-a-b", "bookinfo", (*inner.listeners, *own.listeners), inner.routes, inner.clusters)
    found = elsewhere(REST, Sidecar=[sidecar])
    found = Mesh(found.objects, {**found.configs, ("bookinfo", "reviews-v1-a-b"): config})
    answer = diagnosed(found, 200, expected_versions=("v1",), served=("v2",))
    assert "Sidecar" not in answer.sentence


def annotated(found: Mesh, app: str, **notes: str) -> Mesh:
    """The mesh, in which the pods of an app have these annotations for their proxies."""
    for one in found.of("Pod"):
        if one["metadata"]["labels"].get("app") == app:
            one["metadata"]["annotations"] = {f"traffic.sidecar.istio.io/{key}": text for key, text in notes.items()}
    return found


def test_a_port_that_the_caller_keeps_from_its_proxy() -> None:
    found = elsewhere(REST, strict=True, PeerAuthentication=[STRICT])
    answer = diagnosed(annotated(found, "client", excludeOutboundPorts="9080"), 503)
    assert answer.sentence == (
        "Pod client-a-b keeps port 9080 from its proxy (annotation traffic.sidecar.istio.io/excludeOutboundPorts), so "
        "no route and no mTLS holds for what it sends there."
    )


def test_a_port_that_the_callee_keeps_from_its_proxy() -> None:
    aside = (
        "Pod reviews-v1-a-b keeps port 9080 from its proxy (annotation traffic.sidecar.istio.io/excludeInboundPorts)"
    )
    found = annotated(elsewhere(REST), "reviews", excludeInboundPorts="9080")
    answer = diagnosed(found, 503)
    assert answer.sentence == f"{aside}, so nobody there takes the mTLS that is sent."
    assert "has no proxy to take mTLS on port 9080" in answer.path[-1]
    open_to_all = diagnosed(found, 200, expected_status=(403,))
    assert open_to_all.sentence == f"{aside}, so no policy holds there."


V1_ALONE: Json = {"route": [{"destination": {"host": "reviews", "subset": "v1"}}]}


def of_version(**spec: t.Any) -> Diagnosis:
    """Why a caller gets v2 where this VirtualService for reviews should lead it to v1."""
    wanted = rule("VirtualService", "reviews", hosts=["reviews"], **spec)
    found = elsewhere(REST, VirtualService=[wanted])
    return diagnosed(found, 200, expected_versions=("v1",), served=("v2",))


def test_a_virtual_service_for_gateways_alone() -> None:
    answer = of_version(gateways=["bookinfo"], http=[V1_ALONE])
    assert answer.accused() == {"VirtualService bookinfo/reviews"}
    assert answer.sentence == (
        "VirtualService bookinfo/reviews holds at Gateway bookinfo only, so the proxy of client-a-b, which is no "
        "gateway, does not follow it: mesh is not among its gateways."
    )
    assert '{"op": "add", "path": "/spec/gateways/-", "value": "mesh"}' in answer.change


@pytest.mark.parametrize(
    ("match", "why"),
    [
        ({"sourceLabels": {"app": "productpage"}}, "sourceLabels asks for app=productpage, and its pod has client."),
        ({"sourceLabels": {"team": "a"}}, "sourceLabels asks for team=a, and its pod has no such label."),
        ({"sourceNamespace": "bookinfo"}, "sourceNamespace is bookinfo, and it is in shop."),
        ({"gateways": ["entrance"]}, "it is for Gateway entrance only."),
    ],
)
def test_a_rule_that_leaves_its_caller_out(match: Json, why: str) -> None:
    answer = of_version(http=[{"match": [match], **V1_ALONE}, {"route": [{"destination": {"host": "reviews"}}]}])
    assert answer.sentence == f"Rule 1 of VirtualService bookinfo/reviews is not for the requests of client-a-b: {why}"


@pytest.mark.parametrize(
    "match", [{"sourceLabels": {"app": "client"}}, {"sourceNamespace": "shop"}, {"gateways": ["mesh"]}]
)
def test_a_rule_that_is_for_its_caller_is_not_accused_of_leaving_it_out(match: Json) -> None:
    assert "is not for the requests" not in of_version(http=[{"match": [match], **V1_ALONE}]).sentence


@pytest.mark.parametrize(("home", "named"), [("other", True), ("bookinfo", False)])
def test_a_subset_for_callers_of_a_third_namespace(home: str, named: bool) -> None:
    to_v9 = {"name": "default", "match": {"prefix": "/"}, "route": {"cluster": V1.replace("v1", "v9")}}
    subset = rule("DestinationRule", "reviews", home, host="reviews.bookinfo", subsets=[{"name": "v9", "labels": {}}])
    answer = perhaps(elsewhere(to_v9, DestinationRule=[subset]), 503)
    said = (
        "DestinationRule other/reviews defines subset v9 of reviews for callers of other only, and client-a-b is in "
        "shop: a proxy looks for a DestinationRule in its own namespace, the Service's (bookinfo) and istio-system."
    )
    assert (answer is not None and answer.sentence == said) == named
    assert (answer is not None and "kubectl -n other delete destinationrule reviews" in answer.change) == named


@pytest.mark.parametrize(
    ("hosts", "named"),
    [(["shop.example"], True), (["reviews.bookinfo.svc.cluster.local"], False), (["review"], False)],
)
def test_a_rule_for_another_host_than_is_asked(hosts: list[str], named: bool) -> None:
    to_v1 = [{"route": [{"destination": {"host": "reviews", "subset": "v1"}}]}]
    found = elsewhere(REST, VirtualService=[rule("VirtualService", "reviews", hosts=hosts, http=to_v1)])
    answer = diagnosed(found, 200, expected_versions=("v1",), served=("v2",))
    said = (
        "VirtualService bookinfo/reviews is for the host shop.example, and client-a-b asks for reviews, so it does not "
        "hold: hosts are what is asked, not what is routed to."
    )
    assert (answer.sentence == said) == named
    # A host that does not exist is the better reason.
    assert ("is not a Service of namespace bookinfo; reviews is one." in answer.sentence) == (hosts == ["review"])
