# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DestinationRules whose TLS mode the pods behind their host do not take.

istio.io, "ClientTLSSettings": DISABLE is plain text, SIMPLE and MUTUAL are TLS of the application's own, ISTIO_MUTUAL
is the mesh's mTLS, which only a sidecar takes.
"""

from __future__ import annotations

import typing as t

from ..._istio.pods import has_sidecar
from ..._kube.objects import home_of, spec_of
from ..mesh import Json, Mesh, ServiceName, mtls_of, origin_for, port_number, ports_of
from ..origin import Origin
from .finding import Effect
from .mend import setting

REMEDY = "Set {path}.mode: ISTIO_MUTUAL, or leave tls out: both speak mTLS to the mesh's pods."


def tls_modes(rule: Json) -> t.Iterator[tuple[tuple[str | int, ...], str]]:
    """The TLS modes of a DestinationRule, each with the path of its ``tls``."""
    spec = spec_of(rule)
    parts: list[tuple[tuple[str | int, ...], Json]] = [(("spec", "trafficPolicy"), spec.get("trafficPolicy") or {})]
    for index, subset in enumerate(spec.get("subsets") or ()):
        parts.append((("spec", "subsets", index, "trafficPolicy"), subset.get("trafficPolicy") or {}))
    for path, policy in parts:
        levels = enumerate(policy.get("portLevelSettings") or ())
        for where, one in ((path, policy), *(((*path, "portLevelSettings", number), own) for number, own in levels)):
            mode = (one.get("tls") or {}).get("mode")
            if mode:
                yield (*where, "tls"), str(mode)


def written(path: t.Sequence[str | int]) -> str:
    """A path as sentences have it, without ``spec``."""
    return "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path[1:]).lstrip(".")


def refused_transport(mesh: Mesh) -> t.Iterator[Effect]:
    """A DestinationRule that speaks otherwise than its pods take."""
    for rule in mesh.of("DestinationRule"):
        service = mesh.service_for(str(spec_of(rule).get("host") or ""), home_of(rule))
        if service is None:
            continue
        pods = mesh.pods_of(service)
        for path, mode in tls_modes(rule):
            said = _refusal(mesh, service, pods, mode)
            if said:
                yield Effect(
                    origin_for("DestinationRule", rule),
                    f"spec.{written(path)}.mode",
                    f"{origin_for('DestinationRule', rule)} sends to {service[0]} {said[0]}",
                    said[1] or REMEDY.format(path=written(path)),
                    "tls",
                    frozenset((service,)),
                    idle=False,  # it may be what a test is for, and another rule may hold
                    mend=None
                    if said[1]
                    else setting(origin_for("DestinationRule", rule), (*path, "mode"), "ISTIO_MUTUAL"),
                )


def _refusal(mesh: Mesh, service: ServiceName, pods: list[Json], mode: str) -> tuple[str, str] | None:
    """Why the pods do not take what is sent with this mode, and the remedy where it is not the mode itself."""
    inside = [pod for pod in pods if has_sidecar(pod)]
    if mode == "DISABLE":
        demand = _demand(mesh, service, inside)
        return (f"without mTLS (tls mode DISABLE), and {demand} demands it (STRICT).", "") if demand else None
    if mode in ("SIMPLE", "MUTUAL") and inside:
        return (
            f"over TLS without the mesh's certificates (tls mode {mode}), and its pods are in the mesh, which take "
            "mTLS or plain text.",
            "",
        )
    off = _switched_off(mesh, service, inside) if mode == "ISTIO_MUTUAL" else None
    if off is not None and len(inside) == len(pods):
        return (
            f"with mTLS (ISTIO_MUTUAL), and {off} switches it off there (DISABLE).",
            f"Leave tls out, so that the proxies find out what is taken, or set the mode of {off} to PERMISSIVE.",
        )
    if mode == "ISTIO_MUTUAL" and pods and not inside:
        return (
            "with mTLS (ISTIO_MUTUAL), and its pods have no sidecar to take it.",
            f"Give the pods a sidecar, or set the tls mode DISABLE for {service[0]}.",
        )
    return None


def _switched_off(mesh: Mesh, service: ServiceName, pods: list[Json]) -> Origin | None:
    """The PeerAuthentication by which no pod takes mTLS at any port of the Service."""
    found = []
    for pod in pods:
        for port in ports_of(mesh.service(service) or {}) or [{}]:
            mode, origin, _where = mtls_of(mesh, pod, port_number(port, pod, 0))
            if mode != "DISABLE":
                return None
            found.append(origin)
    return next(iter(found), None)


def _demand(mesh: Mesh, service: ServiceName, pods: list[Json]) -> str:
    """The PeerAuthentication that demands mTLS of these pods at the Service's ports."""
    for pod in pods:
        for port in ports_of(mesh.service(service) or {}) or [{}]:
            mode, origin, _where = mtls_of(mesh, pod, port_number(port, pod, 0))
            if mode == "STRICT" and origin is not None:
                return str(origin)
    return ""
