# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rights in a cluster, written as `kubectl auth can-i` takes them, and those that a run in a namespace needs."""

from __future__ import annotations

import re
import typing as t

from .._kube import ApiError, Client
from .errors import LabError

_RIGHT = re.compile(
    r"(?P<verb>[a-z]+) (?P<resource>[a-z-]+)(?:/(?P<subresource>[a-z-]+))?(?:\.(?P<group>[a-z0-9.-]+))?"
)


_APPLY = ("get", "list", "create", "patch", "delete")
# What lab and reset need in the workshop namespace; roles/lab/files/attendee-rights.yml grants it, and a test compares.
NEEDED: tuple[str, ...] = (
    "get namespaces",
    *(
        f"{verb} {resource}"
        for resource in (
            *("configmaps", "pods", "secrets", "serviceaccounts", "services", "deployments.apps"),
            *("gateways.networking.istio.io", "virtualservices.networking.istio.io"),
            *("destinationrules.networking.istio.io", "serviceentries.networking.istio.io"),
            *("sidecars.networking.istio.io", "envoyfilters.networking.istio.io"),
            *("peerauthentications.security.istio.io", "requestauthentications.security.istio.io"),
            *("authorizationpolicies.security.istio.io", "telemetries.telemetry.istio.io"),
        )
        for verb in _APPLY
    ),
    *(f"list {resource}.rbac.authorization.k8s.io" for resource in ("roles", "rolebindings")),
    *(f"watch {resource}" for resource in ("pods", "services", "deployments.apps")),
    *(f"{verb} leases.coordination.k8s.io" for verb in ("get", "create", "update", "delete")),
    "patch pods/ephemeralcontainers",
    "get pods/exec",
    "create pods/exec",
    "get pods/log",
)


# What checks need that send requests from pods: an ephemeral container, commands in it, and what the proxies wrote.
VERIFYING: tuple[str, ...] = (
    *("get namespaces", "get configmaps", "get pods", "list pods", "watch pods"),
    *("patch pods/ephemeralcontainers", "get pods/exec", "create pods/exec", "get pods/log"),
)
# What a status and an explanation read. They go on without most of it, and name what they have not seen.
READING: tuple[str, ...] = tuple(
    right
    for right in NEEDED
    if right.startswith(("get ", "list ")) and "/" not in right and not right.endswith(".k8s.io")
)
EXPLAINING: tuple[str, ...] = (*READING, "get pods/exec", "create pods/exec")


class RightError(ValueError):
    """Raised for a malformed right."""


def missing_rights(rules: t.Sequence[t.Mapping[str, t.Any]], needed: t.Iterable[str] = NEEDED) -> list[str]:
    """Those of the rights that none of these rules grants; rules are those of a Role, or a review's resourceRules."""
    return [right for right in needed if not any(_grants(rule, right) for rule in rules)]


def _grants(rule: t.Mapping[str, t.Any], right: str) -> bool:
    found = _RIGHT.fullmatch(right)
    if not found or rule.get("resourceNames"):
        return False
    resource, subresource = found["resource"], found["subresource"]
    names = {"*", f"{resource}/{subresource}", f"*/{subresource}"} if subresource else {"*", resource}
    return (
        bool({"*", found["verb"]} & set(rule.get("verbs") or ()))
        and bool({"*", found["group"] or ""} & set(rule.get("apiGroups") or ()))
        and bool(names & set(rule.get("resources") or ()))
    )


def check_rights(client: Client, namespace: str, needed: t.Iterable[str] = NEEDED) -> None:
    """Raise LabError that names all rights that a run in this namespace lacks, before it changes anything."""
    missing = all_missing(client, namespace, needed)
    if missing:
        raise LabError(f"Nothing was changed, since {missing}")


def all_missing(client: Client, namespace: str, needed: t.Iterable[str]) -> str:
    """The rights in this namespace that the user lacks, in sentences; empty where there is none.

    Where the cluster cannot list a user's rights, the first refused request tells instead.
    """
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    try:
        review = client.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body=body).json()
    except ApiError as error:
        if error.status in (403, 404):
            return ""
        raise
    status = review.get("status") or {}
    missing = [] if status.get("incomplete") else missing_rights(status.get("resourceRules") or (), needed)
    if not missing:
        return ""
    return (
        f"this user lacks rights in namespace {namespace}: {summed_up(missing)}. "
        "The Roles in attendee-rights.yml (among the files of the role mesh.workshop.lab) grant all that is needed."
    )


def with_all_missing(error: ApiError, client: Client, namespace: str, needed: t.Iterable[str]) -> str:
    """What an error says; where it is a refusal, with all rights that are missing for the same purpose."""
    return f"{error}{other_refusals(client, namespace, needed) if error.status == 403 else ''}"


def other_refusals(client: Client, namespace: str, needed: t.Iterable[str]) -> str:
    """What follows a message that tells of one refusal: all rights that are missing for the same purpose."""
    try:
        missing = all_missing(client, namespace, needed)
    except ApiError:  # what was refused is told already
        return ""
    return f" {missing[0].upper()}{missing[1:]}" if missing else ""


def review(right: str) -> dict[str, t.Any]:
    """The question whether we have a right, in all namespaces: a SelfSubjectAccessReview."""
    found = _RIGHT.fullmatch(right)
    if not found:
        raise RightError(
            f"{right!r} is not a right: write a verb and a resource with its group, such as 'create deployments.apps'."
        )
    attributes = {key: value for key, value in found.groupdict().items() if value}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }


def summed_up(rights: t.Iterable[str]) -> str:
    """Rights as one phrase without groups, the verbs of each resource together: "create namespaces; list pods"."""
    verbs: dict[str, list[str]] = {}
    for right in sorted(rights):
        verb, _space, resource = right.partition(" ")
        verbs.setdefault(resource.partition(".")[0], []).append(verb)
    groups: dict[tuple[str, ...], list[str]] = {}
    for resource, of_it in verbs.items():
        groups.setdefault(tuple(of_it), []).append(resource)
    return "; ".join(f"{_listed(of_them)} {_listed(resources)}" for of_them, resources in groups.items())


def _listed(words: t.Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
