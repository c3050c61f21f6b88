# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that are not sent as they are meant: names, sessions, and hosts that the mesh does not know."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urljoin

from ..._explain.mesh import ROOT
from ..._kube.objects import home_of
from ..asked import entries_for, has_service
from ..findings import Diagnosis, Findings, Json
from ..objects import listed, qualified, short

LOGIN_FAILED = "login_failed"
LOGIN = "/login"


def could_not_ask(findings: Findings) -> Diagnosis | None:
    """The requests could not even be sent: what the cluster said is the reason."""
    failed = [one["error"] for one in findings.seen if one.get("error") and one["error"]["kind"] == "probe_failed"]
    if not failed:
        return None
    return Diagnosis(str(failed[-1].get("detail", "")), "")


def unknown_name(findings: Findings) -> Diagnosis | None:
    """The address to connect to has a name that does not resolve."""
    if "dns_failure" not in findings.errors():
        return None
    name = findings.address[0] if findings.address and findings.source == "host" else findings.host
    return Diagnosis(f"The name {name} does not resolve.", "Give an address instead of the name, or correct it.")


def login(findings: Findings) -> Diagnosis | None:
    """The session could not be opened, and nothing else tells why."""
    failed = [one["error"] for one in findings.seen if one.get("error") and one["error"]["kind"] == LOGIN_FAILED]
    if not failed:
        return None
    return Diagnosis(
        f"The login before the requests failed ({failed[0].get('detail', '')}).",
        "Check that the gateway routes /login and the page is up.",
    )


def at_login(findings: Findings) -> Findings:
    """The findings of the login's own request, where that has failed for a reason that can be followed."""
    failed = [one["error"] for one in findings.seen if one.get("error") and one["error"]["kind"] == LOGIN_FAILED]
    detail = str(failed[0].get("detail", "")) if failed else ""
    status = re.match(r"status (\d+)", detail)
    if detail.startswith("connection_refused"):
        answer: Json = {"error": {"kind": "connection_refused"}}
    elif status:
        answer = {"status": int(status[1]), "headers": []}
    else:
        return findings
    url = urljoin(findings.url, LOGIN)
    request = findings.request.at(LOGIN) if findings.request is not None else None
    return replace(findings, seen=(answer,), served=(None,), url=url, request=request)


def blocked_outside(findings: Findings) -> Diagnosis | None:
    """A 502 by the caller's proxy: under REGISTRY_ONLY it answers for hosts that the mesh does not know."""
    if findings.source == "host" or not findings.with_status(502):
        return None
    # Envoy's route and cluster for such hosts (istio.io/istio/pilot/pkg/networking/util: BlackHole, BlackHoleCluster).
    blocked = any(one.route == "block_all" or one.cluster == "BlackHoleCluster" for one in findings.records)
    limits = [qualified(one) for one in findings.of("Sidecar") if _limits(one, findings.namespace)]
    host, home = findings.host, findings.namespace or "default"
    known = has_service(findings, host, home)
    if not blocked and (known or not limits or not findings.known("ServiceEntry")):
        return None
    by = f"Sidecar {listed(limits)} lets workloads call" if limits else "workloads may call"
    only = f"{by} only what the mesh knows (REGISTRY_ONLY)"
    entries = [qualified(one) for one in entries_for(findings, host)]
    if known:
        which = f"ServiceEntry {listed(entries)}" if entries else f"Service {home}/{short(host)}"
        return Diagnosis(
            f"{which} does not offer {host} on port {findings.port} to {findings.source}, and {only}.",
            f"Add port {findings.port} to it, and see that its exportTo includes namespace {home}.",
        )
    return Diagnosis(
        f"The mesh does not know the host {host}, and {only}.",
        f"Apply a ServiceEntry for {host} with port {findings.port}.",
    )


def _limits(sidecar: Json, namespace: str | None) -> bool:
    mode = (sidecar.get("spec", {}).get("outboundTrafficPolicy") or {}).get("mode")
    return mode == "REGISTRY_ONLY" and home_of(sidecar) in (namespace, ROOT)
