# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refused where an answer is expected, and let in where a refusal is."""

from __future__ import annotations

from dataclasses import replace

from ..._explain.effects.policies import TOPICS
from ..._explain.mesh import ROOT
from ..._istio.pods import has_sidecar
from ..._kube.objects import home_of
from ..asked import asked_service, callees, holds
from ..causes import Case
from ..causes.case import told
from ..findings import Diagnosis, Findings, Json
from ..objects import is_strict, listed, namespace_of, qualified
from .entrance import servers
from .pods import bare_pods


def denied(findings: Findings) -> Diagnosis | None:
    """403 with Envoy's RBAC message: an AuthorizationPolicy said no."""
    if not any("RBAC: access denied" in str(one.get("body", "")) for one in findings.with_status(403)):
        return None
    policies = [qualified(one) for one in findings.of("AuthorizationPolicy")]
    which = f": {listed(policies)}" if policies else ""
    return Diagnosis(
        f"An AuthorizationPolicy denies the request (RBAC: access denied){which}.",
        "Add a rule that allows this caller, method and path, or remove the policy that a lab left behind.",
    )


def plain_text_refused(findings: Findings) -> Diagnosis | None:
    """Closed without an answer where one is expected: strict mTLS towards a client that has none."""
    if findings.expects_refusal or "reset_before_response" not in findings.errors() or findings.source == "host":
        return None
    home = namespace_of(findings.host, findings.namespace or "default")
    strict = [qualified(one) for one in findings.of("PeerAuthentication") if _is_strict(one, home)]
    if not strict:
        return None
    return Diagnosis(
        f"PeerAuthentication {listed(strict)} demands mTLS (STRICT), and this client has no sidecar to speak it.",
        "Ask from a workload of the mesh, or set the mode PERMISSIVE.",
    )


def _is_strict(policy: Json, namespace: str) -> bool:
    return home_of(policy) in (namespace, ROOT) and is_strict(policy)


def let_in(case: Case) -> Diagnosis | None:
    """An answer where a policy should have said no."""
    findings = case.findings
    for status, kind in ((403, "AuthorizationPolicy"), (401, "RequestAuthentication")):
        wanted = status in findings.expected_status and not any(one < 400 for one in findings.expected_status)
        if not wanted or not any(200 <= (one.get("status") or 0) < 400 for one in findings.seen):
            continue
        if not (findings.known(kind) and findings.known("Pod")):
            continue
        service, home, pods = callees(findings)
        holding = [one for one in findings.of(kind) if holds(findings, one, home, pods)]
        here = [qualified(one) for one in holding]
        found = enforced_by_nobody(findings, kind, holding) if here else _reaches_nobody(case, kind, home)
        if found is not None:
            return found
        if status == 401 and here:
            return Diagnosis(
                f"{kind} {listed(here)} lets the request in: it rejects invalid tokens, not requests without one.",
                "Add an AuthorizationPolicy that demands requestPrincipals; it answers 403 where there is no token.",
            )
        if here:
            return Diagnosis(
                f"The rules of {kind} {listed(here)} let this request in.",
                "Compare its action and rules (sources, methods, paths) with the request.",
            )
        if pods and (status == 403 or asked_service(findings) is not None):  # an application may mean its own 401
            return Diagnosis(
                f"No {kind} holds for {service} in namespace {home}, so every request is let in.",
                f"Apply one in namespace {home} whose selector has labels of its pods.",
            )
    return None


def enforced_by_nobody(findings: Findings, kind: str, holding: list[Json]) -> Diagnosis | None:
    """Policies that hold for what is asked, whose pods have no proxy that could enforce them."""
    service, home, pods = callees(findings)
    if not pods or any(has_sidecar(pod) for pod in pods):
        return None
    return replace(
        bare_pods(findings, home, pods),
        sentence=f"{kind} {listed([qualified(one) for one in holding])} holds for {service}, and nothing enforces it: "
        f"the pods have no sidecar ({listed([qualified(one) for one in pods])}).",
    )


def _reaches_nobody(case: Case, kind: str, home: str) -> Diagnosis | None:
    """A policy that is meant for what is asked in a namespace, and selects no pod where it is."""
    found = [one for one in case.about(*TOPICS.values()) if one.origin.kind == kind]
    near = [one for one in found if one.field == "spec.selector" and (one.services or one.origin.namespace == home)]
    alone = [one for one in found if one.field == "metadata.namespace"]
    if kind == "PeerAuthentication":
        near, alone = ([one for one in group if is_strict(case.mesh.find(one.origin) or {})] for group in (near, alone))
    return next((told(one) for one in (*near, *alone)), None)


def not_refused(case: Case) -> Diagnosis | None:
    """An answer where a refusal is expected."""
    findings = case.findings
    answered = any(one.get("status") for one in findings.seen)
    if not findings.expects_refusal or not answered or not findings.known("PeerAuthentication"):
        return None
    if findings.source == "host":
        takers = [
            qualified(gateway) for gateway, server in servers(findings) if server["port"].get("number") == findings.port
        ]
        if not takers:
            return None
        return Diagnosis(
            f"Gateway {listed(takers)} opens port {findings.port}, so the connection is taken.",
            "Remove the server of this port from it, or look for a Gateway that another lab left behind.",
        )
    home = namespace_of(findings.host, findings.namespace or "default")
    service, _home, pods = callees(findings)
    strict = [one for one in findings.of("PeerAuthentication") if _is_strict(one, home)]
    holding = [one for one in strict if holds(findings, one, home, pods)]
    found = enforced_by_nobody(findings, "PeerAuthentication", holding) if holding else None
    if not holding and findings.known("Pod"):
        found = _reaches_nobody(case, "PeerAuthentication", home)
    if found is not None or holding or (strict and not pods):
        return found
    of = f" of {service}" if strict else ""
    return Diagnosis(
        f"No PeerAuthentication demands mTLS{of} in namespace {home}, so plain text is let in.",
        "Apply a PeerAuthentication with mode STRICT in that namespace.",
    )
