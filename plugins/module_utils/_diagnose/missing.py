# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check expects of the mesh, and nothing in it does: a delay, a quota, copies, traces, records, counts."""

from __future__ import annotations

import json
import typing as t

from .._explain.effects.finding import routes_of
from .._explain.mesh import ROOT, holds_for, selector_of, targets_of_policy
from .._explain.words import labelled
from .._kube.objects import home_of
from .asked import asked_service, pods_of
from .findings import Diagnosis, Findings, Json
from .objects import is_of, listed, qualified
from .paths import ruling

BUILT_IN = frozenset(("prometheus", "stackdriver", "envoy"))
"""Providers that every mesh has (istio.io/istio, pkg/config/mesh: DefaultMeshConfig)."""
LIMIT = "ratelimit"
"""In the names and types of all of Envoy's filters that limit rates (``envoy.filters.http.local_ratelimit``)."""


def _places(findings: Findings) -> set[str]:
    """Namespaces whose objects may hold for the request."""
    asked = asked_service(findings)
    return {findings.namespace or "default", asked[1] if asked else ROOT}


def no_delay(findings: Findings) -> Diagnosis | None:
    """Answers come sooner than expected, and nothing delays them."""
    least = findings.latency_min
    if least is None or not findings.seen or not findings.known("VirtualService"):
        return None
    for one in findings.seen:  # where more is wrong than the time, that may be the reason for it
        status, seconds = one.get("status"), one.get("seconds")
        right = status in findings.expected_status or (not findings.expected_status and status)
        if one.get("error") or not right or seconds is None or seconds >= least:
            return None
    near = [one for one in findings.of("VirtualService") if home_of(one) in _places(findings) | {ROOT}]
    if any("delay" in (route.get("fault") or {}) for one in near for route in routes_of(one)):
        return None
    asked = asked_service(findings)
    name = asked[0] if asked else f"what is behind {findings.host}"
    return Diagnosis(
        f"No delay is applied to {name}: no VirtualService has a fault with a delay.",
        "Apply a VirtualService with fault.delay for the service that should be slow.",
    )


def _limits(one: Json) -> bool:
    """Whether an EnvoyFilter brings a rate limit with it."""
    return any(LIMIT in json.dumps(patch.get("patch")) for patch in one.get("spec", {}).get("configPatches") or [])


def no_quota(findings: Findings) -> Diagnosis | None:
    """Everything is admitted, and nothing limits it."""
    if not findings.expects_quota or not findings.answers or findings.limited:
        return None
    asked = asked_service(findings)
    if not (asked and findings.known("EnvoyFilter") and findings.known("Pod")):
        return None
    pods = pods_of(findings, *asked)
    if not pods:
        return None
    # A limit may be at the service, and as well where the requests leave.
    near = [*pods, *(pod for pod in findings.of("Pod", findings.namespace) if is_of(pod, findings.source))]
    limiting = [one for one in findings.of("EnvoyFilter") if _limits(one)]
    if any(_reaches(one, near) for one in limiting):
        return None
    here = [one for one in limiting if home_of(one) == asked[1] and selector_of(one)]
    if here:
        return Diagnosis(
            f"EnvoyFilter {qualified(here[0])} limits the pods with {labelled(selector_of(here[0]))}, and no pod of "
            f"{asked[0]} has these labels, so every request is admitted.",
            f"Correct its workloadSelector to labels that the pods of {asked[0]} have.",
        )
    return Diagnosis(
        f"No EnvoyFilter limits the requests to {asked[0]}, so all are admitted.",
        f"Apply the EnvoyFilter with the rate limit for the pods of {asked[0]} in namespace {asked[1]}.",
    )


def _reaches(one: Json, pods: list[Json]) -> bool:
    """Whether an EnvoyFilter holds for one of these pods; one with targets may."""
    return bool(targets_of_policy(one)) or any(holds_for(one, pod) for pod in pods)


def no_copies(findings: Findings) -> Diagnosis | None:
    """No copy is seen, and no rule makes one."""
    asked = asked_service(findings)
    if not findings.expects_copies or not findings.answers or findings.copied or not asked:
        return None
    routes = ruling(findings, asked)
    mirrors = any(route.get("mirror") or route.get("mirrors") for _rule, _number, route in routes)
    if not findings.known("VirtualService") or mirrors:
        return None
    names = listed([qualified(rule) for rule, _number, _route in routes])
    if names:
        return Diagnosis(
            f"VirtualService {names} does not mirror the requests to {asked[0]}: it has no mirrors.",
            "Add mirrors to its route, with the destination of the copies.",
        )
    return Diagnosis(
        f"No VirtualService mirrors the requests to {asked[0]}.",
        f"Apply a VirtualService for {asked[0]} whose route has mirrors.",
    )


def _unknown_providers(findings: Findings, near: t.Iterable[Json]) -> Diagnosis | None:
    """A Telemetry that reports traces to a provider that no revision's configuration has (``MeshConfig``)."""
    import yaml  # it is there wherever the client is, and few failures are about traces

    try:
        meshes = [yaml.safe_load(str((one.get("data") or {}).get("mesh") or "")) for one in findings.of("ConfigMap")]
    except yaml.YAMLError:
        return None
    if not meshes or not all(isinstance(one, dict) for one in meshes):
        return None
    providers = [one for mesh in meshes for one in mesh.get("extensionProviders") or ()]
    known = {str(one.get("name")) for one in providers if isinstance(one, dict)} | BUILT_IN
    for one in near:
        for part in one["spec"]["tracing"]:
            lost = [str(named.get("name")) for named in part.get("providers") or () if named.get("name") not in known]
            if lost:
                return Diagnosis(
                    f"Telemetry {qualified(one)} reports traces to the provider {lost[0]}, which the mesh's "
                    "configuration does not define (extensionProviders), so no proxy reports any.",
                    "Correct the name, or define it in extensionProviders of the mesh's configuration.",
                )
    return None


def no_traces(findings: Findings) -> Diagnosis | None:
    """No request has a trace, and no Telemetry asks for any."""
    if not findings.expects_traces or not findings.answers or findings.traced or not findings.known("Telemetry"):
        return None
    tracing = [one for one in findings.of("Telemetry") if one.get("spec", {}).get("tracing")]
    silent = [one for one in tracing if all(part.get("disableSpanReporting") for part in one["spec"]["tracing"])]
    near = [one for one in tracing if home_of(one) in _places(findings) | {ROOT}]
    if near and all(one in silent for one in near):
        return Diagnosis(
            f"Telemetry {listed([qualified(one) for one in near])} keeps the proxies from reporting traces "
            "(disableSpanReporting).",
            "Remove disableSpanReporting from it.",
        )
    if near:
        return _unknown_providers(findings, near)
    return Diagnosis(
        "No Telemetry turns tracing on for these requests.",
        f"Apply a Telemetry with tracing in namespace {ROOT}: there it holds for the gateway and all workloads.",
    )


def no_logging(findings: Findings) -> Diagnosis | None:
    """It matters what the caller's proxy logs, and no Telemetry says so."""
    if not findings.expects_logging or not findings.answers or not findings.known("Telemetry"):
        return None
    near = [one for one in findings.of("Telemetry") if home_of(one) in _places(findings) | {ROOT}]
    if any(one.get("spec", {}).get("accessLogging") for one in near):
        return None
    home = findings.namespace or "default"
    return Diagnosis(
        f"No Telemetry says what the proxies of namespace {home} log, so they log what the mesh's configuration says.",
        f"Apply a Telemetry with accessLogging and a filter in namespace {home}.",
    )


def no_counting(findings: Findings) -> Diagnosis | None:
    """The requests are answered as expected, and no proxy of the mesh has counted any."""
    if not findings.uncounted:
        return None
    return Diagnosis(
        "No proxy has counted a request in istio_requests_total meanwhile, though Prometheus reads them: the metric is "
        "switched off.",
        "On the embedded cluster apply the role metrics again, whose EnvoyFilter makes the proxies count; on another, "
        "look for a Telemetry that disables the metric.",
    )
