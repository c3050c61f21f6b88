# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What today's AuthorizationPolicies let through, written from their documentation and from nothing of the converter.

A request is a mapping from the names of conditions (`source.principal`, `request.headers[x]`) to values; what it lacks
is not in it.
"""

from __future__ import annotations

import ipaddress
import typing as t

Json = dict[str, t.Any]
Request = t.Mapping[str, str]

FIELDS = {
    "principals": "source.principal",
    "requestPrincipals": "request.auth.principal",
    "namespaces": "source.namespace",
    "ipBlocks": "source.ip",
    "methods": "request.method",
    "paths": "request.path",
    "hosts": "request.host",
    "ports": "destination.port",
}


def matches(value: str, pattern: str) -> bool:
    """Exact, prefix, suffix, or `*` for a value that is not empty."""
    if pattern == "*":
        return value != ""
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value == pattern


def _any(key: str, request: Request, patterns: list[str]) -> bool:
    value = request.get(key)
    if value is None:
        return False
    if key == "source.ip":
        return any(ipaddress.ip_address(value) in ipaddress.ip_network(block) for block in patterns)
    return any(matches(value, pattern) for pattern in patterns)


def _fits(demands: Json, request: Request) -> bool:
    for name, patterns in demands.items():
        if name.startswith("not"):
            if _any(FIELDS[name[3:4].lower() + name[4:]], request, patterns):
                return False
        elif not _any(FIELDS[name], request, patterns):
            return False
    return True


def _condition(condition: Json, request: Request) -> bool:
    key = condition["key"]
    return ("values" not in condition or _any(key, request, condition["values"])) and not (
        "notValues" in condition and _any(key, request, condition["notValues"])
    )


def rule_applies(rule: Json, request: Request) -> bool:
    """Whether a request is one that a rule is about."""
    sources, operations = rule.get("from", []), rule.get("to", [])
    return (
        (not sources or any(_fits(item["source"], request) for item in sources))
        and (not operations or any(_fits(item["operation"], request) for item in operations))
        and all(_condition(condition, request) for condition in rule.get("when", []))
    )


def applying(
    documents: t.Iterable[Json], kind: str, namespace: str, labels: t.Mapping[str, str], root: str
) -> list[Json]:
    """The documents of a kind that are about a workload."""
    found = []
    for document in documents:
        spec = document.get("spec") or {}
        wanted = (spec.get("selector") or {}).get("matchLabels") or {}
        home = document["metadata"].get("namespace")
        if document["kind"] == kind and home in (namespace, root) and wanted.items() <= labels.items():
            found.append(document)
    return found


def allowed(
    documents: t.Iterable[Json],
    namespace: str,
    labels: t.Mapping[str, str],
    request: Request,
    root: str = "istio-system",
) -> bool:
    """Whether the AuthorizationPolicies let a request to a workload through: DENY first, then ALLOW."""
    specs = [doc.get("spec") or {} for doc in applying(documents, "AuthorizationPolicy", namespace, labels, root)]
    by_action = {
        action: [spec for spec in specs if spec.get("action", "ALLOW") == action] for action in ("DENY", "ALLOW")
    }
    if any(rule_applies(rule, request) for spec in by_action["DENY"] for rule in spec.get("rules", [])):
        return False
    return not by_action["ALLOW"] or any(
        rule_applies(rule, request) for spec in by_action["ALLOW"] for rule in spec.get("rules", [])
    )


def mtls_mode(
    documents: t.Iterable[Json],
    namespace: str,
    labels: t.Mapping[str, str],
    port: int,
    root: str = "istio-system",
) -> str:
    """What the PeerAuthentications say of a workload's port: the port, the workload, its namespace, then the mesh."""
    found = applying(documents, "PeerAuthentication", namespace, labels, root)

    def rank(document: Json) -> int:
        spec = document.get("spec") or {}
        return 2 if spec.get("selector") else int(document["metadata"]["namespace"] == namespace)

    for document in sorted(found, key=rank, reverse=True):
        spec = document.get("spec") or {}
        mode = (spec.get("portLevelMtls") or {}).get(str(port), {}).get("mode") or (spec.get("mtls") or {}).get("mode")
        if mode and mode != "UNSET":
            return str(mode)
    return "PERMISSIVE"
