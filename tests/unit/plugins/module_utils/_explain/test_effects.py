# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import ProxyConfig
from ansible_collections.mesh.workshop.plugins.module_utils._explain.effects import effects_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh

Json = dict[str, t.Any]

BOOKINFO = """
kind: Service
metadata: {name: reviews, namespace: bookinfo}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080, targetPort: 9080}]}
---
kind: Service
metadata: {name: ratings, namespace: bookinfo}
spec: {selector: {app: ratings}, ports: [{name: http, port: 80, targetPort: 9080}]}
---
kind: Pod
metadata: {name: reviews-v1-a-b, namespace: bookinfo, labels: {app: reviews, version: v1}}
spec: {containers: [{name: app, ports: [{containerPort: 9080}]}, {name: istio-proxy}]}
---
kind: Pod
metadata: {name: ratings-v1-a-b, namespace: bookinfo, labels: {app: ratings, version: v1}}
spec: {containers: [{name: app, ports: [{containerPort: 9080}]}, {name: istio-proxy}]}
---
kind: Pod
metadata: {name: gateway-a-b, namespace: istio-system, labels: {istio: ingressgateway}}
spec: {containers: [{name: istio-proxy}]}
---
kind: Gateway
metadata: {name: bookinfo, namespace: bookinfo}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80}, hosts: [mybookstore.com]}]}
---
kind: DestinationRule
metadata: {name: reviews, namespace: bookinfo}
spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}]}
"""
KINDS = (
    *("Service", "Pod", "Gateway", "VirtualService", "DestinationRule", "ServiceEntry", "AuthorizationPolicy"),
    *(
        "PeerAuthentication",
        "RequestAuthentication",
        "Telemetry",
        "Sidecar",
        "EnvoyFilter",
        "Namespace",
        "WorkloadEntry",
    ),
)


def mesh_with(text: str, without: str = "") -> Mesh:
    """Bookinfo and these documents; metadata.namespace is bookinfo unless given. One kind may not be readable."""
    objects: dict[str, list[Json]] = {kind: [] for kind in KINDS if kind != without}
    for one in [*yaml.safe_load_all(BOOKINFO), *yaml.safe_load_all(text)]:
        if one is not None and one["kind"] in objects:
            one["metadata"].setdefault("namespace", "bookinfo")
            objects[one["kind"]].append(one)
    return Mesh({kind: tuple(found) for kind, found in objects.items()})


def sentences(text: str, without: str = "") -> list[str]:
    return [one.sentence for one in effects_of(mesh_with(text, without))]


def route(rest: str, name: str = "reviews", hosts: str = "[reviews]") -> str:
    return f"kind: VirtualService\nmetadata: {{name: {name}}}\nspec: {{hosts: {hosts}, {rest}}}\n"


TO_REVIEWS = "route: [{destination: {host: reviews, subset: v1}}]"

FAULTS = [
    (
        route(f"gateways: [shop], http: [{{{TO_REVIEWS}}}]", hosts="[mybookstore.com]"),
        "VirtualService bookinfo/reviews is bound to Gateway bookinfo/shop, which does not exist; the Gateway for "
        "mybookstore.com is bookinfo/bookinfo.",
    ),
    (
        route(f"http: [{{match: [{{uri: {{prefix: '/reviews/*'}}}}], {TO_REVIEWS}}}]"),
        "VirtualService bookinfo/reviews matches the prefix /reviews/* literally: the star is a character of the path, "
        "and no path contains it.",
    ),
    (
        route("http: [{route: [{destination: {host: review}}]}]"),
        "VirtualService bookinfo/reviews routes to review, which is not a Service; "
        "reviews.bookinfo.svc.cluster.local is.",
    ),
    (
        route(f"http: [{{{TO_REVIEWS}, mirrors: [{{destination: {{host: reviews.svc.cluster.local}}}}]}}]"),
        "VirtualService bookinfo/reviews sends copies to reviews.svc.cluster.local, which is not a Service; "
        "reviews.bookinfo.svc.cluster.local is.",
    ),
    (
        route("http: [{route: [{destination: {host: reviews, subset: v9}}]}]"),
        "VirtualService bookinfo/reviews routes to subset v9 of reviews, which no DestinationRule defines (it has v1).",
    ),
    (
        route(f"http: [{{{TO_REVIEWS}}}]", hosts="[revews]"),
        "VirtualService bookinfo/reviews is for the host revews, which is not a Service of namespace bookinfo; reviews "
        "is one.",
    ),
    (
        route(f"http: [{{fault: {{abort: {{httpStatus: 500}}}}, {TO_REVIEWS}}}]"),
        "VirtualService bookinfo/reviews has a fault.abort without a percentage, which is 0 %: no request is aborted.",
    ),
    (
        route(f"http: [{{fault: {{delay: {{fixedDelay: 1s, percentage: {{value: 0}}}}}}, {TO_REVIEWS}}}]"),
        "VirtualService bookinfo/reviews has a fault.delay of 0 %: no request is delayed.",
    ),
    (
        route(f"http: [{{fault: {{abort: {{httpStatus: 500, percentage: {{value: 0.25}}}}}}, {TO_REVIEWS}}}]"),
        "VirtualService bookinfo/reviews has a fault.abort for 0.25 % of the requests (percentage.value is in percent, "
        "from 0 to 100).",
    ),
    (
        route(f"http: [{{{TO_REVIEWS}}}, {{match: [{{uri: {{prefix: /a}}}}], {TO_REVIEWS}}}]"),
        "Rule 1 of VirtualService bookinfo/reviews takes every request, so the rules behind it take none.",
    ),
    (
        route(f"http: [{{{TO_REVIEWS}}}]", name="a") + "---\n" + route(f"http: [{{{TO_REVIEWS}}}]", name="b"),
        "VirtualService bookinfo/b is for reviews, for which the older VirtualService bookinfo/a holds already.",
    ),
    (
        "kind: Service\nmetadata: {name: details}\nspec: {selector: {app: x}, ports: [{name: tcp-web, port: "
        "9080}]}\n---\n"
        + route("http: [{route: [{destination: {host: details}}]}]", name="details", hosts="[details]"),
        "Port 9080 of Service bookinfo/details is named tcp-web, so it is raw TCP to the proxies, and the http "
        "routes of "
        "VirtualService bookinfo/details do not hold.",
    ),
    (
        "kind: DestinationRule\nmetadata: {name: x}\nspec: {host: reviews, subsets: [{name: v2, labels: {version: "
        "v2}}]}",
        "Subset v2 of DestinationRule bookinfo/x asks for the labels version=v2, and no pod of reviews has them.",
    ),
    (
        "kind: Gateway\nmetadata: {name: x}\nspec: {selector: {istio: gateway}}",
        "Gateway bookinfo/x selects istio=gateway, and no pod has these labels.",
    ),
    (
        "kind: AuthorizationPolicy\nmetadata: {name: x}\nspec: {selector: {matchLabels: {app: review}}}",
        "AuthorizationPolicy bookinfo/x selects app=review, and no pod in namespace bookinfo has these labels.",
    ),
    (
        "kind: RequestAuthentication\nmetadata: {name: x, namespace: other}\nspec: {selector: {matchLabels: {app: "
        "reviews}}}",
        "RequestAuthentication other/x selects app=reviews, and no pod in namespace other has these labels; pods of "
        "namespace bookinfo have them.",
    ),
    (
        "kind: AuthorizationPolicy\nmetadata: {name: x}\nspec: {rules: [{to: [{operation: {paths: ['/a/*/b']}}]}]}",
        "AuthorizationPolicy bookinfo/x allows the path /a/*/b literally: a star counts at its beginning or end only.",
    ),
    (
        "kind: PeerAuthentication\nmetadata: {name: x}\n"
        "spec: {selector: {matchLabels: {app: ratings}}, portLevelMtls: {'80': {mode: STRICT}}}",
        "PeerAuthentication bookinfo/x demands mTLS on port 80, and the pods of ratings listen on 9080; port 80 is "
        "Service ratings's.",
    ),
    (
        "kind: EnvoyFilter\nmetadata: {name: x}\nspec: {configPatches: [{match: {context: GATEWAY}}]}",
        "EnvoyFilter bookinfo/x is for gateways of namespace bookinfo, where none runs; the ingress gateway is in "
        "istio-system.",
    ),
]
FAULTS += [
    (
        route(f"gateways: [bookinfo], http: [{{{TO_REVIEWS}}}]", hosts="[shop.example]"),
        "VirtualService bookinfo/reviews is for shop.example at Gateway bookinfo/bookinfo (gateways[0]), whose servers "
        "take mybookstore.com only.",
    ),
    (
        route("http: [{route: [{destination: {host: reviews, port: {number: 80}}}]}]"),
        "VirtualService bookinfo/reviews routes to port 80 of reviews, whose Service bookinfo/reviews has port 9080 "
        "only.",
    ),
    (
        route(f"http: [{{match: [{{port: 80}}], {TO_REVIEWS}}}]"),
        "Rule 1 of VirtualService bookinfo/reviews is for requests to port 80, and reviews has port 9080 only.",
    ),
    (
        "kind: DestinationRule\nmetadata: {name: second}\n"
        "spec: {host: reviews, subsets: [{name: v1, labels: {app: reviews}}]}",
        "The subset v1 of DestinationRule bookinfo/second does not hold: the older DestinationRule bookinfo/reviews "
        "has one for reviews already.",
    ),
    (
        "kind: PeerAuthentication\nmetadata: {name: a}\nspec: {mtls: {mode: PERMISSIVE}}\n---\n"
        "kind: PeerAuthentication\nmetadata: {name: b}\nspec: {mtls: {mode: STRICT}}",
        "PeerAuthentication bookinfo/b is for all pods of namespace bookinfo, for which the older PeerAuthentication "
        "bookinfo/a holds already.",
    ),
    (
        "kind: AuthorizationPolicy\nmetadata: {name: x}\n"
        "spec: {rules: [{from: [{source: {principals: ['spiffe://cluster.local/ns/a/sa/b']}}]}]}",
        "AuthorizationPolicy bookinfo/x names the principal spiffe://cluster.local/ns/a/sa/b, which no caller has: a "
        "principal is written as domain/ns/NAMESPACE/sa/ACCOUNT.",
    ),
    (
        "kind: AuthorizationPolicy\nmetadata: {name: x}\nspec: {rules: [{to: [{operation: {methods: [get]}}]}]}",
        "AuthorizationPolicy bookinfo/x names the method get, which no request has: methods are compared exactly.",
    ),
    (
        "kind: EnvoyFilter\nmetadata: {name: x}\n"
        "spec: {workloadSelector: {labels: {app: review}}, configPatches: [{match: {context: SIDECAR_INBOUND}}]}",
        "EnvoyFilter bookinfo/x selects app=review, and no pod in namespace bookinfo has these labels.",
    ),
]

PROBED = """
kind: PeerAuthentication
metadata: {name: shelf}
spec: {selector: {matchLabels: {app: shelf}}, mtls: {mode: STRICT}}
---
kind: Pod
metadata:
  name: shelf-v1-a-b
  labels: {app: shelf}
  annotations: {sidecar.istio.io/rewriteAppHTTPProbers: "false"}
spec: {containers: [{name: app, readinessProbe: {httpGet: {port: 9080}}}, {name: istio-proxy}]}
"""
FAULTS.append(
    (
        PROBED,
        "Pods of shelf-v1 are not ready: the kubelet's probe is plain text, PeerAuthentication bookinfo/shelf demands "
        'mTLS, and the annotation sidecar.istio.io/rewriteAppHTTPProbers: "false" keeps Istio from letting it pass.',
    )
)
STRICT_REVIEWS = "kind: PeerAuthentication\nmetadata: {name: closed}\nspec: {mtls: {mode: STRICT}}\n---\n"
BARE = (
    "kind: Service\nmetadata: {name: bare}\nspec: {selector: {app: bare}, ports: [{name: http, port: 80}]}\n---\n"
    "kind: Pod\nmetadata: {name: bare-v1-a-b, labels: {app: bare}}\nspec: {containers: [{name: app}]}\n---\n"
)
FAULTS += [
    (
        STRICT_REVIEWS + "kind: DestinationRule\nmetadata: {name: plain}\n"
        "spec: {host: ratings, trafficPolicy: {tls: {mode: DISABLE}}}",
        "DestinationRule bookinfo/plain sends to ratings without mTLS (tls mode DISABLE), and PeerAuthentication "
        "bookinfo/closed demands it (STRICT).",
    ),
    (
        "kind: DestinationRule\nmetadata: {name: own}\nspec: {host: ratings, subsets: [{name: v1, "
        "labels: {version: v1}, trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]}}]}",
        "DestinationRule bookinfo/own sends to ratings over TLS without the mesh's certificates (tls mode SIMPLE), and "
        "its pods are in the mesh, which take mTLS or plain text.",
    ),
    (
        BARE + "kind: DestinationRule\nmetadata: {name: bare}\n"
        "spec: {host: bare, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}",
        "DestinationRule bookinfo/bare sends to bare with mTLS (ISTIO_MUTUAL), and its pods have no sidecar to take "
        "it.",
    ),
    (
        "kind: PeerAuthentication\nmetadata: {name: far, namespace: other}\nspec: {mtls: {mode: STRICT}}",
        "PeerAuthentication other/far holds only for its own namespace other, which has no pod with a sidecar.",
    ),
    (
        route("http: [{route: [{destination: {host: ratings, subset: v1}}]}]", "ratings", "[ratings]"),
        "VirtualService bookinfo/ratings routes to subset v1 of ratings, which no DestinationRule defines (there is "
        "none).",
    ),
]
FAULTS += [
    (
        route(f"http: [{{match: [{{uri: {{exact: '/a?b=1'}}}}], {TO_REVIEWS}}}]"),
        "VirtualService bookinfo/reviews matches the exact /a?b=1, which no path is: a path is compared without its "
        "query.",
    ),
    (
        route(f"http: [{{match: [{{uri: {{prefix: api/v1}}}}], {TO_REVIEWS}}}]"),
        "VirtualService bookinfo/reviews matches the prefix api/v1, which no path is: a path begins with a slash.",
    ),
    (
        "kind: AuthorizationPolicy\nmetadata: {name: x}\nspec: {rules: [{to: [{operation: {paths: ['a/b?c=1']}}]}]}",
        "AuthorizationPolicy bookinfo/x is for the path a/b?c=1, which no path is: a path begins with a slash.",
    ),
]
SOUND = [
    STRICT_REVIEWS
    + "kind: DestinationRule\nmetadata: {name: m}\nspec: {host: ratings, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}",
    BARE + "kind: DestinationRule\nmetadata: {name: m}\nspec: {host: bare, trafficPolicy: {tls: {mode: SIMPLE}}}",
    route(f"http: [{{match: [{{uri: {{regex: '.*?a'}}}}, {{uri: {{prefix: /}}}}], {TO_REVIEWS}}}]"),
    "kind: AuthorizationPolicy\nmetadata: {name: x}\n"
    "spec: {rules: [{from: [{source: {principals: ['*/sa/b', 'cluster.local/ns/a/sa/b', '*']}}]}]}",
    "kind: DestinationRule\nmetadata: {name: second}\nspec: {host: reviews, trafficPolicy: {tls: {mode: DISABLE}}}",
    "kind: Pod\nmetadata: {name: own-gateway, labels: {istio: own}}\nspec: {containers: [{name: istio-proxy, args: "
    "[proxy, router]}]}\n---\n"
    "kind: EnvoyFilter\nmetadata: {name: x}\nspec: {configPatches: [{match: {context: GATEWAY}}]}",
    route("http: [{match: [{port: 9080}], route: [{destination: {host: reviews, port: {number: 9080}}}]}]"),
    route("http: [{route: [{destination: {host: api.shop.svc.clusterset.local}}]}]"),
    PROBED.replace("name: shelf-v1-a-b", "name: shelf-v1-a-b\n  deletionTimestamp: '2026-01-01T00:00:00Z'"),
    PROBED.replace("readinessProbe: {httpGet: ", "readinessProbe: {tcpSocket: "),
    "kind: WorkloadEntry\nmetadata: {name: vm}\nspec: {labels: {app: vm}}\n---\n"
    "kind: AuthorizationPolicy\nmetadata: {name: x}\nspec: {selector: {matchLabels: {app: vm}}}",
    PROBED.replace("STRICT", "PERMISSIVE"),
    PROBED.replace("port: 9080", "port: 15020").replace('"false"', '"true"'),
    PROBED + "status: {conditions: [{type: Ready, status: 'True'}]}\n",
    "",
    route(
        f"gateways: [bookinfo, mesh], http: [{{match: [{{uri: {{prefix: /a}}}}], {TO_REVIEWS}}}, {{{TO_REVIEWS}}}]",
        hosts="[reviews, mybookstore.com]",
    ),
    route(f"http: [{{fault: {{abort: {{httpStatus: 500, percentage: {{value: 25}}}}}}, {TO_REVIEWS}}}]"),
    "kind: AuthorizationPolicy\nmetadata: {name: x}\nspec: {rules: [{to: [{operation: {paths: ['/a/*', '*/b', "
    "'/a/{*}/b']}}]}]}",
    "kind: PeerAuthentication\nmetadata: {name: x}\n"
    "spec: {selector: {matchLabels: {app: ratings}}, portLevelMtls: {'9080': {mode: STRICT}}}",
    "kind: EnvoyFilter\nmetadata: {name: x, namespace: istio-system}\nspec: {configPatches: [{match: {context: "
    "GATEWAY}}]}",
    "kind: ServiceEntry\nmetadata: {name: x}\nspec: {hosts: ['*.example']}\n---\n"
    + route("http: [{route: [{destination: {host: api.example}}]}]", hosts="[api.example]"),
]


@pytest.mark.parametrize(("text", "sentence"), FAULTS)
def test_what_has_no_effect_is_named(text: str, sentence: str) -> None:
    assert sentences(text) == [sentence]


@pytest.mark.parametrize("text", SOUND)
def test_what_has_its_effect_is_not(text: str) -> None:
    assert sentences(text) == []


@pytest.mark.parametrize(("text", "_sentence"), FAULTS)
def test_every_finding_says_what_to_do(text: str, _sentence: str) -> None:
    for one in effects_of(mesh_with(text)):
        assert one.remedy.endswith(".")
        assert one.field


@pytest.mark.parametrize("kind", ["Service", "Pod", "Gateway", "DestinationRule", "ServiceEntry"])
def test_what_may_not_be_read_is_not_taken_for_missing(kind: str) -> None:
    for text, sentence in FAULTS:
        found = sentences(text, without=kind)
        assert found in ([], [sentence])


def test_a_destination_rule_of_another_namespace_is_named_where_its_subset_is_missing() -> None:
    rule = (
        "kind: DestinationRule\nmetadata: {name: far, namespace: other}\nspec: {host: reviews, subsets: [{name: v2}]}"
    )
    found = sentences(f"{rule}\n---\n" + route("http: [{route: [{destination: {host: reviews, subset: v2}}]}]"))
    assert found == [
        "DestinationRule other/far is for the host reviews, which is not a Service of namespace other; namespace "
        "bookinfo has it.",
        "VirtualService bookinfo/reviews routes to subset v2 of reviews, which no DestinationRule for it defines: "
        "DestinationRule other/far has it, but in namespace other.",
    ]


@pytest.mark.parametrize(
    ("kind", "places", "text"),
    [
        ("Service", {"other"}, route("http: [{route: [{destination: {host: review}}]}]")),
        ("ServiceEntry", {"bookinfo"}, route("http: [{route: [{destination: {host: api.example}}]}]")),
        ("Gateway", {"bookinfo"}, route(f"gateways: [istio-system/shop], http: [{{{TO_REVIEWS}}}]")),
        ("DestinationRule", {"bookinfo"}, route("http: [{route: [{destination: {host: reviews, subset: v9}}]}]")),
        ("Pod", {"istio-system"}, "kind: Gateway\nmetadata: {name: x}\nspec: {selector: {istio: gateway}}"),
        ("Pod", {"other"}, "kind: Sidecar\nmetadata: {name: x}\nspec: {workloadSelector: {labels: {app: x}}}"),
    ],
)
def test_what_may_be_where_nobody_may_look_is_not_taken_for_missing(kind: str, places: set[str], text: str) -> None:
    whole = mesh_with(text)
    assert effects_of(whole), "seen where all may be read"
    assert effects_of(Mesh(whole.objects, partial={kind: frozenset(places)})) == []


IDLE_OR_MEANT = [
    (route(f"http: [{{fault: {{abort: {{httpStatus: 500, percentage: {{value: 0.25}}}}}}, {TO_REVIEWS}}}]"), False),
    (route(f"http: [{{fault: {{abort: {{httpStatus: 500, percentage: {{value: 0}}}}}}, {TO_REVIEWS}}}]"), True),
    (route(f"gateways: [bookinfo, mesh], http: [{{{TO_REVIEWS}}}]"), False),
    (
        "kind: DestinationRule\nmetadata: {name: x}\nspec: {host: ratings, trafficPolicy: {tls: {mode: SIMPLE}}}",
        False,
    ),
    ("kind: PeerAuthentication\nmetadata: {name: far, namespace: other}\nspec: {mtls: {mode: STRICT}}", False),
    (
        "kind: PeerAuthentication\nmetadata: {name: x}\n"
        "spec: {selector: {matchLabels: {app: ratings}}, portLevelMtls: {'9999': {mode: DISABLE}}}",
        False,
    ),
    (
        "kind: Service\nmetadata: {name: db}\n"
        "spec: {selector: {app: x}, ports: [{name: tcp-web, port: 1}, {name: http, port: 2}]}\n---\n"
        + route("http: [{route: [{destination: {host: db, port: {number: 2}}}]}]", hosts="[db]"),
        False,
    ),
]


@pytest.mark.parametrize(("text", "idle"), IDLE_OR_MEANT)
def test_what_may_be_meant_so_is_not_called_idle(text: str, idle: bool) -> None:
    assert [one.idle for one in effects_of(mesh_with(text))] == [idle]


def test_of_two_rules_for_a_host_the_one_that_is_yet_to_be_created_is_the_younger() -> None:
    stamped = route(f"http: [{{{TO_REVIEWS}}}]", name="z").replace(
        "{name: z}", "{name: z, creationTimestamp: '2026-01-01T00:00:00Z'}"
    )
    found = effects_of(mesh_with(stamped + "---\n" + route(f"http: [{{{TO_REVIEWS}}}]", name="a")))
    assert [one.origin.name for one in found] == ["a"]


MANAGER = "envoy.filters.network.http_connection_manager"


@pytest.mark.parametrize(
    ("outer", "inner", "sentence"),
    [
        (MANAGER, "envoy.filters.http.router", ""),
        (MANAGER, "", ""),
        (
            MANAGER,
            "envoy.router",
            "EnvoyFilter bookinfo/x is put beside the filter envoy.router, but no proxy it applies to has it; "
            "they have envoy.filters.http.router.",
        ),
        (
            "envoy.http_connection_manager",
            "",
            "EnvoyFilter bookinfo/x is put beside the filter envoy.http_connection_manager, but no proxy it applies "
            f"to has it; they have {MANAGER}.",
        ),
        (
            MANAGER,
            "x.new",
            "EnvoyFilter bookinfo/x is put beside the filter x.new, but no proxy it applies to has it.",
        ),
    ],
)
def test_a_patch_beside_a_filter_that_no_proxy_has(outer: str, inner: str, sentence: str) -> None:
    beside: Json = {"name": outer, **({"subFilter": {"name": inner}} if inner else {})}
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "SIDECAR_INBOUND", "listener": {"filterChain": {"filter": beside}}},
        "patch": {"operation": "INSERT_BEFORE", "value": {"name": "limit"}},
    }
    selected = {"workloadSelector": {"labels": {"app": "ratings"}}, "configPatches": [patch]}
    document = {"kind": "EnvoyFilter", "metadata": {"name": "x"}, "spec": selected}

    def found(*filters: str) -> list[str]:
        manager = {"http_filters": [{"name": name} for name in filters]}
        chain = {"filters": [{"name": MANAGER, "typed_config": manager}]}
        config = ProxyConfig("ratings-v1-a-b", "bookinfo", ({"name": "virtualInbound", "filter_chains": [chain]},))
        known = mesh_with(yaml.safe_dump(document))
        return [one.sentence for one in effects_of(Mesh(known.objects, {("bookinfo", "ratings-v1-a-b"): config}))]

    assert found("envoy.filters.http.router") == ([sentence] if sentence else [])
    assert found("envoy.filters.http.router", "limit") == [], "it is there, whatever it was put beside"
