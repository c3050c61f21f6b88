# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failed check, the ways of its request and of those that followed from it, and what has no effect."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ..._explain.effects import Effect, effects_of
from ..._explain.effects.finding import destinations, is_for_mesh, placed_routes
from ..._explain.journey import BLACKHOLE, Journey, Received, Sent
from ..._explain.mesh import Mesh, ServiceName, holds_for, host_holds, is_gateway
from ..._explain.origin import Origin
from ..._explain.request import Request, request_of
from ..._explain.text import not_seen, text_of
from ..._explain.walk import at_gateway, from_workload, without_proxy
from ..._explain.words import joined
from ..._istio.pods import has_sidecar
from ..._kube.objects import home_of, labels_of, matches, name_of, spec_of
from ..changes import commands
from ..findings import Diagnosis, Findings, Json

HOST, NO_SIDECAR = "host", "no_sidecar"


@dataclass(frozen=True)
class Case:
    """A failed check, the ways of its request and of those that followed from it, and what has no effect."""

    findings: Findings
    mesh: Mesh
    first: Journey | None
    followed: tuple[Journey, ...]
    """The requests that the application sent on, as the proxies wrote of them."""
    guessed: tuple[Journey, ...]
    """Those that it may have sent on besides."""
    effects: tuple[Effect, ...]

    @property
    def journeys(self) -> tuple[Journey, ...]:
        every = ((self.first,) if self.first else ()) + self.followed + self.guessed
        return tuple(part for one in every for part in one.parts)

    def path(self) -> tuple[str, ...]:
        """The way of the request and of those that followed from it, hop by hop, as lines."""
        known = [one for one in (self.first, *self.followed) if one is not None]
        records = self.findings.records
        way = [line for one in known for line in text_of(one, records=records).splitlines()]
        return (*way, *not_seen(self.findings.unseen))

    @property
    def services(self) -> set[ServiceName]:
        """The Services that these requests ask."""
        sent = [one.sent for one in self.journeys if one.sent]
        found = [one.service for one in sent] + [target.service for one in sent for target in one.targets]
        names = {self.mesh.service_for(one.request.host, self.home) for one in self.journeys}
        if not sent and self.findings.source == HOST:  # then it may be any that the gateway leads to
            names |= {(name_of(one), self.home) for one in self.mesh.of("Service", self.home)}
        return {one for one in (*found, *names) if one is not None}

    @property
    def home(self) -> str:
        """The namespace that short names are of."""
        return self.findings.namespace or "default"

    @property
    def statuses(self) -> set[int]:
        return {int(one["status"]) for one in self.findings.seen if one.get("status")}

    def about(self, *topics: str) -> list[Effect]:
        """What has no effect and was meant for a Service or host of this request."""
        host = self.findings.host
        return [
            one
            for one in self.effects
            if one.topic in topics
            and (bool(one.services & self.services) or (not one.services and host_holds(one.host or "*", host)))
        ]


def case_of(findings: Findings) -> Case:
    """The request's way through what is there."""
    home = frozenset(filter(None, [findings.namespace]))
    mesh = Mesh(findings.objects, findings.configs, dict.fromkeys(findings.partial, home))
    request = findings.request or request_of(findings.url)
    first = _first(findings, mesh, request)
    done: set[tuple[str, str]] = set()
    if first is not None and first.sent is not None:
        done |= {(first.sent.proxy, target.service[0]) for target in first.sent.targets if target.service}
    followed = tuple(_followed(findings, mesh, request, done))
    guessed = tuple(_guessed(mesh, request, first, done))
    return Case(findings, mesh, first, followed, guessed, tuple(effects_of(mesh)))


def concerned(findings: Findings) -> list[Json]:
    """The pods whose proxies the requests may pass, those that they pass first before the others."""
    mesh = Mesh(findings.objects)
    home = findings.namespace or "default"
    caller = pod_of(mesh, findings.source, home) if findings.source not in (HOST, NO_SIDECAR) else None
    request = findings.request or request_of(findings.url)
    service = mesh.service_for(request.host, home)
    asked = mesh.pods_of(service) if service else []
    beside = [pod for pod in mesh.of("Pod", home) if has_sidecar(pod)]
    between = list(_gateways_between(mesh)) if caller is not None else []
    found = [*mesh.gateways(), *([caller] if caller is not None else []), *asked, *between, *beside]
    return list({(home_of(pod), name_of(pod)): pod for pod in found}.values())


def _gateways_between(mesh: Mesh) -> t.Iterator[Json]:
    """The gateways that VirtualServices send requests of the mesh to."""
    for rule in mesh.of("VirtualService"):
        for _kind, _index, route in placed_routes(rule) if is_for_mesh(rule) else ():
            for _what, destination in destinations(route):
                service = mesh.service_for(str(destination.get("host") or ""), home_of(rule))
                yield from filter(is_gateway, mesh.pods_of(service) if service else ())


def _first(findings: Findings, mesh: Mesh, request: Request) -> Journey | None:
    home = findings.namespace or "default"
    address = _address(findings, mesh)
    if findings.source == HOST:
        gateways = [pod for pod in mesh.gateways() if mesh.config_of(pod) is not None]
        return at_gateway(mesh, request, gateways[0]) if gateways else None
    if findings.source == NO_SIDECAR:
        return without_proxy(mesh, request, home, address)
    pod = pod_of(mesh, findings.source, home)
    return from_workload(mesh, request, pod, address) if pod is not None else None


def _address(findings: Findings, mesh: Mesh) -> str | None:
    """The pod's address where the check connects to a pod, whatever its URL says."""
    if not findings.connect_to:
        return None
    pod = pod_of(mesh, findings.connect_to, findings.namespace or "default")
    return str((pod.get("status") or {}).get("podIP") or "") if pod is not None else None


def pod_of(mesh: Mesh, workload: str, namespace: str) -> Json | None:
    """A pod of a workload, by the name of its Deployment, else its ``app`` label."""
    pods = mesh.of("Pod", namespace)
    named = [one for one in pods if re.fullmatch(rf"{re.escape(workload)}-[a-z0-9]+-[a-z0-9]+", name_of(one))]
    return next(iter(named or [one for one in pods if labels_of(one).get("app") == workload]), None)


def _followed(findings: Findings, mesh: Mesh, request: Request, done: set[tuple[str, str]]) -> t.Iterator[Journey]:
    """Requests of the application that proxies wrote of."""
    pods = {name_of(pod): pod for pod in mesh.of("Pod")}
    for record in findings.records:
        pod = pods.get(record.pod)
        if record.inbound or pod is None or not record.authority or is_gateway(pod):
            continue
        host, _colon, port = record.authority.partition(":")
        if (record.pod, host.split(".")[0]) in done:
            continue
        done.add((record.pod, host.split(".")[0]))
        sent_on = request_of(f"http://{host}:{port or 80}{record.path}", "GET", request.headers.items())
        yield from_workload(mesh, sent_on, pod)


def _guessed(mesh: Mesh, request: Request, first: Journey | None, done: set[tuple[str, str]]) -> t.Iterator[Journey]:
    """Requests that the application may have sent to Services of which proxies wrote nothing."""
    pods = {name_of(pod): pod for pod in mesh.of("Pod")}
    for reached in first.received if first is not None else ():
        pod = pods.get(reached.proxy)
        if pod is None:
            continue
        for service in mesh.of("Service", home_of(pod)):
            name = name_of(service)
            if (reached.proxy, name) in done or matches(spec_of(service).get("selector") or {"": ""}, labels_of(pod)):
                continue
            done.add((reached.proxy, name))
            for port in (spec_of(service).get("ports") or ())[:1]:
                guess = request_of(f"http://{name}:{port.get('port')}/", "GET", request.headers.items())
                yield from_workload(mesh, guess, pod)


def named_pod(case: Case, proxy: Sent | Received) -> Json | None:
    """The pod of a proxy on the way."""
    return next((one for one in case.mesh.of("Pod", proxy.namespace) if name_of(one) == proxy.proxy), None)


def rule_of(case: Case, sent: Sent) -> Json:
    """The rule of a VirtualService that a proxy follows, as it is written; empty where that is not known."""
    rules = spec_of(case.mesh.find(sent.origin) or {}).get("http") or () if sent.origin is not None else ()
    return (rules[sent.rule] or {}) if sent.rule is not None and sent.rule < len(rules) else {}


def callee_of(case: Case, proxy: Sent | Received) -> str:
    """The application that a proxy on the way stands before."""
    pod = named_pod(case, proxy)
    return str(labels_of(pod).get("app", proxy.proxy)) if pod is not None else proxy.proxy


def app_of(case: Case, pod: str) -> str:
    found = next((one for one in case.mesh.of("Pod") if name_of(one) == pod), None)
    return str(labels_of(found).get("app") or pod) if found is not None else pod


def holding(case: Case, kind: str, pod: Json | None) -> list[Json]:
    """The policies of a kind that hold for a pod."""
    return [one for one in case.mesh.of(kind) if pod is not None and holds_for(one, pod)]


def is_wanted(case: Case, routes: t.Sequence[Json]) -> bool:
    """Whether rules of a VirtualService do what the check expects."""
    findings = case.findings
    subsets = {destination.get("subset") for route in routes for _what, destination in destinations(route)}
    faults = [route.get("fault") or {} for route in routes]
    wanted = [status for status, _share in findings.status_shares] + list(findings.expected_status)
    return (
        bool(subsets & set(findings.expected_versions))
        or (findings.shares_are_wrong and any(len(route.get("route") or ()) > 1 for route in routes))
        or (findings.expects_copies and any(route.get("mirror") or route.get("mirrors") for route in routes))
        or (findings.latency_min is not None and any(one.get("delay") for one in faults))
        or any(int((one.get("abort") or {}).get("httpStatus") or 0) in wanted for one in faults)
    )


def told(one: Effect) -> Diagnosis:
    return Diagnosis(one.sentence, one.remedy, commands(one.mend))


def together(parts: t.Sequence[str]) -> str:
    """The same names only once, joined."""
    return joined(list(dict.fromkeys(parts)))


def goes_to(sent: Sent, cluster: str) -> bool:
    route = sent.route or {}
    direct = int((route.get("direct_response") or {}).get("status") or 0)
    return any(one.cluster == cluster for one in sent.targets) or (cluster == BLACKHOLE and direct == 502)


def tls_mode(case: Case, rule: Origin) -> str:
    found = case.mesh.find(rule)
    return str(((spec_of(found).get("trafficPolicy") or {}).get("tls") or {}).get("mode") or "") if found else ""
