# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import diagnose
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.causes.transport import PROTOCOL_OPTIONS
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.findings import Findings
from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import ProxyConfig
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh
from ansible_collections.mesh.workshop.plugins.module_utils._explain.request import request_of
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.meshes import (
    REVIEWS,
    Json,
    mesh,
    record,
    rule_of,
)

URL = "http://reviews:9080/reviews/0"


def findings(found: Mesh, *statuses: int, **parts: t.Any) -> Findings:
    """A check from productpage that has failed with these answers."""
    given = {"url": URL, "source": "productpage", "namespace": "bookinfo", "request": request_of(URL)}
    seen = tuple({"status": status, "body": "", "headers": []} for status in statuses)
    return Findings(**{**given, "seen": seen, "objects": found.objects, "configs": found.configs, **parts})


def thing(name: str, **spec: t.Any) -> Json:
    return {"metadata": {"name": name, "namespace": "bookinfo"}, "spec": spec}


@pytest.mark.parametrize(("mode", "named"), [("DISABLE", True), ("PERMISSIVE", False)])
def test_mtls_to_pods_that_have_it_switched_off(mode: str, named: bool) -> None:
    rule = thing("reviews", host="reviews", trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})
    off = thing("off", mtls={"mode": mode})
    found = mesh(DestinationRule=[rule], PeerAuthentication=[off])
    config = found.configs[("bookinfo", "productpage-a-b")]
    own = rule_of("reviews", config.clusters[REVIEWS], "destination-rule")
    caller = dataclasses.replace(config, clusters={**config.clusters, REVIEWS: own})
    plain = {"filter_chain_match": {"destination_port": 9080, "transport_protocol": "raw_buffer"}}
    callee = ProxyConfig("reviews-v1-a-b", "bookinfo", ({"name": "virtualInbound", "filter_chains": [plain]},))
    proxies = {("bookinfo", "productpage-a-b"): caller, ("bookinfo", "reviews-v1-a-b"): callee}
    found = Mesh(found.objects, {**found.configs, **proxies})
    diagnosis = diagnose(findings(found, 503, records=(record("productpage-a-b", 503, "UF,URX", REVIEWS),)))
    said = (
        "DestinationRule bookinfo/reviews sends to reviews with mTLS (ISTIO_MUTUAL), and PeerAuthentication "
        "bookinfo/off switches it off there (DISABLE)."
    )
    assert (diagnosis is not None and diagnosis.sentence == said) == named


@pytest.mark.parametrize(("scheme", "http", "twice"), [("https", False, True), ("http", True, False)])
def test_tls_within_tls(scheme: str, http: bool, twice: bool) -> None:
    rule = thing("reviews", host="reviews", trafficPolicy={"tls": {"mode": "SIMPLE"}})
    found = mesh(http=http, DestinationRule=[rule])
    config = found.configs[("bookinfo", "productpage-a-b")]
    upstream = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {},
    }
    own = rule_of("reviews", {"name": REVIEWS, "transport_socket": {"typed_config": upstream}}, "destination-rule")
    caller = dataclasses.replace(config, clusters={**config.clusters, REVIEWS: own})
    found = Mesh(found.objects, {**found.configs, ("bookinfo", "productpage-a-b"): caller})
    url = f"{scheme}://reviews:9080/"
    answer = diagnose(findings(found, 503, url=url, request=request_of(url)))
    said = "begins TLS (tls mode SIMPLE) for what productpage has encrypted already"
    assert (answer is not None and said in answer.sentence) == twice


UPGRADED: Json = {"explicit_http_config": {"http2_protocol_options": {}}}
AS_ASKED: Json = {"use_downstream_protocol_config": {}}


@pytest.mark.parametrize(
    ("at_caller", "at_callee", "sidecars", "named"),
    [
        pytest.param({}, {}, True, True, id="nobody upgrades"),
        pytest.param(UPGRADED, {}, True, True, id="the callee's proxy does not"),
        pytest.param(AS_ASKED, AS_ASKED, True, False, id="as the client asks"),
        pytest.param(UPGRADED, {}, False, False, id="upgraded up to the application"),
        pytest.param({}, {}, False, True, id="not upgraded before the application"),
    ],
)
def test_grpc_to_a_port_of_http_is_named_unless_http2_comes_to_the_application(
    at_caller: Json, at_callee: Json, sidecars: bool, named: bool
) -> None:
    found = mesh()
    configs = dict(found.configs)
    for (home, name), config in found.configs.items():
        cluster, said = (REVIEWS, at_caller) if name == "productpage-a-b" else ("inbound|9080||", at_callee)
        own = {**config.clusters.get(cluster, {}), "typed_extension_protocol_options": {PROTOCOL_OPTIONS: said}}
        configs[home, name] = dataclasses.replace(config, clusters={**config.clusters, cluster: own})
    for one in found.of("Pod") if not sidecars else ():
        if one["metadata"]["labels"]["app"] == "reviews":
            one["spec"]["containers"].pop()
            del configs["bookinfo", one["metadata"]["name"]]
    request = dataclasses.replace(request_of(URL), http2=True)
    answer = diagnose(findings(Mesh(found.objects, configs), 503, request=request))
    assert (answer is not None and "gRPC needs HTTP/2" in answer.sentence) == named
