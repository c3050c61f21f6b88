# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes on the way between two proxies: mTLS, protocols, and addresses that the mesh does not know."""

from __future__ import annotations

import typing as t

from ..._explain.effects.mend import Patch, append, setting
from ..._explain.journey import BLACKHOLE, PASSTHROUGH, Sent
from ..._explain.mesh import (
    ROOT,
    ServiceName,
    holds_for,
    home_of,
    host_holds,
    name_of,
    origin_for,
    ports_of,
    protocol_of,
    selector_of,
    spec_of,
)
from ..._explain.origin import Origin
from ..._explain.request import Request
from ..changes import commands
from ..findings import Diagnosis, Json
from .case import HOST, Case, app_of, goes_to, tls_mode, together, told


def never_synced(case: Case) -> Diagnosis | None:
    """A proxy on the way has no configuration at all, so it takes no connection, and passes none on."""
    if case.findings.expects_refusal or not (case.statuses & {502, 503} or case.findings.errors()):
        return None
    for journey in case.journeys:
        for one in journey.proxies:
            if not one.synced:
                return Diagnosis(
                    f"The proxy of pod {one.proxy} has never got a configuration from istiod, so it takes no "
                    "connection and passes none on.",
                    "See what istioctl proxy-status and the log of istiod say.",
                )
    return None


def taken_in_plain_text(case: Case) -> Diagnosis | None:
    """A client without a sidecar was let in where it should have been refused."""
    if not case.findings.expects_refusal or case.findings.source == HOST or not case.statuses or case.first is None:
        return None
    for effect in case.about("mtls"):
        if effect.field.startswith("spec.portLevelMtls"):
            return told(effect)
    for one in case.first.received:
        if one.accepted and one.mode_origin is not None and one.mode != "STRICT":
            return Diagnosis(
                f"{one.mode_origin} sets {one.mode_field} to {one.mode} for port {one.port} of pod {one.proxy}, so "
                "plain text is let in.",
                f"Set {one.mode_field}: STRICT.",
                commands(setting(one.mode_origin, ("spec", *one.mode_field.split(".")), "STRICT")),
            )
    return None


def blocked(case: Case) -> Diagnosis | None:
    """The caller's proxy knows no such host and port, and passes nothing on (BlackHoleCluster)."""
    for journey in case.journeys:
        sent = journey.sent
        if sent is None or not goes_to(sent, BLACKHOLE) or not case.statuses & {502}:
            continue
        found = _hidden_by_sidecar(case, journey.request, sent)
        if found is not None:
            return found
    return None


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
        listed = together([host.split(".")[0] for host in hosts])
        wide = any(not one.get("port") and _lists(one, full, service[1], sent.namespace) for one in entries)
        tail = "; the entry without a port does not count there" if wide else ""
        return Diagnosis(
            f"{origin} has an egress entry for port {request.port} that lists {listed} only, so {service[0]} is not "
            f"known on {request.port} ({only}){tail}.",
            f"List {service[0]} in the entry for port {request.port} too.",
            commands(_listing(origin, entries, own[0], f"{service[1]}/{full}")),
        )
    if not any(_lists(one, full, service[1], sent.namespace) for one in entries):
        free: Json = next((one for one in entries if not one.get("port")), {})
        return Diagnosis(
            f"{origin} lists no host that covers {service[0]} in its egress, so the proxy of {sent.proxy} does not "
            f"know it ({only}).",
            f'Add "{service[1]}/{full}" to its egress hosts.',
            commands(_listing(origin, entries, free, f"{service[1]}/{full}")),
        )
    return None


def _listing(origin: Origin, entries: t.Sequence[Json], entry: Json, host: str) -> Patch:
    """A host in an egress entry of a Sidecar, else in one of its own."""
    place = next((index for index, one in enumerate(entries) if one is entry), None)
    if place is None:
        return Patch(origin, (append(("spec", "egress"), {"hosts": [host]}),))
    return Patch(origin, (append(("spec", "egress", place, "hosts"), host),))


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
        refusing = [one for one in journey.received if one.synced and not one.accepted and not one.mtls]
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
        app = app_of(case, sent.proxy)
        if goes_to(sent, PASSTHROUGH):
            return Diagnosis(
                f"{app}'s proxy sends to the pod's address in plain text (PassthroughCluster), {demands}.",
                "Call the Service by its name, or give the pods a headless Service where single ones must be met.",
            )
        rules = {one.origin for one in sent.targets if one.origin and not one.tls}
        name = sent.targets[0].service[0] if sent.targets and sent.targets[0].service else "the callee"
        for one in case.effects:
            if one.topic == "tls" and one.origin in rules:
                return told(one)
        for rule in sorted(rules):
            mode = tls_mode(case, rule)
            return Diagnosis(
                f"{rule} sends to {name} without mTLS{f' (tls mode {mode})' if mode else ''}, "
                f"and {demand or 'the callee'} demands it (STRICT).",
                "Set trafficPolicy.tls.mode: ISTIO_MUTUAL, or leave tls out.",
            )
    return None


def refused_tls(case: Case) -> Diagnosis | None:
    """A DestinationRule speaks otherwise than the pods behind its host take."""
    broken = any(set(one.flags.split(",")) & {"UC", "UF", "URX"} for one in case.findings.records)
    if case.findings.expects_refusal or not (broken or case.statuses & {502, 503}):
        return None
    holding = {target.origin for one in case.journeys if one.sent for target in one.sent.targets}
    known = any(one.sent for one in case.journeys)
    return next((told(one) for one in case.about("tls") if one.origin in holding or not known), None)


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
        "Set appProtocol: grpc for the port, or name it grpc.",
        commands(_as_grpc(case, sent.service, sent.port)),
    )


def _as_grpc(case: Case, service: ServiceName, port: Json) -> Patch | None:
    origin = Origin("Service", service[1], service[0])
    ports = ports_of(case.mesh.find(origin) or {})
    return setting(origin, ("spec", "ports", ports.index(port), "appProtocol"), "grpc") if port in ports else None
