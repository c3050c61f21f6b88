# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was applied and has no effect: in the wrong namespace, for a host that is none, on pods without a proxy."""

from __future__ import annotations

import difflib
import typing as t

from .._istio.pods import has_sidecar
from .findings import Diagnosis, Findings, Json
from .objects import (
    ROOT,
    destinations,
    home_of,
    host_matches,
    in_mesh,
    in_words,
    is_strict,
    labels_of,
    listed,
    matches,
    name_of,
    namespace_of,
    selector_of,
    short,
)

INJECT = "sidecar.istio.io/inject"
GATEWAY_PODS = {"istio": "ingressgateway"}


def asked_service(findings: Findings) -> tuple[str, str] | None:
    """Name and namespace of the Service whose answers count; None where only the gateway knows it."""
    if findings.callee is None and findings.source == "host":
        return None
    host = findings.callee or findings.host
    return short(host), namespace_of(host, findings.namespace or "default")


def pods_of(findings: Findings, service: str, namespace: str) -> list[Json]:
    """The pods behind a Service."""
    for one in findings.of("Service", namespace):
        selector = one.get("spec", {}).get("selector")
        if one["metadata"]["name"] == service and selector:
            return [pod for pod in findings.of("Pod", namespace) if matches(selector, labels_of(pod))]
    return []


def callees(findings: Findings) -> tuple[str, str, list[Json]]:
    """How to call what is asked, its namespace, and its pods: from the host anything behind the gateway."""
    service = asked_service(findings)
    if service is not None:
        return service[0], service[1], pods_of(findings, *service)
    home = findings.namespace or "default"
    return "the pods", home, [pod for pod in findings.of("Pod", home) if labels_of(pod).get("app")]


# -- pods without a proxy ------------------------------------------------


def bare_pods(findings: Findings, namespace: str, pods: list[Json]) -> Diagnosis:
    """Pods without a sidecar: why they have none, and how they get one."""
    names = listed([name_of(one) for one in pods])
    label = f"Label the namespace {namespace} with istio-injection=enabled and restart their Deployments."
    space = next((one for one in findings.of("Namespace") if one["metadata"]["name"] == namespace), None)
    plain = f"Pods run without a sidecar, so the mesh's rules do not hold for them: {names}."
    if pods and all(labels_of(one).get(INJECT) == "false" for one in pods):
        return Diagnosis(plain, f'Remove the label {INJECT}: "false" from the pod templates of their Deployments.')
    if space is None:
        return Diagnosis(plain, label)
    labels = labels_of(space)
    if labels.get("istio-injection") == "enabled" or labels.get("istio.io/rev"):
        restart = f"Restart their Deployments (kubectl -n {namespace} rollout restart deployment)"
        return Diagnosis(plain, f"{restart}: only pods made after the namespace was labelled get one.")
    return Diagnosis(
        f"Namespace {namespace} is not labelled istio-injection=enabled, so its pods run without a sidecar and the "
        f"mesh's rules do not hold for them: {names}.",
        label,
    )


# -- policies ------------------------------------------------------------


def policy_without_effect(
    findings: Findings, kind: str, counts: t.Callable[[Json], bool] = lambda _policy: True
) -> Diagnosis | None:
    """A policy that is meant for what is asked, and does not reach it."""
    if not (findings.known(kind) and findings.known("Pod")):
        return None
    service, home, pods = callees(findings)
    policies = [one for one in findings.of(kind) if counts(one)]
    here = [one for one in policies if holds(findings, one, home, pods)]
    bare = [pod for pod in pods if not has_sidecar(pod) and any(holds(findings, one, home, [pod]) for one in here)]
    if bare and len(bare) == len(pods):
        why = bare_pods(findings, home, bare)
        return Diagnosis(
            f"{kind} {listed([name_of(one) for one in here])} holds for {service}, and nothing enforces it: the pods "
            f"have no sidecar ({listed([name_of(one) for one in bare])}).",
            why.remedy,
        )
    if here:
        return None
    for one in policies:
        if home_of(one) == home and not _has_targets(one) and _selects_nobody(findings, one):
            return Diagnosis(
                f"{kind} {name_of(one)} selects {in_words(selector_of(one))}, and no pod of {service} in namespace "
                f"{home} has these labels."
                if service != "the pods"
                else f"{kind} {name_of(one)} selects {in_words(selector_of(one))}, and no pod in namespace {home} has "
                "these labels.",
                "Correct its selector.",
            )
    for one in policies:
        if _is_stray(findings, one, home, pods):
            return Diagnosis(
                f"{kind} {name_of(one)} holds only for its own namespace {home_of(one)}, so it has no effect on "
                f"{service} in namespace {home}.",
                f"Apply it in namespace {home} instead.",
            )
    return None


def _has_targets(policy: Json) -> bool:
    spec = policy.get("spec", {})
    return bool(spec.get("targetRefs") or spec.get("targetRef"))


def _selects_nobody(findings: Findings, policy: Json) -> bool:
    """Whether a policy is for no pod at all: one for another workload than what is asked is as it should be."""
    home = home_of(policy)
    if home != findings.namespace and not findings.known_everywhere("Pod"):
        return False
    return not any(matches(selector_of(policy), labels_of(pod)) for pod in findings.of("Pod", home))


def holds(findings: Findings, policy: Json, home: str, pods: list[Json]) -> bool:
    """Whether a policy holds for one of these pods; one with targets may hold for what we do not look at."""
    if home_of(policy) not in (home, ROOT):
        return False
    if findings.source == "host" and home_of(policy) == ROOT and matches(selector_of(policy), GATEWAY_PODS):
        return True
    return _has_targets(policy) or any(matches(selector_of(policy), labels_of(pod)) for pod in pods)


def _is_stray(findings: Findings, policy: Json, home: str, pods: list[Json]) -> bool:
    """Whether a policy of another namespace would hold here, and does nothing where it is."""
    place, selector = home_of(policy), selector_of(policy)
    if place in (home, ROOT) or _has_targets(policy) or not findings.known_everywhere("Pod"):
        return False
    has_work = any(has_sidecar(pod) and matches(selector, labels_of(pod)) for pod in findings.of("Pod", place))
    return not has_work and any(matches(selector, labels_of(pod)) for pod in pods)


def let_in(findings: Findings) -> Diagnosis | None:
    """An answer where a policy should have said no."""
    for status, kind in ((403, "AuthorizationPolicy"), (401, "RequestAuthentication")):
        wanted = status in findings.expected_status and not any(one < 400 for one in findings.expected_status)
        if not wanted or not any(200 <= (one.get("status") or 0) < 400 for one in findings.seen):
            continue
        found = policy_without_effect(findings, kind)
        if found is not None:
            return found
        if not (findings.known(kind) and findings.known("Pod")):
            continue
        service, home, pods = callees(findings)
        here = [name_of(one) for one in findings.of(kind) if holds(findings, one, home, pods)]
        if status == 401 and here:
            return Diagnosis(
                f"{kind} {listed(here)} lets the request in: it refuses tokens that are not valid, not requests "
                "without one.",
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


def plain_text_let_in(findings: Findings) -> Diagnosis | None:
    """Plain text was taken although a PeerAuthentication is there that demands mTLS."""
    return policy_without_effect(findings, "PeerAuthentication", is_strict)


# -- routes --------------------------------------------------------------


def is_local(host: str) -> bool:
    """Whether a host is meant to be a Service: a short name, or a full one of the cluster."""
    return "." not in host or host.endswith(".svc.cluster.local")


def _has_service(findings: Findings, host: str, namespace: str) -> bool:
    home = namespace_of(host, namespace)
    if any(one["metadata"]["name"] == short(host) for one in findings.of("Service", home)):
        return True
    return bool(entries_for(findings, host))


def entries_for(findings: Findings, host: str) -> list[Json]:
    """ServiceEntries for a host."""
    return [
        one
        for one in findings.of("ServiceEntry")
        if any(host_matches(str(known), host) for known in one.get("spec", {}).get("hosts") or [])
    ]


def _is_dead(findings: Findings, host: str, namespace: str) -> bool:
    return is_local(host) and host != "*" and not _has_service(findings, host, namespace)


def route_without_effect(findings: Findings) -> Diagnosis | None:
    """A VirtualService for a host that is no Service: in the wrong namespace, or misspelt."""
    if findings.namespace is None or not findings.known_everywhere("Service"):
        return None
    if not (findings.seen or findings.shares_are_wrong):
        return None
    for one in findings.of("VirtualService"):
        home, hosts = home_of(one), [str(host) for host in one.get("spec", {}).get("hosts") or []]
        if not hosts or not in_mesh(one) or not all(_is_dead(findings, host, home) for host in hosts):
            continue
        if home == findings.namespace:
            return Diagnosis(
                f"VirtualService {name_of(one)} is for the host {hosts[0]}, and namespace {home} has no Service of "
                "that name, so it rules no request.",
                f"Correct its hosts{_meant(findings, hosts[0], one)}.",
            )
        meant = [host for host in hosts if _has_service(findings, short(host), findings.namespace)]
        if meant and "." not in meant[0]:
            return Diagnosis(
                f"VirtualService {name_of(one)} is in namespace {home}, where {meant[0]} is no Service, so it has no "
                f"effect on {meant[0]} in namespace {findings.namespace}.",
                f"Apply it in namespace {findings.namespace} instead.",
            )
    return None


def _meant(findings: Findings, host: str, route: Json) -> str:
    """The Service that was probably meant: a destination's, else one with a similar name."""
    names = {str(one["metadata"]["name"]) for one in findings.of("Service", findings.namespace)}
    targets = [short(str(one.get("host"))) for one in destinations(route)]
    close = [name for name in targets if name in names] or difflib.get_close_matches(short(host), sorted(names), 1)
    return f": probably {close[0]} is meant" if close else ""


def rule_without_effect(
    findings: Findings, host: str, namespace: str, subset: str, visible: tuple[str, ...]
) -> tuple[str, str] | None:
    """A DestinationRule that has the subset, and does not hold for the host: how it is called, and the remedy."""
    for one in _with_subset(findings, subset):
        home, of = home_of(one), str(one["spec"].get("host", ""))
        if home not in visible and short(of) == short(host):
            return (
                f"DestinationRule {name_of(one)} has it, but in namespace {home}",
                f"Apply DestinationRule {one['metadata']['name']} in namespace {namespace} instead.",
            )
        if home in visible and findings.known("Service") and _is_dead(findings, of, home):
            return (
                f"DestinationRule {name_of(one)} has it, but for the host {of}, which is no Service",
                f"Correct the host of DestinationRule {name_of(one)} to {short(host)}.",
            )
    return None


def _with_subset(findings: Findings, subset: str) -> t.Iterator[t.Mapping[str, t.Any]]:
    for one in findings.of("DestinationRule"):
        if any(part.get("name") == subset for part in one.get("spec", {}).get("subsets") or []):
            yield one


# -- the outside ---------------------------------------------------------


def blocked_outside(findings: Findings) -> Diagnosis | None:
    """A 502 by the caller's proxy: under REGISTRY_ONLY it answers for hosts that the mesh does not know."""
    if findings.source == "host" or not findings.with_status(502):
        return None
    # Envoy's route and cluster for such hosts (istio.io/istio/pilot/pkg/networking/util: BlackHole, BlackHoleCluster).
    blocked = any(one.route == "block_all" or one.cluster == "BlackHoleCluster" for one in findings.records)
    limits = [name_of(one) for one in findings.of("Sidecar") if _limits(one, findings.namespace)]
    host, home = findings.host, findings.namespace or "default"
    known = _has_service(findings, host, home)
    if not blocked and (known or not limits or not findings.known("ServiceEntry")):
        return None
    by = f"Sidecar {listed(limits)} lets workloads call" if limits else "workloads may call"
    only = f"{by} only what the mesh knows (REGISTRY_ONLY)"
    entries = [name_of(one) for one in entries_for(findings, host)]
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


# -- the check itself ----------------------------------------------------


def other_service_meant(findings: Findings) -> Diagnosis | None:
    """The versions that are expected are another service's: the check has to name it as its callee."""
    if findings.callee is not None or not findings.expected_versions or not findings.known("Pod"):
        return None
    home = findings.namespace or "default"
    wanted = set(findings.expected_versions)
    service = asked_service(findings)
    having = [
        str(one["metadata"]["name"])
        for one in findings.of("Service", service[1] if service else home)
        if wanted & _versions(pods_of(findings, str(one["metadata"]["name"]), service[1] if service else home))
    ]
    name = f" (callee: {having[0]})" if len(having) == 1 else f" (of {listed(having)})" if having else ""
    if service is None:
        if not findings.seen or any(findings.served) or not all(_is_plain_answer(one) for one in findings.seen):
            return None
        return Diagnosis(
            "The answer does not tell which pod gave it, so nobody can say its version.",
            f"Name the service whose version counts as callee beside served_by{name}.",
        )
    have = _versions(pods_of(findings, *service))
    if not have or wanted & have or not any(findings.served) or not having:
        return None
    return Diagnosis(
        f"The check expects {listed(sorted(wanted))} of {service[0]}, which the URL asks, and {service[0]} has only "
        f"{listed(sorted(have))}.",
        f"Name the service that is meant as callee beside served_by{name}.",
    )


def _versions(pods: list[Json]) -> set[str]:
    return {labels_of(pod)["version"] for pod in pods if "version" in labels_of(pod)}


def _is_plain_answer(answer: Json) -> bool:
    body = str(answer.get("body", ""))
    return 200 <= (answer.get("status") or 0) < 300 and "unavailable" not in body and "Error fetching" not in body
