# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has just been applied: what is read to judge it, and what is said of it."""

from __future__ import annotations

import threading
import typing as t

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._explain import collect
from ansible_collections.mesh.workshop.plugins.module_utils._explain.applied import (
    Applied,
    idle_effects,
    needs_of,
    warnings_of,
    why_unready,
)
from ansible_collections.mesh.workshop.plugins.module_utils._explain.dump import ProxyConfig
from ansible_collections.mesh.workshop.plugins.module_utils._kube.errors import ApiError
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.test_effects import (
    BOOKINFO,
    PROBED,
    route,
)

Json = dict[str, t.Any]
TO_V1 = "route: [{destination: {host: reviews, subset: v1}}]"
NETWORKING, SECURITY = "networking.istio.io/v1", "security.istio.io/v1"
API_VERSIONS = {
    "Service": "v1",
    "Pod": "v1",
    "Deployment": "apps/v1",
    "EnvoyFilter": "networking.istio.io/v1alpha3",
    "AuthorizationPolicy": SECURITY,
    "PeerAuthentication": SECURITY,
    "RequestAuthentication": SECURITY,
}


def documents(text: str) -> list[Json]:
    found = []
    for one in yaml.safe_load_all(text):
        if one is not None:
            one["metadata"].setdefault("namespace", "bookinfo")
            found.append({"apiVersion": API_VERSIONS.get(one["kind"], NETWORKING), **one})
    return found


class Server:
    """A client that lists what is there, as far as the namespaces may be read; remembers what was asked."""

    def __init__(self, text: str = BOOKINFO, readable: t.Collection[str] | None = None) -> None:
        self.objects = documents(text)
        self.readable = readable
        self.asked: list[tuple[str, str | None, str | None]] = []
        self._lock = threading.Lock()

    def list(
        self, api_version: str, kind: str, namespace: str | None = None, label_selector: str | None = None
    ) -> list[Json]:
        with self._lock:
            self.asked.append((kind, namespace, label_selector))
        if self.readable is not None and namespace not in self.readable:
            raise ApiError(403, "Forbidden", "no")
        wanted = dict(part.split("=") for part in (label_selector or "").split(",") if part)
        return [
            one
            for one in self.objects
            if (one["apiVersion"], one["kind"]) == (api_version, kind)
            and namespace in (None, one["metadata"]["namespace"])
            and wanted.items() <= one["metadata"].get("labels", {}).items()
        ]


def said(server: Server, text: str, **options: t.Any) -> list[str]:
    return [one.sentence for one in idle_effects(t.cast(t.Any, server), Applied(tuple(documents(text)), **options))]


def test_nothing_is_read_for_what_is_no_concern_of_the_mesh() -> None:
    server = Server()
    assert said(server, "kind: Deployment\nmetadata: {name: a}\nspec: {}") == []
    assert server.asked == []


def test_for_sound_rules_only_the_namespaces_concerned_are_read_and_only_the_kinds() -> None:
    server = Server()
    rules = [
        route(f"http: [{{{TO_V1}}}]", name="reviews"),
        route("http: [{route: [{destination: {host: ratings}}]}]", "x", "[ratings]"),
    ]
    assert said(server, "---\n".join(rules)) == []
    assert sorted(server.asked) == [
        ("DestinationRule", "bookinfo", None),
        ("DestinationRule", "istio-system", None),
        ("Service", "bookinfo", None),
        ("VirtualService", "bookinfo", None),
    ]


def test_what_is_in_another_namespace_is_found_before_anything_is_said() -> None:
    entry = "---\nkind: ServiceEntry\nmetadata: {name: x, namespace: outside}\nspec: {hosts: [api.example]}\n"
    rule = route("http: [{route: [{destination: {host: api.example}}]}]", hosts="[api.example]")
    assert said(Server(BOOKINFO + entry), rule) == []
    server = Server()
    assert len(said(server, rule)) == 1
    assert ("ServiceEntry", None, None) in server.asked


def test_only_what_was_applied_is_judged() -> None:
    other = "---\n" + route("http: [{route: [{destination: {host: nobody}}]}]", name="other")
    assert said(Server(BOOKINFO + other), route(f"http: [{{{TO_V1}}}]", "x", "[ratings]")) == []


def test_a_port_that_hides_routes_is_told_whichever_of_the_two_is_applied() -> None:
    raw = "kind: Service\nmetadata: {name: raw}\nspec: {selector: {app: reviews}, ports: [{name: tcp-a, port: 1}]}\n"
    rule = route("http: [{route: [{destination: {host: raw}}]}]", name="raw", hosts="[raw]")
    sentence = (
        "Port 1 of Service bookinfo/raw is named tcp-a, so it is raw TCP to the proxies, and the http routes of "
        "VirtualService bookinfo/raw do not hold."
    )
    assert said(Server(f"{BOOKINFO}---\n{raw}"), rule) == [sentence]
    assert said(Server(f"{BOOKINFO}---\n{rule}"), raw) == [sentence]


AGE = "creationTimestamp: '2026-01-01T00:00:00Z'"
ENTRY = "kind: ServiceEntry\nmetadata: {name: %s}\nspec: {hosts: [%s], resolution: %s, ports: [{number: %d}]}\n"
AT_GATEWAY = "gateways: [bookinfo], http: [{match: [{uri: {prefix: %s}}], route: [{destination: {host: reviews}}]}]"


@pytest.mark.parametrize(
    ("there", "applied", "said_of"),
    [
        (
            ENTRY % (f"a, {AGE}", "shop.example", "STATIC", 80),
            ENTRY % ("b", "shop.example", "DNS", 81),
            "for which the older ServiceEntry bookinfo/a holds already",
        ),
        (
            "kind: Service\nmetadata: {name: shop, namespace: other}\nspec: {}",
            ENTRY % ("b", "shop.other.svc.cluster.local", "STATIC", 80),
            "which is Service other/shop of another namespace and goes before it",
        ),
        (
            route(AT_GATEWAY % "/re", f"a, {AGE}", "[mybookstore.com]"),
            route(AT_GATEWAY % "/reviews", "b", "[mybookstore.com]"),
            "rule 1 of the older VirtualService bookinfo/a takes every path there",
        ),
    ],
)
def test_what_was_there_before_is_read(there: str, applied: str, said_of: str) -> None:
    (sentence,) = said(Server(f"{BOOKINFO}---\n{there}"), applied)
    assert said_of in sentence
    assert said(Server(), applied) == []


def test_without_rights_nothing_is_said_that_may_be_wrong() -> None:
    missing = route("http: [{route: [{destination: {host: review}}]}]")
    outside = route("http: [{route: [{destination: {host: api.example}}]}]", hosts="[api.example]")
    assert said(Server(readable=()), missing) == []
    assert said(Server(readable=("bookinfo",)), outside) == []
    assert len(said(Server(readable=("bookinfo",)), missing)) == 1, "what is in this namespace is known"


def test_what_the_set_itself_brings_and_takes_away_counts() -> None:
    rule = route("http: [{route: [{destination: {host: new}}]}]", name="new", hosts="[new]")
    service = "kind: Service\nmetadata: {name: new}\nspec: {selector: {app: new}, ports: [{name: http, port: 1}]}\n"
    assert said(Server(), f"{rule}---\n{service}") == []
    assert len(said(Server(), rule)) == 1
    gone = frozenset([("Service", "bookinfo", "reviews")])
    assert said(Server(), route(f"http: [{{{TO_V1}}}]"), removed=gone)


def test_pods_that_are_yet_to_come_count() -> None:
    policy = "kind: AuthorizationPolicy\nmetadata: {name: x}\nspec: {selector: {matchLabels: {app: new}}}\n"
    workload = (
        "kind: Deployment\nmetadata: {name: new-v1}\n"
        "spec: {template: {metadata: {labels: {app: new}}, spec: {containers: [{name: app}]}}}\n"
    )
    assert said(Server(), f"{policy}---\n{workload}") == []
    assert len(said(Server(), policy)) == 1


def test_a_gateway_is_for_pods_of_any_namespace_and_only_those_are_read() -> None:
    pod = "---\nkind: Pod\nmetadata: {name: g, namespace: far, labels: {istio: own}}\nspec: {containers: []}\n"
    gateway = "kind: Gateway\nmetadata: {name: own}\nspec: {selector: {istio: own}}"
    server = Server(BOOKINFO + pod)
    assert said(server, gateway) == []
    assert ("Pod", None, "istio=own") in server.asked
    assert ("Pod", None, None) not in server.asked
    assert said(Server(), gateway) == ["Gateway bookinfo/own selects istio=own, and no pod has these labels."]


def test_kinds_of_the_same_name_of_others_are_not_meant() -> None:
    (gateway,) = documents("kind: Gateway\nmetadata: {name: own}\nspec: {selector: {istio: own}}")
    other = {**gateway, "apiVersion": "gateway.networking.k8s.io/v1"}
    assert idle_effects(t.cast(t.Any, Server()), Applied((other,))) == []


FILTER = """
kind: EnvoyFilter
metadata: {name: limit, namespace: istio-system}
spec:
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches: [{match: {context: GATEWAY, routeConfiguration: {vhost: {name: '*:80'}}}}]
"""


def test_patches_are_compared_with_what_the_proxies_have_once_they_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(_configs: t.Any, pods: t.Sequence[Json]) -> dict[tuple[str, str], ProxyConfig]:
        routes = {"http.8080": {"virtual_hosts": [{"name": "mybookstore.com:80"}]}}
        return {("istio-system", pod["metadata"]["name"]): ProxyConfig("", "", routes=routes) for pod in pods}

    monkeypatch.setattr(collect.Configs, "of", of)
    sentence = (
        "EnvoyFilter istio-system/limit patches the virtual host *:80, and the proxies that it is for have only "
        "mybookstore.com:80."
    )
    assert said(Server(), FILTER) == [sentence]
    assert said(Server(), FILTER, settled=False) == []


def test_many_findings_are_few_warnings() -> None:
    rules = "---\n".join(
        route(
            "http: [{route: [{destination: {host: nobody}}]}]", name=f"rule-{number:02}", hosts=f"['{number}.example']"
        )
        for number in range(30)
    )
    found = warnings_of(idle_effects(t.cast(t.Any, Server()), Applied(tuple(documents(rules)))))
    assert len(found) == 11
    assert found[0] == (
        "VirtualService bookinfo/rule-00 routes to nobody, which is neither a Service nor a host of a ServiceEntry. "
        "Correct the host, or create the Service."
    )
    assert found[-1].startswith("There are 20 more findings like these, such as: VirtualService bookinfo/rule-10 ")


def test_what_is_asked_for_is_bounded_however_many_namespaces_are_named() -> None:
    text = "---\n".join(
        route(
            f"http: [{{route: [{{destination: {{host: a.ns{number}.svc.cluster.local}}}}]}}]",
            name=f"r{number}",
            hosts="[x.example]",
        )
        for number in range(60)
    )
    assert len(needs_of(documents(text))["Service"]) == 62
    server = Server(BOOKINFO)
    said(server, text)
    assert len(server.asked) < 12


WORKLOAD = "kind: Deployment\nmetadata: {name: shelf-v1}\nspec: {selector: {matchLabels: {app: shelf}}}"


def test_a_workload_that_the_mesh_keeps_from_getting_ready_is_explained() -> None:
    (workload,) = documents(WORKLOAD)
    assert why_unready(t.cast(t.Any, Server(PROBED)), workload) == (
        "Pods of shelf-v1 are not ready: the kubelet's probe is plain text, PeerAuthentication bookinfo/shelf demands "
        'mTLS, and the annotation sidecar.istio.io/rewriteAppHTTPProbers: "false" keeps Istio from letting it pass. '
        "Remove the annotation sidecar.istio.io/rewriteAppHTTPProbers from the pod template."
    )
    assert why_unready(t.cast(t.Any, Server(PROBED.replace("STRICT", "PERMISSIVE"))), workload) == ""
    (other,) = documents(WORKLOAD.replace("app: shelf", "app: other"))
    assert why_unready(t.cast(t.Any, Server(PROBED)), other) == ""
