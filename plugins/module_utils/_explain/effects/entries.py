# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ServiceEntries that lead to nobody, and those for a host that something else has already.

Sources: istio.io, "Service Entry" (``workloadSelector`` selects pods and WorkloadEntries of its own namespace); for a
host that several have, istio.io/istio, push_context.go (initServiceRegistry: endpoints are put together by host and
namespace) and sidecar.go (appendSidecarServices: a Service of Kubernetes goes before any entry, of entries the oldest,
to which the ports of another are added only where both are of one namespace and alike).
"""

from __future__ import annotations

import typing as t

from ..._kube.objects import home_of, labels_of, matches, spec_of
from ..mesh import DOMAIN, Json, Mesh, origin_for, selector_of
from ..origin import Origin
from ..words import joined, labelled
from .finding import Effect, age

DEFAULTS = {"resolution": "NONE"}


def entries_of_nobody(mesh: Mesh) -> t.Iterator[Effect]:
    """A ServiceEntry whose workloadSelector no pod and no WorkloadEntry of its namespace has."""
    for entry in mesh.of("ServiceEntry"):
        selector, home = selector_of(entry), home_of(entry)
        if not selector or not mesh.known("Pod", home) or not mesh.known("WorkloadEntry", home):
            continue
        inside = [labels_of(pod) for pod in mesh.of("Pod", home)]
        inside += [{**labels_of(one), **(spec_of(one).get("labels") or {})} for one in mesh.of("WorkloadEntry", home)]
        if any(matches(selector, labels) for labels in inside):
            continue
        elsewhere = sorted({home_of(pod) for pod in mesh.of("Pod") if matches(selector, labels_of(pod))})
        tail = f"; pods of namespace {elsewhere[0]} have them" if elsewhere else ""
        origin = origin_for("ServiceEntry", entry)
        yield Effect(
            origin,
            "spec.workloadSelector",
            f"{origin} selects {labelled(selector)}, and no pod in namespace {home} has these labels{tail}.",
            f"Apply it in namespace {elsewhere[0]} instead."
            if len(elsewhere) == 1
            else "Correct its workloadSelector to the labels of the pods.",
            "host",
            host=str(next(iter(spec_of(entry).get("hosts") or ()), "")),
        )


def entries_of_services(mesh: Mesh) -> t.Iterator[Effect]:
    """A ServiceEntry for the full name of a Service: only its endpoints count, and only in the Service's namespace."""
    for entry in mesh.of("ServiceEntry"):
        origin = origin_for("ServiceEntry", entry)
        for host in map(str, spec_of(entry).get("hosts") or ()):
            service = mesh.service_for(host, home_of(entry)) if host.endswith(f".{DOMAIN}") else None
            if service is None:
                continue
            name, home = service
            beside, found = home != home_of(entry), Origin("Service", home, name)
            sent = ", ".join(addresses_of(entry)[:3])
            if beside:
                said = f"is for {host}, which is {found} of another namespace and goes before it, so nothing follows it"
            else:
                said = f"is for {host}, which {found} has already, so its endpoints ({sent}) are added to the pods' own"
            if not beside and not sent:
                continue
            yield Effect(
                origin,
                "spec.hosts",
                f"{origin} {said}.",
                "Give it a host that no Service has, or remove it.",
                "host",
                frozenset((service,)),
                host,
                idle=beside,  # pods and machines beside each other may be meant
            )


def addresses_of(entry: Json) -> list[str]:
    """The addresses that a ServiceEntry names itself."""
    return [str(one.get("address") or "") for one in spec_of(entry).get("endpoints") or () if one.get("address")]


def entries_twice(mesh: Mesh) -> t.Iterator[Effect]:
    """A ServiceEntry for the host of an older one, to which its ports are not added."""
    owners: dict[str, list[Json]] = {}
    for entry in mesh.of("ServiceEntry"):
        if "*" in (spec_of(entry).get("exportTo") or ["*"]):
            for host in map(str, spec_of(entry).get("hosts") or ()):
                owners.setdefault(host, []).append(entry)
    for host, entries in sorted(owners.items()):
        first, *others = sorted(entries, key=age)
        for other in others:
            lost = sorted(_numbers(other) - _numbers(first))
            why = _unlike(first, other)
            if not lost or not why:
                continue
            origin, older = origin_for("ServiceEntry", other), origin_for("ServiceEntry", first)
            yield Effect(
                origin,
                "spec.ports",
                f"{origin} is for {host}, for which the older {older} holds already, and {why}, so its "
                f"port{'s' if len(lost) > 1 else ''} {joined([str(one) for one in lost])} "
                f"{'are' if len(lost) > 1 else 'is'} not there.",
                f"Write its ports and endpoints into {older}, or make both alike.",
                "host",
                host=host,
            )


def _numbers(entry: Json) -> set[int]:
    return {int(port.get("number") or 0) for port in spec_of(entry).get("ports") or ()}


def _unlike(first: Json, other: Json) -> str:
    """Why the ports of one entry are not added to another's of the same host; empty where they are."""
    if home_of(first) != home_of(other):
        return "they are of two namespaces"
    for field in ("resolution", "workloadSelector"):
        have = [spec_of(one).get(field) or DEFAULTS.get(field) for one in (first, other)]
        if have[0] != have[1]:
            return f"they differ in {field}"
    return "they differ in their labels" if labels_of(first) != labels_of(other) else ""
