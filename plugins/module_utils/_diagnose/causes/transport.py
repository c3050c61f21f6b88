# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes on the way between two proxies: mTLS, protocols, and addresses that the mesh does not know."""

from __future__ import annotations

from ..._explain.effects.mend import Patch, setting
from ..._explain.journey import PASSTHROUGH, Journey, Sent
from ..._explain.mesh import (
    ServiceName,
    ports_of,
    protocol_of,
)
from ..._explain.origin import Origin
from ..changes import commands
from ..findings import Diagnosis, Json
from .case import HOST, Case, app_of, goes_to, named_pod, tls_mode, told

PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
"""The key of a cluster's HTTP versions in its ``typed_extension_protocol_options``."""


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


def encrypted_twice(case: Case) -> Diagnosis | None:
    """The application speaks TLS itself, and a DestinationRule has its proxy begin TLS once more around it."""
    if case.findings.expects_refusal or not (case.findings.errors() or case.statuses & {400, 502, 503}):
        return None
    for journey in case.journeys:
        sent = journey.sent
        if sent is None or sent.role == "gateway" or sent.http or journey.request.scheme not in ("https", "tls"):
            continue
        for target in sent.met:
            if target.tls == "tls" and target.origin is not None:
                mode = tls_mode(case, target.origin)
                how = f" (tls mode {mode})" if mode else ""
                return Diagnosis(
                    f"{target.origin} begins TLS{how} for what {app_of(case, sent.proxy)} has "
                    "encrypted already, so the callee finds TLS within TLS.",
                    f"Ask by http:// and let the proxy encrypt, or take tls out of {target.origin}.",
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
    if protocol != "http" or _ends_as_http2(case, case.first, sent):
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


def _ends_as_http2(case: Case, journey: Journey, sent: Sent) -> bool:
    """Whether applications get HTTP/2 at a port of HTTP, since the last proxy before each is told to speak it.

    A DestinationRule's ``useClientProtocol`` tells the callee's proxy too, its ``h2UpgradePolicy`` the caller's alone,
    whom only pods without a sidecar hear (istio.io/istio, pilot/pkg/networking/core/cluster_traffic_policy.go).
    """
    last = [(named_pod(case, one), f"inbound|{one.port}||") for one in journey.received]
    last += [(named_pod(case, sent), target.cluster) for target in sent.met if journey.bare]
    configs = [(case.mesh.config_of(pod), name) for pod, name in last]
    return bool(last) and all(_speaks_http2(config.clusters.get(name, {})) for config, name in configs if config)


def _speaks_http2(cluster: Json) -> bool:
    """Whether what is sent to a cluster is HTTP/2, where it has come as that."""
    options = (cluster.get("typed_extension_protocol_options") or {}).get(PROTOCOL_OPTIONS) or {}
    explicit = options.get("explicit_http_config") or {}
    return "use_downstream_protocol_config" in options or "http2_protocol_options" in explicit


def _as_grpc(case: Case, service: ServiceName, port: Json) -> Patch | None:
    origin = Origin("Service", service[1], service[0])
    ports = ports_of(case.mesh.find(origin) or {})
    return setting(origin, ("spec", "ports", ports.index(port), "appProtocol"), "grpc") if port in ports else None
