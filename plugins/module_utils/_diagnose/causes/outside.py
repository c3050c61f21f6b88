# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes on the way to hosts of ServiceEntries: TLS that nobody begins, or that is not trusted, and other protocols.

Sources: istio.io, "Service Entry" (``ports[].protocol`` says what callers send, and a proxy looks for nothing else),
"Egress TLS Origination" and "Traffic Management Problems" (HTTPS to a port of HTTP, plain HTTP to one of TLS);
"ClientTLSSettings" (certificates are verified by the system's CAs where ``caCertificates`` names none).
"""

from __future__ import annotations

import typing as t

from ..._explain.effects.mend import Apply, setting
from ..._explain.journey import Journey, Sent, Target
from ..._explain.mesh import API_VERSIONS, host_holds, origin_for
from ..._explain.origin import Origin
from ..._kube.objects import home_of, spec_of
from ..changes import commands
from ..findings import Diagnosis, Json
from .case import Case, app_of, told

TLS_PORTS = frozenset((443, 6443, 8443))
ENCRYPTED = frozenset(("HTTPS", "TLS"))
TLS_ERROR, UNTRUSTED = "TLS_error", "CERTIFICATE_VERIFY_FAILED"
REASONS = (
    ("SAN", "its names are others than sni or subjectAltNames ask for"),
    ("expired", "it has expired"),
    ("issuer", "no CA that the proxy trusts has signed it"),
    ("self", "no CA that the proxy trusts has signed it"),
)


def _sent(case: Case) -> t.Iterator[tuple[Journey, Sent]]:
    """What callers' proxies send, where connections break or TLS is missed."""
    if case.findings.expects_refusal or not (case.findings.errors() or case.statuses & {400, 502, 503}):
        return
    for journey in case.journeys:
        if journey.sent is not None and journey.sent.role != "gateway" and journey not in case.guessed:
            yield journey, journey.sent


def _entry(case: Case, host: str, port: int, address: str = "") -> tuple[Json, int, Json] | None:
    """The ServiceEntry for a host or address with this port: the entry, the number of the port, and the port."""
    for entry in case.mesh.of("ServiceEntry"):
        spec = spec_of(entry)
        listed = any(host_holds(str(one), host) for one in spec.get("hosts") or ())
        if not listed and address not in (spec.get("addresses") or ()):
            continue
        for index, one in enumerate(spec.get("ports") or ()):
            if int(one.get("number") or 0) == port:
                return entry, index, one
    return None


def other_protocol(case: Case) -> Diagnosis | None:
    """A caller sends TLS to a port of HTTP, or plain HTTP to a port of TLS."""
    for journey, sent in _sent(case):
        request = journey.request
        encrypted = request.scheme in ("https", "tls")
        host = (request.header(":authority") or "").partition(":")[0]
        found = _entry(case, host, request.port, request.host)
        taken = sent.http and (sent.routed is not None or bool(sent.targets))
        if found is None or (encrypted and not taken) or (not encrypted and taken):
            continue
        entry, index, port = found
        origin, protocol = origin_for("ServiceEntry", entry), str(port.get("protocol") or "").upper()
        if encrypted == (protocol in ENCRYPTED):
            continue
        hidden = next((one for one in case.effects if one.origin == origin and one.topic == "protocol"), None)
        if hidden is not None and not encrypted:
            return told(hidden)
        sends, instead = ("TLS", "HTTPS") if encrypted else ("plain HTTP", "HTTP")
        return Diagnosis(
            f"Port {request.port} of {origin} has the protocol {protocol}, and {app_of(case, sent.proxy)} sends "
            f"{sends} there, which its proxy does not take.",
            f"Set its protocol: {instead}, or ask by {'http' if encrypted else 'https'}://.",
            commands(setting(origin, ("spec", "ports", index, "protocol"), instead)),
        )
    return None


def plain_to_tls(case: Case) -> Diagnosis | None:
    """A proxy sends plain text to a port of TLS outside, since no DestinationRule begins TLS."""
    for journey, sent in _sent(case):
        for target in sent.met if journey.request.scheme == "http" else ():
            host, number = _place(target)
            found = _entry(case, host, number)
            if target.tls or found is None:
                continue
            entry, _index, port = found
            ports = {one.port for one in target.endpoints if one.pod is None}
            encrypted = ports & TLS_PORTS or (ports and str(port.get("protocol") or "").upper() in ENCRYPTED)
            if not encrypted:
                continue
            # Of a wildcard the proxy asks by the name of each request.
            tls = {"mode": "SIMPLE"} if "*" in host else {"mode": "SIMPLE", "sni": host}
            written = "{mode: SIMPLE}" if "*" in host else f"{{mode: SIMPLE, sni: {host}}}"
            why, where = "no DestinationRule begins it there", f"a DestinationRule for {host}"
            if target.origin is not None:
                why, where = f"{target.origin} begins none for its port {number}", str(target.origin)
            return Diagnosis(
                f"{app_of(case, sent.proxy)}'s proxy sends plain text to port {min(ports)} of {host} "
                f"({origin_for('ServiceEntry', entry)}), which takes TLS: {why}.",
                f"Set trafficPolicy.tls: {written} in {where}, or in its portLevelSettings for port {number}, the one "
                "that is asked.",
                commands(None if target.origin is not None else _beginning(entry, host, tls)),
            )
    return None


def _place(target: Target) -> tuple[str, int]:
    """Host and port of a cluster's name, ``outbound|port|subset|host``."""
    parts = target.cluster.split("|")
    return (parts[3], int(parts[1])) if len(parts) == 4 and parts[1].isdigit() else ("", 0)


def _beginning(entry: Json, host: str, tls: Json) -> Apply:
    """The DestinationRule that begins TLS with a host."""
    meta = {"name": host.replace(".", "-").replace("*", "any"), "namespace": home_of(entry)}
    spec = {"host": host, "trafficPolicy": {"tls": tls}}
    kind = "DestinationRule"
    return Apply(({"apiVersion": API_VERSIONS[kind], "kind": kind, "metadata": meta, "spec": spec},))


def refused_handshake(case: Case) -> Diagnosis | None:
    """A proxy begins TLS and does not accept the certificate that it is shown, or the other side ends it."""
    for record in case.findings.records:
        said = f"{record.details} {record.failure}"
        targets = [one for _journey, sent in _sent(case) for one in sent.met if one.tls == "tls"]
        target = next((one for one in targets if one.cluster == record.cluster), None)
        if TLS_ERROR not in said or target is None or target.origin is None:
            continue
        origin = target.origin
        if UNTRUSTED not in said:
            return _ended(target, origin)
        why = next((text for word, text in REASONS if word in said.partition(UNTRUSTED)[2]), "it cannot be verified")
        host = record.cluster.rpartition("|")[2]
        return Diagnosis(
            f"{origin} begins TLS with {host}, and {app_of(case, record.pod)}'s proxy does not accept its certificate: "
            f"{why}.",
            "Name its CA in tls.caCertificates (or credentialName) and its own name in sni and subjectAltNames, or set "
            "insecureSkipVerify: true, which accepts any.",
        )
    return None


def _ended(target: Target, origin: Origin) -> Diagnosis:
    """The other side ends the handshake, mostly since it knows no host of the name that it is asked for."""
    name = next((one.handshake.server_name for one in target.endpoints if one.handshake is not None), "")
    asked = f"by the server name {name} (sni)" if name else "without a server name (sni)"
    return Diagnosis(
        f"{origin} begins TLS with {target.cluster.rpartition('|')[2]} {asked}, and the other side ends the handshake.",
        "Set tls.sni to the name that its certificate is for, or see which client certificates it asks for.",
    )
