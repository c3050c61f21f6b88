# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates in files, where gateways and sidecars had them until Istio 1.4.

Each proxy had its own certificate in /etc/certs, from the Secret of its service account. Since Istio 1.5 its agent
gives it one, and no file holds it. The ingress gateway had the Secret istio-ingressgateway-certs mounted: the one that
istioctl installs still has (`secretVolumes` of the chart istio-ingress), the one of the chart gateway mounts none.
"""

from __future__ import annotations

import typing as t

from .model import Doc, Map, Refused, place_of

_OWN = ("/etc/certs/cert-chain.pem", "/etc/certs/key.pem")
_ROOT = "/etc/certs/root-cert.pem"
_MOUNTED = (
    "The certificate is a file in the gateway's pods. A gateway of the Helm chart mounts no Secret for it; one that "
    "istioctl installs mounts istio-ingressgateway-certs and istio-ingressgateway-ca-certs alone. credentialName names "
    "a Secret in the gateway's namespace, which needs no mount."
)


def convert_certificates(doc: Doc, spec: Map) -> None:
    """Names the proxy's own certificate as today, and says where a gateway's comes from.

    :param spec: in today's spelling
    :raises Refused: if the other side's certificate is signed by another authority than the mesh's
    """
    if doc.kind == "Gateway":
        for index, server in enumerate(spec.get("servers") or []):
            tls, field = server.get("tls") or Map(), f"spec.servers[{index}].tls"
            if tls.get("credentialName"):
                continue  # the files beside it were never read
            if tls.get("serverCertificate") and not _own(doc, tls, field, "serverCertificate"):
                doc.differ(_MOUNTED, f"{field}.serverCertificate", place_of(tls, "serverCertificate"))
    elif doc.kind == "DestinationRule":
        for tls, field in _client_settings(spec):
            if _own(doc, tls, field, "clientCertificate"):
                doc.differ("The server's identity is checked, too.", f"{field}.mode", place_of(tls, "mode"))


def _client_settings(spec: Map) -> t.Iterator[tuple[Map, str]]:
    """The TLS settings of a DestinationRule, and where they stand."""
    holders = [(spec, "spec")]
    holders += [(subset, f"spec.subsets[{index}]") for index, subset in enumerate(spec.get("subsets") or [])]
    for holder, where in holders:
        policy = holder.get("trafficPolicy") or Map()
        levels = [(policy, f"{where}.trafficPolicy")]
        levels += [
            (level, f"{where}.trafficPolicy.portLevelSettings[{index}]")
            for index, level in enumerate(policy.get("portLevelSettings") or [])
        ]
        for level, field in levels:
            if level.get("tls"):
                yield level["tls"], f"{field}.tls"


def _own(doc: Doc, tls: Map, field: str, certificate: str) -> bool:
    """Whether a side of a connection has the proxy's own certificate; it is ISTIO_MUTUAL then."""
    if tls.get("mode") != "MUTUAL" or (tls.get(certificate), tls.get("privateKey")) != _OWN:
        return False
    if tls.get("caCertificates") not in (None, _ROOT):
        raise Refused(
            f"{field} has the proxy's own certificate, which is in no file since Istio 1.5, and another authority than "
            "the mesh's; ISTIO_MUTUAL trusts the mesh's alone. Put a certificate into a Secret, and name it as "
            "credentialName.",
            f"{field}.caCertificates",
            place_of(tls, "caCertificates"),
        )
    for key in (certificate, "privateKey", "caCertificates"):
        tls.pop(key, None)
    tls["mode"] = "ISTIO_MUTUAL"
    doc.differ(
        "The proxy's own certificate is in no file since Istio 1.5; ISTIO_MUTUAL presents it.",
        f"{field}.mode",
        place_of(tls, "mode"),
    )
    return True
