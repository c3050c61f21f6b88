# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failing check explained by the way of its request: which resource decided, or was meant to and did not."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from .._explain.access import Access, RuleResult
from .._explain.collect import Configs
from .._explain.effects import Effect, effects_of, host_holds
from .._explain.matching import template_holds
from .._explain.mesh import (
    GATEWAY_LABELS,
    ROOT,
    Mesh,
    ServiceName,
    has_proxy,
    holds_for,
    home_of,
    labels_of,
    matches,
    name_of,
    origin_for,
    protocol_of,
    selector_of,
    spec_of,
)
from .._explain.origin import Origin, origin_of
from .._explain.request import Request, request_of, token_of
from .._explain.routing import targets_of
from .._explain.text import outcome_of
from .._explain.walk import (
    BLACKHOLE,
    FAULT,
    PASSTHROUGH,
    Journey,
    Received,
    Sent,
    at_gateway,
    from_workload,
    without_proxy,
)
from .._kube.labels import LAB
from .findings import Diagnosis, Findings, Json, gather

if t.TYPE_CHECKING:
    from .._kube import Client

HOST, NO_SIDECAR = "host", "no_sidecar"


@dataclass(frozen=True)
class Case:
    """A failed check, the ways of its request and of those that followed from it, and what has no effect."""

    findings: Findings
    mesh: Mesh
    first: Journey | None
    inner: tuple[Journey, ...]
    """The requests that the application sent on: as the proxies wrote of them, else as it may have."""
    effects: tuple[Effect, ...]

    @property
    def journeys(self) -> tuple[Journey, ...]:
        return ((self.first,) if self.first else ()) + self.inner

    @property
    def services(self) -> set[ServiceName]:
        """The Services that these requests ask."""
        sent = [one.sent for one in self.journeys if one.sent]
        found = [one.service for one in sent] + [target.service for one in sent for target in one.targets]
        names = {self.mesh.service_for(one.request.host, self.home) for one in self.journeys}
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


# -- the case ------------------------------------------------------------


def case_of(findings: Findings) -> Case:
    """The request's way through what is there."""
    mesh = Mesh(findings.objects, findings.configs)
    request = findings.request or request_of(findings.url)
    first = _first(findings, mesh, request)
    return Case(findings, mesh, first, tuple(_inner(findings, mesh, request, first)), tuple(effects_of(mesh)))


def concerned(findings: Findings) -> list[Json]:
    """The pods whose proxies the requests may pass, those that they pass first before the others."""
    mesh = Mesh(findings.objects)
    home = findings.namespace or "default"
    caller = _pod_of(mesh, findings.source, home) if findings.source not in (HOST, NO_SIDECAR) else None
    request = findings.request or request_of(findings.url)
    service = mesh.service_for(request.host, home)
    asked = mesh.pods_of(service) if service else []
    beside = [pod for pod in mesh.of("Pod", home) if has_proxy(pod)]
    found = [*mesh.gateways(), *([caller] if caller is not None else []), *asked, *beside]
    return list({(home_of(pod), name_of(pod)): pod for pod in found}.values())


def _first(findings: Findings, mesh: Mesh, request: Request) -> Journey | None:
    home = findings.namespace or "default"
    address = _address(findings, mesh)
    if findings.source == HOST:
        gateways = [pod for pod in mesh.gateways() if mesh.config_of(pod) is not None]
        return at_gateway(mesh, request, gateways[0]) if gateways else None
    if findings.source == NO_SIDECAR:
        return without_proxy(mesh, request, home, address)
    pod = _pod_of(mesh, findings.source, home)
    return from_workload(mesh, request, pod, address) if pod is not None else None


def _address(findings: Findings, mesh: Mesh) -> str | None:
    """The pod's address where the check connects to a pod, whatever its URL says."""
    if not findings.connect_to:
        return None
    pod = _pod_of(mesh, findings.connect_to, findings.namespace or "default")
    return str((pod.get("status") or {}).get("podIP") or "") if pod is not None else None


def _pod_of(mesh: Mesh, workload: str, namespace: str) -> Json | None:
    """A pod of a workload, by the name of its Deployment, else its ``app`` label."""
    pods = mesh.of("Pod", namespace)
    named = [one for one in pods if re.fullmatch(rf"{re.escape(workload)}-[a-z0-9]+-[a-z0-9]+", name_of(one))]
    return next(iter(named or [one for one in pods if labels_of(one).get("app") == workload]), None)


def _inner(findings: Findings, mesh: Mesh, request: Request, first: Journey | None) -> t.Iterator[Journey]:
    """Requests of the application: those that proxies wrote of, and to Services of which they wrote nothing."""
    done: set[tuple[str, str]] = set()
    if first is not None and first.sent is not None:
        done |= {(first.sent.proxy, target.service[0]) for target in first.sent.targets if target.service}
    pods = {name_of(pod): pod for pod in mesh.of("Pod")}
    for record in findings.records:
        pod = pods.get(record.pod)
        if record.inbound or pod is None or not record.authority or matches(GATEWAY_LABELS, labels_of(pod)):
            continue
        host, _colon, port = record.authority.partition(":")
        if (record.pod, host.split(".")[0]) in done:
            continue
        done.add((record.pod, host.split(".")[0]))
        sent_on = request_of(f"http://{host}:{port or 80}{record.path}", "GET", request.headers.items())
        yield from_workload(mesh, sent_on, pod)
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


# -- the causes, from the most specific to the least ----------------------


def gateway_has_no_route(case: Case) -> Diagnosis | None:
    """404 by the gateway: no route there takes the request."""
    sent = case.first.sent if case.first else None
    if 404 not in case.statuses or sent is None or sent.role != "gateway" or sent.route is not None:
        return None
    path = case.findings.path
    for one in case.about("gateway"):
        return _told(one)
    for one in case.about("route"):
        text = _literal(one)
        if text and template_holds(text.replace("*", "**") if text.endswith("*") else text, path):
            return Diagnosis(
                f"{one.origin} matches the {one.field.rpartition('.')[2]} {text} literally; no path contains the star, "
                f"so {path} has no route.",
                one.remedy,
            )
    return None


def _literal(one: Effect) -> str:
    found = re.search(r"matches the (?:prefix|exact) (\S+) literally", one.sentence)
    return found[1] if found else ""


def token_refused(case: Case) -> Diagnosis | None:
    """401 by a proxy: its RequestAuthentication refuses the token."""
    if 401 not in case.statuses:
        return None
    for journey in case.journeys:
        for one in journey.received:
            if not one.token.refused:
                continue
            pod = _named_pod(case, one)
            rules = _holding(case, "RequestAuthentication", pod)
            names = _together([f"{home_of(rule)}/{name_of(rule)}" for rule in rules])
            app = labels_of(pod).get("app", one.proxy) if pod is not None else one.proxy
            token = token_of(journey.request)
            if token is not None and "issuer" in one.token.refused:
                why = f"refuses the token, whose issuer {token.issuer or '(none)'} it does not know"
                remedy = f"Add jwtRules for that issuer, or give it a selector that leaves {app} out."
            else:
                why, remedy = f"refuses the request: {one.token.refused}", "Send a valid token, or none."
            return Diagnosis(
                f"RequestAuthentication {names} holds for {app} and {why}; policies are asked only afterwards.", remedy
            )
    return None


def _holding(case: Case, kind: str, pod: Json | None) -> list[Json]:
    """The policies of a kind that hold for a pod."""
    return [one for one in case.mesh.of(kind) if pod is not None and holds_for(one, pod)]


def access_denied(case: Case) -> Diagnosis | None:
    """403 by a proxy: which rule was the closest, and what it asks for that the request does not have."""
    if 403 not in case.statuses and not any("rbac_access_denied" in one.details for one in case.findings.records):
        return None
    denied_at = {one.pod for one in case.findings.records if "rbac_access_denied" in one.details}
    for journey in case.journeys:
        for one in journey.received:
            access = one.denying
            if access is None or (denied_at and one.proxy not in denied_at):
                continue
            found = _denied(case, journey.request, one, access)
            if found is not None:
                return found
    return None


def _denied(case: Case, request: Request, received: Received, access: Access) -> Diagnosis | None:
    if access.action == "DENY":
        rule = access.holding
        if rule is None:
            return None
        lab = labels_of(case.mesh.find(rule.policy) or {}).get(LAB)
        return Diagnosis(
            f"Rule {rule.number} of {rule.policy}{f' of lab {lab}' if lab else ''} denies the request (RBAC: access "
            f"denied, pod {received.proxy}).",
            "Change its rule, or remove it if another lab left it behind (mesh.workshop.reset).",
        )
    if not access.rules:
        return _denied_by_nothing(case, received)
    for rule in access.rules:
        for effect in case.effects:
            about_path = effect.origin == rule.policy and effect.field.endswith("paths") and effect.host
            if about_path and template_holds(effect.host, request.path):
                return _told(effect)
    rule = _closest(access)
    who, names = str(rule.policy), sorted({str(one.policy) for one in access.rules})
    if "it has none, since it sends plain text" in rule.fault:
        return Diagnosis(
            f"The caller sends plain text and so has no identity; no principal in {who} can match it.",
            "Give the caller a sidecar, or allow it by what can be seen of it (ipBlocks, a token).",
        )
    if "the token has no sub claim" in rule.fault:
        return Diagnosis(
            f"The token is valid but has no sub claim, so it makes no request principal, and {who} demands one "
            "(requestPrincipals).",
            "Give the token a sub, or demand the issuer instead (when: request.auth.claims[iss]).",
        )
    if "no valid token" in rule.fault and token_of(request) is not None:
        pod = _named_pod(case, received)
        if pod is not None and not _holding(case, "RequestAuthentication", pod):
            app = labels_of(pod).get("app", received.proxy)
            return Diagnosis(
                f"No RequestAuthentication holds for {app}, so nobody there reads the token, and {who} demands one.",
                f"Apply a RequestAuthentication for {app} with the token's issuer {issuer_of(request)}.",
            )
    others = f" (nor does any of {_together(names)})" if len(names) > 1 else ""
    return Diagnosis(
        f"No rule of {who} allows the request at pod {received.proxy}{others}: in rule {rule.number} {rule.fault}.",
        f"Add a rule that allows this caller, method and path, or widen rule {rule.number} of {who}.",
    )


def issuer_of(request: Request) -> str:
    """The issuer that a request's token names."""
    token = token_of(request)
    return token.issuer if token is not None else ""


def _denied_by_nothing(case: Case, received: Received) -> Diagnosis | None:
    pod = _named_pod(case, received)
    policies = [
        one
        for one in case.mesh.of("AuthorizationPolicy")
        if pod is not None and holds_for(one, pod) and not spec_of(one).get("rules")
    ]
    if not policies:
        return None
    return Diagnosis(
        f"{origin_for('AuthorizationPolicy', policies[0])} has no rules, so it allows nothing, and no other policy "
        f"allows the request at pod {received.proxy}.",
        "Apply an AuthorizationPolicy with a rule that allows this caller, method and path.",
    )


def _closest(access: Access) -> RuleResult:
    """The rule that lacks the least: one whose caller is right comes before one whose caller is not."""
    return min(access.rules, key=lambda one: (one.fault.startswith(("the caller", "a request principal")), one.number))


def let_in(case: Case) -> Diagnosis | None:
    """Answered where a policy should have said no: the rule that let it in."""
    expected = set(case.findings.expected_status)
    if (
        not expected & {401, 403}
        or any(one < 400 for one in expected)
        or not any(200 <= one < 400 for one in case.statuses)
    ):
        return None
    if case.first is None:
        return None
    for one in case.first.received:
        for access in one.access:
            rule = access.holding
            if access.action == "DENY" or rule is None:
                continue
            return _allowed(case, case.first.request, rule)
    return None


def _allowed(case: Case, request: Request, rule: RuleResult) -> Diagnosis | None:
    policy = case.mesh.find(rule.policy)
    written = list(spec_of(policy).get("rules") or ()) if policy is not None else []
    if len(written) < rule.number:
        return None
    body = written[rule.number - 1] or {}
    if not body.get("from") and len(written) > 1 and any((one or {}).get("from") for one in written):
        does = f"{request.method}" if body.get("to") else "in"
        lets = f"lets any caller {does}" if body.get("to") else "lets any caller in"
        return Diagnosis(
            f"Rule {rule.number} of {rule.policy} has no from, so it {lets}; its rules are alternatives.",
            "Put from and to into one rule.",
        )
    lacking = [key for key in ("from", "to", "when") if not body.get(key)]
    about = f" It has no {' and no '.join(lacking)}." if lacking else ""
    return Diagnosis(
        f"Rule {rule.number} of {rule.policy} allows this request.{about}",
        f"Narrow rule {rule.number}: add what only the wanted requests have.",
    )


def taken_in_plain_text(case: Case) -> Diagnosis | None:
    """A client without a sidecar was let in where it should have been refused."""
    if not case.findings.expects_refusal or case.findings.source == HOST or not case.statuses or case.first is None:
        return None
    for effect in case.about("mtls"):
        if effect.field.startswith("spec.portLevelMtls"):
            return _told(effect)
    for one in case.first.received:
        if one.accepted and one.mode_origin is not None and one.mode != "STRICT":
            return Diagnosis(
                f"{one.mode_origin} sets {one.mode_field} to {one.mode} for port {one.port} of pod {one.proxy}, so "
                "plain text is let in.",
                f"Set {one.mode_field}: STRICT.",
            )
    return None


def blocked(case: Case) -> Diagnosis | None:
    """The caller's proxy knows no such host and port, and passes nothing on (BlackHoleCluster)."""
    for journey in case.journeys:
        sent = journey.sent
        if sent is None or not _goes_to(sent, BLACKHOLE) or not case.statuses & {502}:
            continue
        found = _hidden_by_sidecar(case, journey.request, sent)
        if found is not None:
            return found
    return None


def _goes_to(sent: Sent, cluster: str) -> bool:
    route = sent.route or {}
    direct = int((route.get("direct_response") or {}).get("status") or 0)
    return any(one.cluster == cluster for one in sent.targets) or (cluster == BLACKHOLE and direct == 502)


def _hidden_by_sidecar(case: Case, request: Request, sent: Sent) -> Diagnosis | None:
    pod = next((one for one in case.mesh.of("Pod", sent.namespace) if name_of(one) == sent.proxy), None)
    service = sent.service
    if pod is None or service is None:
        return None
    sidecars = [one for one in case.mesh.of("Sidecar") if holds_for(one, pod)]
    sidecars.sort(key=lambda one: (home_of(one) == ROOT, not selector_of(one)))
    if not sidecars:
        return None
    sidecar = sidecars[0]
    origin = origin_for("Sidecar", sidecar)
    entries = spec_of(sidecar).get("egress") or ()
    own = [one for one in entries if int((one.get("port") or {}).get("number") or 0) == request.port]
    full = f"{service[0]}.{service[1]}.svc.cluster.local"
    only = "and REGISTRY_ONLY refuses it" if _registry_only(sidecar) else "so the request goes nowhere"
    if own and not any(_lists(own_entry, full, service[1], sent.namespace) for own_entry in own):
        hosts = [str(host).rpartition("/")[2] for one in own for host in one.get("hosts") or ()]
        listed = _together([host.split(".")[0] for host in hosts])
        wide = any(not one.get("port") and _lists(one, full, service[1], sent.namespace) for one in entries)
        tail = "; the entry without a port does not count there" if wide else ""
        return Diagnosis(
            f"{origin} has an egress entry for port {request.port} that lists {listed} only, so {service[0]} is not "
            f"known on {request.port} ({only}){tail}.",
            f"List {service[0]} in the entry for port {request.port}, or leave the port out.",
        )
    if not any(_lists(one, full, service[1], sent.namespace) for one in entries):
        return Diagnosis(
            f"{origin} lists no host that covers {service[0]} in its egress, so the proxy of {sent.proxy} does not "
            f"know it ({only}).",
            f'Add "{service[1]}/{full}" to its egress hosts.',
        )
    return None


def _registry_only(sidecar: Json) -> bool:
    return (spec_of(sidecar).get("outboundTrafficPolicy") or {}).get("mode") == "REGISTRY_ONLY"


def _lists(entry: Json, host: str, namespace: str, caller: str) -> bool:
    for one in entry.get("hosts") or ():
        place, _slash, pattern = str(one).rpartition("/")
        home = caller if place == "." else place
        if home in ("*", "", namespace) and host_holds(pattern, host):
            return True
    return False


def passed_in_plain_text(case: Case) -> Diagnosis | None:
    """The caller's proxy sends plain text, and the callee's takes mTLS only."""
    if not (case.statuses & {502, 503} or case.findings.errors()):
        return None
    if case.findings.expects_refusal:
        return None
    for journey in case.journeys:
        sent = journey.sent
        refusing = [one for one in journey.received if not one.accepted and not one.mtls]
        if not refusing:
            continue
        demand = refusing[0].mode_origin
        demands = f"and {demand} demands mTLS" if demand else "and the callee demands mTLS"
        if sent is None:
            who = str(demand) if demand else "The callee"
            return Diagnosis(
                f"{who} demands mTLS (STRICT), and this client has no sidecar to speak it.",
                "Ask from a workload of the mesh, or set the mode PERMISSIVE.",
            )
        app = _app(case, sent.proxy)
        if _goes_to(sent, PASSTHROUGH):
            return Diagnosis(
                f"{app}'s proxy sends to the pod's address in plain text (PassthroughCluster), {demands}.",
                "Call the Service by its name; where single pods must be met, give them a headless Service.",
            )
        rule = next((one.origin for one in sent.targets if one.origin and not one.tls), None)
        name = sent.targets[0].service[0] if sent.targets and sent.targets[0].service else "the callee"
        if rule is not None:
            mode = _tls_mode(case, rule)
            return Diagnosis(
                f"{rule} sends to {name} without mTLS{f' (tls mode {mode})' if mode else ''}, "
                f"and {demand or 'the callee'} demands it (STRICT).",
                "Set trafficPolicy.tls.mode: ISTIO_MUTUAL, or leave tls out.",
            )
    return None


def own_tls(case: Case) -> Diagnosis | None:
    """A DestinationRule speaks TLS without the mesh's certificates to a pod of the mesh, which does not take it."""
    if not case.statuses & {502, 503} or case.findings.expects_refusal:
        return None
    for journey in case.journeys:
        for target in journey.sent.targets if journey.sent else ():
            inside = [one for one in target.endpoints if one.pod is not None and has_proxy(one.pod)]
            if target.tls != "tls" or target.origin is None or not inside or target.service is None:
                continue
            mode = _tls_mode(case, target.origin)
            return Diagnosis(
                f"{target.origin} sends to {target.service[0]} over TLS without the mesh's certificates (tls mode "
                f"{mode}), "
                "and its pods are in the mesh, which take mTLS or plain text.",
                "Set trafficPolicy.tls.mode: ISTIO_MUTUAL, or leave tls out.",
            )
    return None


def _tls_mode(case: Case, rule: Origin) -> str:
    found = case.mesh.find(rule)
    return str(((spec_of(found).get("trafficPolicy") or {}).get("tls") or {}).get("mode") or "") if found else ""


def wrong_protocol(case: Case) -> Diagnosis | None:
    """gRPC to a port whose proxies speak HTTP/1.1 to the application."""
    request = case.findings.request
    if request is None or not request.http2 or case.first is None or case.first.sent is None:
        return None
    sent = case.first.sent
    if sent.service is None or sent.port is None:
        return None
    protocol, _why = protocol_of(sent.port)
    if protocol != "http":
        return None
    said = (
        f"has appProtocol {sent.port['appProtocol']}"
        if sent.port.get("appProtocol")
        else f"is named {sent.port.get('name')}"
    )
    return Diagnosis(
        f"Port {sent.port.get('port')} of Service {sent.service[1]}/{sent.service[0]} {said}, so proxies speak "
        "HTTP/1.1 to it; gRPC needs HTTP/2.",
        "Name the port grpc (or http2), or set appProtocol: grpc.",
    )


def too_slow(case: Case) -> Diagnosis | None:
    """504: the time that a route gives the request, or each try of it, has run out."""
    late = [one for one in case.findings.records if "UT" in one.flags.split(",")]
    if 504 not in case.statuses and not late:
        return None
    for journey in case.journeys:
        sent = journey.sent
        if sent is None or sent.origin is None:
            continue
        mine = [one for one in late if one.pod == sent.proxy]
        if late and not mine:
            continue
        name = _callee(sent)
        needs = _needs(case, sent)
        if sent.per_try is not None and (sent.timeout is None or sent.per_try < sent.timeout):
            tail = "; its route has no timeout" if sent.timeout is None else ""
            return Diagnosis(
                f"{sent.origin} gives each try {_seconds(sent.per_try)} (retries.perTryTimeout), and {name} needs "
                f"{needs}{tail}.",
                f"Raise retries.perTryTimeout above the time that {name} takes to answer.",
            )
        if sent.timeout is not None:
            return Diagnosis(
                f"{sent.origin} gives the request {_seconds(sent.timeout)} (timeout), and {name} needs {needs}.",
                f"Raise the timeout of {sent.origin}, or see why the answer takes so long.",
            )
    return None


def _needs(case: Case, sent: Sent) -> str:
    """How long the callee took, as far as its own proxy wrote it."""
    took = [one.milliseconds / 1000 for one in case.findings.records if one.inbound and one.milliseconds > 0]
    limit = sent.per_try or sent.timeout or 0.0
    slow = [one for one in took if one > limit]
    delay = max((one.sent.delay for one in case.journeys if one.sent and one.sent.delay_share > 0), default=0.0)
    if delay > limit:
        return f"about {_seconds(delay)}"
    return f"about {_seconds(round(max(slow), 1))}" if slow else "longer"


def _seconds(value: float) -> str:
    return f"{value:g} s"


def _callee(sent: Sent) -> str:
    return next((one.service[0] for one in sent.targets if one.service), "the callee")


def hidden_routes(case: Case) -> Diagnosis | None:
    """HTTP routes that a port's protocol hides."""
    if not (case.findings.expected_versions or case.findings.shares_are_wrong or _wants_fault(case)):
        return None
    raw = {one.sent.service for one in case.journeys if one.sent and not one.sent.http and one.sent.service}
    for effect in case.effects:
        if effect.topic == "protocol" and effect.services & raw:
            return _told(effect)
    return None


def passed_over(case: Case) -> Diagnosis | None:
    """A rule that leads where the check expects did not take the request: its first condition that does not hold."""
    findings = case.findings
    if not findings.expected_versions and not _wants_fault(case):
        return None
    # What a login has set, only the application knows; so its own requests cannot be compared with a match.
    known = case.journeys if not findings.session else ((case.first,) if case.first else ())
    for journey in known:
        sent = journey.sent
        if sent is None or sent.routed is None or sent.routed.unknown:
            continue
        for skipped in sent.routed.skipped:
            origin = origin_of(skipped.route)
            if origin is None or not _is_meant(case, sent, skipped.route):
                continue
            number = _number_of(case, origin, skipped.route)
            which = f"Rule {number} of {origin}" if number else f"A rule of {origin}"
            return Diagnosis(
                f"{which} does not take the request: {skipped.why}.",
                "Correct that match, or send a request that it holds for (headers are compared exactly).",
            )
    return None


def _is_meant(case: Case, sent: Sent, route: Json) -> bool:
    """Whether a route does what the check expects, and the one that was taken does not."""
    wanted = {f"|{version}|" for version in case.findings.expected_versions}
    leads = any(part in name for name, _share in targets_of(route) for part in wanted)
    taken = any(part in target.cluster for target in sent.targets for part in wanted)
    if wanted:
        return leads and not taken
    fault = (route.get("typed_per_filter_config") or {}).get(FAULT)
    return bool(fault) and not (sent.delay or sent.abort)


def _number_of(case: Case, origin: Origin, route: Json) -> int:
    """The number of a route's rule by its name; 0 where it has none."""
    name = route.get("name")
    rules = spec_of(case.mesh.find(origin) or {}).get("http") or ()
    return next((number for number, one in enumerate(rules, 1) if name and one.get("name") == name), 0)


def no_fault(case: Case) -> Diagnosis | None:
    """A fault is expected, and the one that is there strikes no request, or fewer than expected."""
    if not _wants_fault(case):
        return None
    wanted = [100 * share for status, share in case.findings.status_shares if status >= 500]
    for one in case.about("fault"):
        if not _is_expected(case, one):
            continue
        found = re.search(r"for ([0-9.]+) % of the requests", one.sentence)
        if found is None:
            return _told(one)
        if wanted:
            verb = "aborts" if ".abort" in one.field else "delays"
            return Diagnosis(
                f"{one.origin} {verb} {found[1]} % of the requests (percentage.value is in percent); the check expects "
                f"{wanted[0]:g} %.",
                f"Write percentage: {{value: {wanted[0]:g}}}.",
            )
        return _told(one)
    return None


def _wants_fault(case: Case) -> bool:
    """Whether a delay is expected, or a status that a fault may answer."""
    findings = case.findings
    return findings.latency_min is not None or any(one >= 400 for one in _statuses(findings))


def _statuses(findings: Findings) -> list[int]:
    return [status for status, _share in findings.status_shares] + list(findings.expected_status)


def _is_expected(case: Case, effect: Effect) -> bool:
    """Whether what a fault would do is what the check expects."""
    if effect.field.split(".")[-2] == "delay":
        return case.findings.latency_min is not None
    rule = case.mesh.find(effect.origin)
    aborts = [(one.get("fault") or {}).get("abort") or {} for one in spec_of(rule or {}).get("http") or ()]
    return any(int(one.get("httpStatus") or 0) in _statuses(case.findings) for one in aborts)


def no_copies(case: Case) -> Diagnosis | None:
    """Copies are expected, and go to a host that is none."""
    if not case.findings.expects_copies:
        return None
    return next((_told(one) for one in case.about("mirror")), None)


def filter_elsewhere(case: Case) -> Diagnosis | None:
    """What an EnvoyFilter was to do is missing, and the filter reaches no proxy, or no part of one."""
    if not (case.findings.expects_quota or case.findings.expects_headers):
        return None
    # A filter that selects the wrong pods is told by what it limits there.
    found = [one for one in case.about("filter") if one.field != "spec.workloadSelector"]
    if not found:
        return None
    if case.findings.expects_quota and "virtual host" in found[0].sentence:
        return Diagnosis(f"{found[0].sentence.rstrip('.')}, so no request is limited.", found[0].remedy)
    return _told(found[0])


def sampled_elsewhere(case: Case) -> Diagnosis | None:
    """Fewer traces than expected: the first proxy on the way decides, by the Telemetry that holds for it."""
    if not case.findings.expects_traces or not case.mesh.known("Telemetry"):
        return None
    source = case.findings.source
    pods = case.mesh.gateways() if source == HOST else [_pod_of(case.mesh, source, case.home)]
    decider = next((pod for pod in pods if pod is not None), None)
    if decider is None:
        return None
    sampling = [one for one in case.mesh.of("Telemetry") if _sampling(one) is not None]
    holding = sorted(
        (one for one in sampling if holds_for(one, decider)),
        key=lambda one: (home_of(one) != home_of(decider), not selector_of(one), name_of(one)),
    )
    share = (_sampling(holding[0]) or 0.0) if holding else 0.0
    others = [one for one in sampling if one not in holding and (_sampling(one) or 0.0) > share]
    if not holding or share >= 100:
        return None
    what = "The gateway" if source == HOST else f"The proxy of {source}"
    tail = ""
    if others:
        tail = f"; {home_of(others[0])}/{name_of(others[0])} holds only for requests that begin in {home_of(others[0])}"
    return Diagnosis(
        f"{what} decides whether a request is traced, by {origin_for('Telemetry', holding[0])} ({share:g} %){tail}.",
        f"Raise randomSamplingPercentage there, or apply a Telemetry in {home_of(decider)} with the selector of "
        f"{'the gateway' if source == HOST else source}.",
    )


def _sampling(telemetry: Json) -> float | None:
    for one in spec_of(telemetry).get("tracing") or ():
        value = one.get("randomSamplingPercentage")
        if value is not None:
            return float(value)
    return None


def no_target(case: Case) -> Diagnosis | None:
    """A route to a cluster that the proxy does not have, or that has no endpoint."""
    if not (case.statuses & {500, 502, 503, 504} or case.findings.errors() or _is_page_trouble(case)):
        return None
    for journey in case.journeys:
        for target in journey.sent.targets if journey.sent else ():
            if target.known and (target.endpoints or target.cluster in (PASSTHROUGH, BLACKHOLE)):
                continue
            for one in case.effects:
                about = one.topic in ("subset", "host") and target.service in one.services
                if about and (not target.subset or f"ubset {target.subset} " in one.sentence):
                    return _told(one)
    return None


def _is_page_trouble(case: Case) -> bool:
    text = ("unavailable", "Error fetching")
    return any(word in str(one.get("body", "")) for one in case.findings.seen for word in text)


def probe_refused(case: Case) -> Diagnosis | None:
    """A pod that is not ready because the kubelet's plain probe meets strict mTLS."""
    for one in case.about("probe"):
        return _told(one)
    return None


def _told(one: Effect) -> Diagnosis:
    return Diagnosis(one.sentence, one.remedy)


def _named_pod(case: Case, received: Received) -> Json | None:
    return next((one for one in case.mesh.of("Pod", received.namespace) if name_of(one) == received.proxy), None)


def _app(case: Case, pod: str) -> str:
    found = next((one for one in case.mesh.of("Pod") if name_of(one) == pod), None)
    return str(labels_of(found).get("app") or pod) if found is not None else pod


def _together(parts: t.Sequence[str]) -> str:
    kept = list(dict.fromkeys(parts))
    return " and ".join([", ".join(kept[:-1]), kept[-1]] if len(kept) > 1 else kept)


CAUSES: tuple[t.Callable[[Case], Diagnosis | None], ...] = (
    gateway_has_no_route,
    token_refused,
    access_denied,
    let_in,
    taken_in_plain_text,
    probe_refused,
    blocked,
    passed_in_plain_text,
    own_tls,
    wrong_protocol,
    too_slow,
    no_target,
    hidden_routes,
    no_fault,
    passed_over,
    no_copies,
    filter_elsewhere,
    sampled_elsewhere,
)


def explained(case: Case) -> Diagnosis | None:
    """The first cause that the request's way carries; None where it carries none."""
    return next((found for cause in CAUSES if (found := cause(case)) is not None), None)


def how_far(case: Case) -> str:
    """How far the request came by the configuration; empty where that is not known."""
    if case.first is None or case.first.sent is None or not case.first.sent.listener or not case.first.received:
        return ""
    outcome = outcome_of(case.first).removeprefix("Outcome: ").rstrip(".")
    return f"By the proxies' configuration the request is {outcome}; what makes its answer another is not known here."


def explain_request(
    client: Client, source: str, namespace: str, url: str, method: str, headers: t.Sequence[tuple[str, str]]
) -> tuple[Case, list[str]]:
    """The case of a request that nobody has sent yet, and what could not be read, as sentences. Raises ApiError."""
    objects, partial = gather(client, namespace)
    request = request_of(url, method, headers)
    findings = Findings(url=url, source=source, namespace=namespace, objects=objects, partial=partial, request=request)
    configs = Configs(client)
    found = replace(findings, configs=configs.of(concerned(findings)))
    return case_of(found), configs.refused()
