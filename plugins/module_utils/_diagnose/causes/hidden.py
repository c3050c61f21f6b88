# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes in what the caller's proxy does not see: objects that are not exported to it, or that a Sidecar leaves out."""

from __future__ import annotations

import typing as t

from ..._explain.effects.finding import destinations, gateways_of, is_for_mesh, routes_of, services_for
from ..._explain.effects.mend import Mend, Patch, append, moved, setting
from ..._explain.exports import ALL, ANNOTATION, NONE, exported_in_words, exports_of, is_exported
from ..._explain.journey import BLACKHOLE, PASSTHROUGH, Journey, Sent
from ..._explain.mesh import ROOT, ServiceName, holds_for, host_holds, origin_for, selector_of
from ..._explain.origin import Origin
from ..._explain.request import Request
from ..._explain.routing import without_port
from ..._kube.objects import home_of, labels_of, spec_of
from ..changes import commands
from ..findings import Diagnosis, Json
from .case import Case, goes_to, is_wanted, named_pod, together


def unseen_service(case: Case) -> Diagnosis | None:
    """The Service is there, and the caller's proxy does not know it: it is not exported, or a Sidecar leaves it out."""
    for journey in case.journeys:
        sent = journey.sent
        service = case.mesh.service(sent.service) if sent is not None and sent.service is not None else None
        if sent is None or service is None or not _suffers(case, journey, sent):
            continue
        found = _not_exported(case, "Service", service, sent) or _hidden_by_sidecar(case, journey.request, sent)
        if found is not None:
            return found
    return None


def _suffers(case: Case, journey: Journey, sent: Sent) -> bool:
    """Whether the answers are what they are since the Service is not known there."""
    statuses = case.statuses | _written(case, journey, sent)
    if goes_to(sent, BLACKHOLE):
        return 502 in statuses or bool(case.findings.errors())
    if not goes_to(sent, PASSTHROUGH) or journey in case.guessed:
        return False
    return _suffers_in_plain_text(case, journey, statuses)


def _written(case: Case, journey: Journey, sent: Sent) -> set[int]:
    """What the caller's proxy wrote that its application got, which may have made a page of it that is answered 200."""
    return {
        one.status
        for one in case.findings.records
        if (one.pod, one.authority.partition(":")[0]) == (sent.proxy, journey.request.host) and not one.inbound
    }


def _suffers_in_plain_text(case: Case, journey: Journey, statuses: set[int]) -> bool:
    """Whether the answers are what they are since no route and no mTLS holds."""
    findings = case.findings
    refused = any(not one.accepted or one.denying is not None for one in journey.received)
    return (
        (refused and bool(statuses & {403, 502, 503} or findings.errors()))
        or bool(findings.expected_versions)
        or findings.shares_are_wrong
        or findings.expects_copies
        or findings.latency_min is not None
        or any(status >= 500 for status, _share in findings.status_shares)
    )


def passed_by(case: Case) -> Diagnosis | None:
    """A proxy is there and the request bypasses it, since an annotation of its pod says so."""
    findings = case.findings
    for journey in (one for one in case.journeys if one not in case.guessed):
        port = journey.request.port
        if journey.aside and _suffers_in_plain_text(case, journey, case.statuses):
            return Diagnosis(
                f"Pod {journey.caller} keeps port {port} from its proxy (annotation {journey.aside}), so no route and "
                "no mTLS holds for what it sends there.",
                f"Correct the annotation {journey.aside} of its pod template.",
            )
        for bare in journey.bare:
            expected = set(findings.expected_status)
            unguarded = (expected & {401, 403} or findings.expects_refusal) and any(one < 400 for one in case.statuses)
            lost = bare.mtls and bool(case.statuses & {502, 503} or findings.errors()) and not findings.expects_refusal
            if not bare.aside or not (lost or unguarded):
                continue
            so = "nobody there takes the mTLS that is sent" if lost else "no policy holds there"
            return Diagnosis(
                f"Pod {bare.pod} keeps port {bare.port} from its proxy (annotation {bare.aside}), so {so}.",
                f"Correct the annotation {bare.aside} of its pod template.",
            )
    return None


def unseen_rule(case: Case) -> Diagnosis | None:
    """A VirtualService or DestinationRule does what the check expects, and is not exported to the caller's proxy."""
    for journey in case.journeys:
        sent = journey.sent
        if sent is None:
            continue
        services = {one for one in (sent.service, *(target.service for target in sent.targets)) if one is not None}
        if sent.role == "gateway":
            found = _not_for_gateway(case, sent, services)
            if found is not None:
                return found
        for rule in case.mesh.of("VirtualService") if sent.role != "gateway" else ():
            if (
                services & services_for(case.mesh, rule)
                and is_wanted(case, routes_of(rule))
                and _is_lacking(case, sent)
            ):
                found = _not_exported(case, "VirtualService", rule, sent) or _not_for_caller(case, rule, sent)
                if found is not None:
                    return found
            found = _of_other_host(case, rule, journey, services) if _is_lacking(case, sent) else None
            if found is not None:
                return found
        lost = {(one.service, one.subset) for one in sent.targets if not one.known and one.subset}
        for rule in case.mesh.of("DestinationRule"):
            service = case.mesh.service_for(str(spec_of(rule).get("host") or ""), home_of(rule))
            for one in spec_of(rule).get("subsets") or ():
                if service is not None and (service, one.get("name")) in lost:
                    found = _of_third_namespace(rule, service, str(one["name"]), sent)
                    found = found or _not_exported(case, "DestinationRule", rule, sent)
                    if found is not None:
                        return found
    return None


def _of_other_host(case: Case, rule: Json, journey: Journey, services: set[ServiceName]) -> Diagnosis | None:
    """A VirtualService that routes to what is asked, and is for another host than the one that is asked."""
    home, asked = home_of(rule), services - services_for(case.mesh, rule)
    hosts = [str(one) for one in spec_of(rule).get("hosts") or ()]
    routes = [
        route
        for route in routes_of(rule)
        if any(
            case.mesh.service_for(str(one.get("host") or ""), home) in asked
            for what, one in destinations(route)
            if what == "route"
        )
    ]
    host = journey.request.header(":authority") or ""
    # A host that does not exist is told as such.
    lost = any(one.topic == "host" and one.origin == origin_for("VirtualService", rule) for one in case.effects)
    if lost or not hosts or services != asked or not is_wanted(case, routes):
        return None
    if any(host_holds(one, name) for one in hosts for name in (host, without_port(host))):
        return None
    name = next((one[0] for one in sorted(asked)), journey.request.host)
    return Diagnosis(
        f"{origin_for('VirtualService', rule)} is for the host {' and '.join(hosts)}, and {journey.caller} asks for "
        f"{name}, so it does not hold: hosts are what is asked, not what is routed to.",
        f"Add {name} to its hosts.",
        commands(Patch(origin_for("VirtualService", rule), (append(("spec", "hosts"), name),))),
    )


def _of_third_namespace(rule: Json, service: ServiceName, subset: str, sent: Sent) -> Diagnosis | None:
    """A DestinationRule where the proxy does not look for one.

    istio.io, "Configuration Scoping", DestinationRule: that of the client's namespace, of the Service's, and the root.
    """
    home = home_of(rule)
    if home in (sent.namespace, service[1], ROOT):
        return None
    who = "the gateway" if sent.role == "gateway" else sent.proxy
    return Diagnosis(
        f"{origin_for('DestinationRule', rule)} defines subset {subset} of {service[0]} for callers of {home} "
        f"only, and {who} is in {sent.namespace}: a proxy looks for a DestinationRule in its own namespace, the "
        f"Service's ({service[1]}) and {ROOT}.",
        f"Apply it in namespace {service[1]} instead.",
        commands(moved("DestinationRule", rule, service[1])),
    )


def _is_lacking(case: Case, sent: Sent) -> bool:
    """Whether the route that was taken does not do what the check expects by itself."""
    wanted = set(case.findings.expected_versions)
    if wanted:
        return not wanted & {one.subset for one in sent.met}
    return not (sent.delay or sent.abort) if not case.findings.shares_are_wrong else len(sent.targets) < 2


def _not_for_gateway(case: Case, sent: Sent, services: set[ServiceName]) -> Diagnosis | None:
    """A VirtualService of the sidecars alone does what is expected of a request that a gateway sends on.

    istio.io, "Traffic Management Problems", Route rules have no effect on ingress gateway requests.
    """
    for rule in case.mesh.of("VirtualService"):
        wanted = services & services_for(case.mesh, rule) and is_wanted(case, routes_of(rule))
        if not wanted or not is_for_mesh(rule) or list(gateways_of(rule)) or not _is_lacking(case, sent):
            continue
        origin = origin_for("VirtualService", rule)
        followed = f" follows {sent.origin} and" if sent.origin is not None else ""
        return Diagnosis(
            f"{origin} holds for sidecars only (it names no gateway), and the request comes through the gateway, "
            f"which{followed} does not see it.",
            f"Write its rules into {sent.origin}."
            if sent.origin is not None
            else "Bind it to the Gateway and its host.",
        )
    return None


def _not_for_caller(case: Case, rule: Json, sent: Sent) -> Diagnosis | None:
    """A VirtualService that is for gateways alone, or whose rule leaves the caller out by its labels or namespace."""
    origin = origin_for("VirtualService", rule)
    if not is_for_mesh(rule):
        gateways = [str(one) for one in spec_of(rule).get("gateways") or ()]
        return Diagnosis(
            f"{origin} holds at Gateway {together(gateways)} only, so the proxy of {sent.proxy}, which is no gateway, "
            "does not follow it: mesh is not among its gateways.",
            "Add mesh to its gateways, which stands for the sidecars.",
            commands(Patch(origin, (append(("spec", "gateways"), "mesh"),))),
        )
    pod = named_pod(case, sent) or {}
    for number, route in enumerate(routes_of(rule), 1):
        whys = [_left_out(match, pod) for match in route.get("match") or ()]
        if whys and all(whys) and is_wanted(case, [route]):
            return Diagnosis(
                f"Rule {number} of {origin} is not for the requests of {sent.proxy}: {whys[0]}.",
                "Correct that match, or leave it out.",
            )
    return None


def _left_out(match: Json, pod: Json) -> str:
    """Why a match is not for what a pod sends; empty where it may be."""
    labels = match.get("sourceLabels") or {}
    lacking = {key: text for key, text in labels.items() if labels_of(pod).get(key) != text}
    if lacking:
        key, text = next(iter(lacking.items()))
        return f"sourceLabels asks for {key}={text}, and its pod has {labels_of(pod).get(key) or 'no such label'}"
    if match.get("sourceNamespace") not in (None, "", home_of(pod)):
        return f"sourceNamespace is {match['sourceNamespace']}, and it is in {home_of(pod)}"
    gateways = match.get("gateways") or ["mesh"]
    return "" if "mesh" in gateways else f"it is for Gateway {together([str(one) for one in gateways])} only"


def _not_exported(case: Case, kind: str, one: Json, sent: Sent) -> Diagnosis | None:
    if is_exported(kind, one, sent.namespace):
        return None
    origin = origin_for(kind, one)
    where = f"the annotation {ANNOTATION} of {origin}" if kind == "Service" else f"exportTo of {origin}"
    return Diagnosis(
        f"{origin} {exported_in_words(kind, one)}, so the proxy of {sent.proxy} in namespace {sent.namespace} does not "
        "see it.",
        f"Add {sent.namespace} to {where}, or leave it out.",
        commands(_exporting(kind, one, sent.namespace)),
    )


def _exporting(kind: str, one: Json, namespace: str) -> Mend:
    """What adds a namespace to those that an object is exported to."""
    origin, there = origin_for(kind, one), [place for place in exports_of(kind, one) if place not in (ALL, NONE)]
    if kind == "Service":
        return setting(origin, ("metadata", "annotations", ANNOTATION), ",".join([*there, namespace]))
    if there:
        return Patch(origin, (append(("spec", "exportTo"), namespace),))
    return setting(origin, ("spec", "exportTo"), [namespace])


def _hidden_by_sidecar(case: Case, request: Request, sent: Sent) -> Diagnosis | None:
    pod = named_pod(case, sent)
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
    free = [one for one in entries if not one.get("port")]
    full = f"{service[0]}.{service[1]}.svc.cluster.local"
    # One without egress leaves nothing out, and an entry for a port holds there in place of the one without.
    home = sent.namespace
    if not entries or any(_lists(one, full, service[1], home) for one in own or free):
        return None
    only = "so no route and no mTLS holds for it" if goes_to(sent, PASSTHROUGH) else "and REGISTRY_ONLY refuses it"
    host = f"{'.' if service[1] == home else service[1]}/{full}"
    if own:
        hosts = [str(one).rpartition("/")[2] for entry in own for one in entry.get("hosts") or ()]
        listed = together([one.partition(".")[0] for one in hosts])
        wide = any(_lists(one, full, service[1], home) for one in free)
        tail = "; the entry without a port does not count there" if wide else ""
        return Diagnosis(
            f"{origin} has an egress entry for port {request.port} that lists {listed} only, so {service[0]} is not "
            f"known on {request.port} ({only}){tail}.",
            f"List {service[0]} in the entry for port {request.port} too.",
            commands(_listing(origin, entries, own, host)),
        )
    listing = [one for one in entries if one not in free and _lists(one, full, service[1], home)]
    elsewhere = [str(one["port"]["number"]) for one in listing]
    others = f" (but for port {together(elsewhere)})" if elsewhere else ""
    whole = ', or "./*", which is all of its namespace' if service[1] == home else ""
    return Diagnosis(
        f"{origin} lists no host that covers {service[0]} in its egress{others}, so the proxy of {sent.proxy} does not "
        f"know it ({only}).",
        f'Add "{host}" to its egress hosts{whole}.',
        commands(_listing(origin, entries, free, host)),
    )


def _listing(origin: Origin, entries: t.Sequence[Json], wanted: t.Sequence[Json], host: str) -> Patch:
    """A host in the first of these egress entries of a Sidecar, else in one of its own."""
    place = next((index for index, one in enumerate(entries) if one in wanted), None)
    if place is None:
        return Patch(origin, (append(("spec", "egress"), {"hosts": [host]}),))
    return Patch(origin, (append(("spec", "egress", place, "hosts"), host),))


def _lists(entry: Json, host: str, namespace: str, caller: str) -> bool:
    for one in entry.get("hosts") or ():
        place, _slash, pattern = str(one).rpartition("/")
        home = caller if place == "." else place
        if home in ("*", "", namespace) and host_holds(pattern, host):
            return True
    return False
