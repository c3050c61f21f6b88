# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of istioctl's messages belongs to a failed check, and what becomes of it."""

from __future__ import annotations

import re
from dataclasses import replace

from .._explain.mesh import ROOT
from .findings import Diagnosis, Findings
from .istioctl import Message
from .paths import is_on_path, services_on_path

LEVELS = ("Error", "Warning")
NOISE = frozenset(
    (
        "IST0002",  # a deprecated field or kind: it works
        "IST0107",  # annotations: misplaced, unknown, invalid, of an early stage
        "IST0108",
        "IST0125",
        "IST0135",
        "IST0136",
        "IST0128",  # servers whose certificates are not verified: weaker, but it works
        "IST0129",
        "IST0144",  # an application that runs as the proxy's user: the preflight's matter
        "IST0151",  # EnvoyFilters that depend on the order in which they are applied
        "IST0155",
        "IST0158",  # proxies of another image than new ones would get
        "IST0168",  # versions and upgrades
        "IST0169",
        "IST0170",
        "IST0172",
        "IST0175",  # where istiod may fetch keys from
        "IST0176",
    )
)
"""Codes that explain no failing request (istio.io/docs/reference/config/analysis)."""
NOISE_OF_KINDS = frozenset((("IST0133", "EnvoyFilter"),))
"""Every EnvoyFilter is warned of: it may not outlive the next version."""
REMEDIES = {
    "IST0101": "Correct the name, or apply what it refers to.",
    "IST0103": "Restart the pod in a namespace with the label istio-injection=enabled.",
    "IST0109": "Keep one of these VirtualServices for the host, or merge them.",
    "IST0110": "Keep one Sidecar for these pods.",
    "IST0111": "Keep one Sidecar without a workloadSelector in the namespace.",
    "IST0112": "Name the port in the destination: port: {number: ...}.",
    "IST0127": "Correct the labels of its selector, or apply it in the namespace of the pods.",
    "IST0130": "Put the rule without a match last.",
    "IST0132": "Add the host to the Gateway's server, or correct the one in the VirtualService.",
    "IST0145": "Keep one of these Gateways for the host and port.",
    "IST0161": "Correct the Secret that the Gateway's credentialName names.",
    "IST0162": "Use a port of the ingress gateway's Service in the Gateway.",
    "IST0173": "Correct the labels of the subset, or deploy that version.",
    "IST0174": "Correct the host of the DestinationRule.",
}


def relevant(findings: Findings) -> list[Message]:
    """Errors and warnings about what is near the request; what it meets first, errors before warnings."""

    def rank(one: Message) -> tuple[bool, int, str]:
        return (not is_met(findings, one), LEVELS.index(one.level), one.code)

    places = {findings.namespace, ROOT} - {None}
    found = [
        one
        for one in findings.messages
        if one.level in LEVELS
        and one.code not in NOISE
        and (one.code, one.kind) not in NOISE_OF_KINDS
        and (
            one.namespace in places
            or (one.kind == "Namespace" and one.name == findings.namespace)
            or (one.kind == "Gateway" and is_met(findings, one))
        )
    ]
    return sorted(found, key=rank)


def is_met(findings: Findings, one: Message) -> bool:
    """Whether a message is about a service that the request is for, or a route, Gateway or policy on its path."""
    if is_on_path(findings, one.kind, one.namespace, one.name):
        return True
    names = {name for name, home in services_on_path(findings) if home == one.namespace}
    return any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", f"{one.name} {one.text}") for name in names)


def _may_matter(findings: Findings, one: Message) -> bool:
    """Whether the kind of object can make the answers what they are: no policy answers 5xx.

    At a port of raw TCP it closes connections, which the way of the request tells.
    """
    if one.kind != "AuthorizationPolicy" or findings.expects_refusal:
        return True
    return any(answer.get("status") and answer["status"] < 500 for answer in findings.seen)


def told(one: Message) -> str:
    """A message as the end of a sentence."""
    return f"{one.text.rstrip('.')} ({one.code})."


def with_analysis(findings: Findings, found: Diagnosis | None) -> Diagnosis | None:
    """Our diagnosis with what istioctl says about the same object.

    Where we have none it is istioctl's, if that is about what the request meets; else it may be of use, but explains
    nothing.
    """
    messages = relevant(findings)
    if found is None:
        if not messages:
            return None
        first = messages[0]
        if not is_met(findings, first) or not _may_matter(findings, first):
            return Diagnosis("", f"Also: istioctl analyze finds fault with {first.subject}: {told(first)}")
        return Diagnosis(
            f"istioctl analyze finds fault with {first.subject}: {told(first)}",
            REMEDIES.get(first.code, f"See {first.url}." if first.url else "Correct it."),
        )
    for one in messages:
        if one.name and _names(found.sentence, one):
            more = f"{found.remedy} istioctl analyze says of {one.subject}: {told(one)}".strip()
            return replace(found, remedy=more)
    return found


def _names(sentence: str, one: Message) -> bool:
    """Whether a sentence names the object of a message: by kind, then name."""
    return (
        re.search(rf"\b{re.escape(one.kind)} {re.escape(one.subject.partition(' ')[2])}(?![\w-])", sentence) is not None
    )
