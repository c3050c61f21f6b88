# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes that take nothing, lead nowhere or do nothing, and rules that others replace."""

from __future__ import annotations

import typing as t

from ..._kube.objects import home_of, labels_of, matches, spec_of
from ..mesh import (
    API_VERSIONS,
    DOMAIN,
    OPAQUE_PROTOCOLS,
    ROOT,
    Json,
    Mesh,
    ServiceName,
    origin_for,
    ports_of,
    protocol_of,
    selector_of,
)
from ..origin import Origin
from ..words import labelled
from .finding import (
    Effect,
    age,
    first_host,
    is_for_mesh,
    placed_destinations,
    placed_routes,
    routes_of,
    services_for,
)
from .mend import Apply, Mend, Patch, append, moved, pointer, put, remove, setting

PASSED_ON = ("tls", "https")


def literal_stars(mesh: Mesh) -> t.Iterator[Effect]:
    """A star in a prefix or an exact path, where it is a character like any other."""
    for rule in mesh.of("VirtualService"):
        for number, route in enumerate(routes_of(rule), 1):
            for place, match in enumerate(route.get("match") or ()):
                for kind in ("prefix", "exact"):
                    text = str((match.get("uri") or {}).get(kind) or "")
                    if "*" not in text:
                        continue
                    plain = text.partition("*")[0]
                    yield Effect(
                        origin_for("VirtualService", rule),
                        f"spec.http[{number - 1}].match.uri.{kind}",
                        f"{origin_for('VirtualService', rule)} matches the {kind} {text} literally: the star is a "
                        "character of the path, and no path contains it.",
                        _without_star(text, plain),
                        "route",
                        services_for(mesh, rule),
                        first_host(rule),
                        mend=_as_prefix(rule, ("spec", "http", number - 1, "match", place, "uri"), kind, text),
                    )


def _without_star(text: str, plain: str) -> str:
    if not plain:
        return "Leave the match out."
    if "*" in text.rstrip("*"):
        return f"Write prefix: {plain}, or a regex."
    return f"Write prefix: {plain} (a prefix needs no star)."


def _as_prefix(rule: Json, path: tuple[str | int, ...], kind: str, text: str) -> Patch | None:
    """The prefix that a path with a star at its end was to be; one within it may have been meant in other ways."""
    plain = text.rstrip("*")
    if not plain or "*" in plain:
        return None
    others = [remove((*path, kind))] if kind != "prefix" else []
    return Patch(origin_for("VirtualService", rule), (*others, put((*path, "prefix"), plain)))


def raw_tcp(mesh: Mesh) -> t.Iterator[Effect]:
    """HTTP routes for a Service whose ports the proxies do not treat as HTTP."""
    for rule in mesh.of("VirtualService"):
        if not routes_of(rule) or not is_for_mesh(rule):
            continue
        for name in sorted(services_for(mesh, rule)):
            service = mesh.service(name)
            opaque = [protocol_of(port)[0] in OPAQUE_PROTOCOLS for port in ports_of(service or {})]
            for place, port in enumerate(ports_of(service or {})):
                protocol, why = protocol_of(port)
                if protocol not in OPAQUE_PROTOCOLS:
                    continue
                said = f"is named {port['name']}" if why.startswith("its name") else f"has {why}"
                called = "raw TCP to the proxies" if protocol not in PASSED_ON else "TLS, which the proxies pass on"
                yield Effect(
                    Origin("Service", name[1], name[0]),
                    f"spec.ports[{port.get('port')}].name",
                    f"Port {port.get('port')} of Service {name[1]}/{name[0]} {said}, so it is {called}, "
                    f"and the http routes of {origin_for('VirtualService', rule)} do not hold.",
                    "Set appProtocol: http for the port, or name it http."
                    if protocol == "tcp"
                    else "Name the port http if it is, or leave the http routes out.",
                    "protocol",
                    frozenset((name,)),
                    idle=all(opaque),  # with another port the routes hold there
                    without=origin_for("VirtualService", rule),
                    mend=setting(Origin("Service", name[1], name[0]), ("spec", "ports", place, "appProtocol"), "http")
                    if protocol == "tcp"
                    else None,
                )


def opaque_entries(mesh: Mesh) -> t.Iterator[Effect]:
    """HTTP routes for a host of a ServiceEntry none of whose ports are HTTP."""
    owners: dict[str, list[tuple[Json, Json]]] = {}
    for entry in mesh.of("ServiceEntry"):
        for host in map(str, spec_of(entry).get("hosts") or ()):
            owners.setdefault(host, []).extend((entry, port) for port in spec_of(entry).get("ports") or ())
    for rule in mesh.of("VirtualService"):
        for host in map(str, spec_of(rule).get("hosts") or ()) if routes_of(rule) and is_for_mesh(rule) else ():
            ports = owners.get(host, [])
            if not ports or any(_protocol(port) not in OPAQUE_PROTOCOLS for _one, port in ports):
                continue
            entry, port = ports[0]
            called = "raw TCP to the proxies" if _protocol(port) not in PASSED_ON else "TLS, which the proxies pass on"
            yield Effect(
                origin_for("ServiceEntry", entry),
                f"spec.ports[{port.get('number')}].protocol",
                f"Port {port.get('number')} of {origin_for('ServiceEntry', entry)} has the protocol "
                f"{port.get('protocol')}, so it is {called}, and the http routes of "
                f"{origin_for('VirtualService', rule)} do not hold.",
                "Set its protocol: HTTP if that is what callers send, or leave the http routes out.",
                "protocol",
                host=host,
                without=origin_for("VirtualService", rule),
            )


def _protocol(port: Json) -> str:
    return str(port.get("protocol") or "").lower()


def undefined_subsets(mesh: Mesh) -> t.Iterator[Effect]:
    """A route to a subset that no DestinationRule defines."""
    for rule in mesh.of("VirtualService"):
        for kind, number, route in placed_routes(rule):
            for what, _path, destination in placed_destinations(route):
                subset = destination.get("subset")
                service = mesh.service_for(str(destination.get("host") or ""), home_of(rule))
                if not subset or service is None:
                    continue
                if not mesh.known("DestinationRule", home_of(rule), service[1], ROOT):
                    continue
                visible = [one for one in mesh.rules_of(service) if home_of(one) in (home_of(rule), service[1], ROOT)]
                names = [str(one.get("name")) for own in visible for one in spec_of(own).get("subsets") or ()]
                if subset in names:
                    continue
                does = "sends copies" if what == "mirror" else "routes"
                stray = _stray_subset(mesh, rule, service, str(subset))
                have = f"it has {', '.join(names)}" if names else "there is none"
                none = f"for it defines: {stray[0]}" if stray else f"defines ({have})"
                remedy, mend = stray[1:] if stray else _define(mesh, visible, service, str(subset))
                yield Effect(
                    origin_for("VirtualService", rule),
                    f"spec.{kind}[{number}].{what}.destination.subset",
                    f"{origin_for('VirtualService', rule)} {does} to subset {subset} of {service[0]}, which no "
                    f"DestinationRule {none}.",
                    remedy,
                    "subset",
                    frozenset((service,)),
                    mend=mend,
                )


def _define(mesh: Mesh, rules: list[Json], service: ServiceName, subset: str) -> tuple[str, Mend | None]:
    """How a subset gets defined: where pods carry its name as their version, that is what it selects."""
    labels = {"version": subset}
    if len(rules) > 1 or not any(matches(labels, labels_of(pod)) for pod in mesh.pods_of(service)):
        return f"Apply a DestinationRule for {service[0]} with this subset, or name one that is defined.", None
    remedy = f"Apply a DestinationRule for {service[0]} with this subset, whose pods have the label version={subset}."
    defined = {"name": subset, "labels": labels}
    if not rules:
        meta = {"name": service[0], "namespace": service[1]}
        spec = {"host": service[0], "subsets": [defined]}
        document = {"apiVersion": API_VERSIONS["DestinationRule"], "kind": "DestinationRule", "metadata": meta}
        return remedy, Apply(({**document, "spec": spec},))
    (own,) = rules
    path = ("spec", "subsets")
    operation = append(path, defined) if spec_of(own).get("subsets") else put(path, [defined])
    return remedy, Patch(origin_for("DestinationRule", own), (operation,))


def _stray_subset(mesh: Mesh, rule: Json, service: ServiceName, subset: str) -> tuple[str, str, Mend] | None:
    """A DestinationRule that has the subset, and does not hold for the Service: which, and what mends it."""
    for one in mesh.of("DestinationRule"):
        host, home = str(spec_of(one).get("host") or ""), home_of(one)
        if not any(part.get("name") == subset for part in spec_of(one).get("subsets") or ()):
            continue
        origin = origin_for("DestinationRule", one)
        if home not in (home_of(rule), service[1], ROOT) and host.partition(".")[0] == service[0]:
            return (
                f"{origin} has it, but in namespace {home}",
                f"Apply DestinationRule {origin.name} in namespace {service[1]} instead.",
                moved("DestinationRule", one, service[1]),
            )
        if home in (home_of(rule), service[1], ROOT) and mesh.service_for(host, home) is None:
            return (
                f"{origin} has it, but for the host {host}, which is not a Service",
                f"Correct the host of {origin} to {service[0]}.",
                setting(origin, ("spec", "host"), f"{service[0]}.{service[1]}.{DOMAIN}"),
            )
    return None


def empty_subsets(mesh: Mesh) -> t.Iterator[Effect]:
    """A subset whose labels no pod of its Service has."""
    for rule in mesh.of("DestinationRule"):
        service = mesh.service_for(str(spec_of(rule).get("host") or ""), home_of(rule))
        if service is None or not mesh.known("Pod", service[1]):
            continue
        pods = mesh.pods_of(service)
        for subset in spec_of(rule).get("subsets") or ():
            wanted = subset.get("labels") or {}
            if wanted and pods and not any(matches(wanted, labels_of(pod)) for pod in pods):
                yield Effect(
                    origin_for("DestinationRule", rule),
                    f"spec.subsets[{subset.get('name')}].labels",
                    f"Subset {subset.get('name')} of {origin_for('DestinationRule', rule)} asks for the labels "
                    f"{labelled(wanted)}, and no pod of {service[0]} has them.",
                    "Correct the labels, or deploy that version.",
                    "subset",
                    frozenset((service,)),
                )


def unreachable_routes(mesh: Mesh) -> t.Iterator[Effect]:
    """Routes behind one that takes everything."""
    for rule in mesh.of("VirtualService"):
        for number, route in enumerate(routes_of(rule)[:-1], 1):
            if not _is_for_all(route):
                continue
            origin = origin_for("VirtualService", rule)
            # Behind another that takes everything it would take nothing itself.
            alone = not any(map(_is_for_all, routes_of(rule)[number:]))
            move = {"op": "move", "from": pointer(("spec", "http", number - 1)), "path": "/spec/http/-"}
            yield Effect(
                origin,
                f"spec.http[{number}]",
                f"Rule {number} of {origin} takes every request, so the rules behind it take none.",
                f"Move rule {number} to the end."
                if alone
                else f"Give rule {number} a match that holds only for what it is meant for, or leave it out.",
                "route",
                services_for(mesh, rule),
                first_host(rule),
                mend=Patch(origin, (move,)) if alone else None,
            )
            break


def _is_for_all(route: Json) -> bool:
    """Whether a rule takes every request that comes to it."""
    return not route.get("match") or any(_takes_all(one or {}) for one in route["match"])


def _takes_all(match: Json) -> bool:
    """Whether a match holds for every request."""
    if set(match) - {"name", "uri"}:
        return False
    uri = match.get("uri") or {}
    return not uri or uri == {"prefix": "/"}


def shadowed(mesh: Mesh) -> t.Iterator[Effect]:
    """Several VirtualServices in the mesh for one host: the oldest holds (istio.io, "Split large virtual services")."""
    owners: dict[ServiceName, list[Json]] = {}
    for rule in mesh.of("VirtualService"):
        if is_for_mesh(rule) and "*" in (spec_of(rule).get("exportTo") or ["*"]):
            for service in services_for(mesh, rule):
                owners.setdefault(service, []).append(rule)
    for service, rules in sorted(owners.items()):
        first, *others = sorted(rules, key=age)
        for other in others:
            yield Effect(
                origin_for("VirtualService", other),
                "spec.hosts",
                f"{origin_for('VirtualService', other)} is for {service[0]}, for which the older "
                f"{origin_for('VirtualService', first)} holds already.",
                "Merge the two, or remove one of them.",
                "route",
                frozenset((service,)),
            )


def rules_twice(mesh: Mesh) -> t.Iterator[Effect]:
    """Several DestinationRules of a namespace for one Service: of what both have, the older one's holds.

    istio.io, "Split large destination rules": subsets are put together, of the traffic policies only the first counts.
    """
    owners: dict[tuple[ServiceName, str, str], list[Json]] = {}
    for rule in mesh.of("DestinationRule"):
        service = mesh.service_for(str(spec_of(rule).get("host") or ""), home_of(rule))
        if service is not None and not selector_of(rule):
            exported = ",".join(sorted(spec_of(rule).get("exportTo") or ["*"]))
            owners.setdefault((service, home_of(rule), exported), []).append(rule)
    for (service, _home, _exported), rules in sorted(owners.items()):
        ordered = sorted(rules, key=age)
        for place, other in enumerate(ordered):
            first, both = next(((one, said) for one in ordered[:place] if (said := _clash(one, other))), (other, ""))
            if both:
                yield Effect(
                    origin_for("DestinationRule", other),
                    f"spec.{both.partition(' ')[0]}",
                    f"The {both} of {origin_for('DestinationRule', other)} does not hold: the older "
                    f"{origin_for('DestinationRule', first)} has one for {service[0]} already.",
                    "Merge the two, or remove one of them.",
                    "subset",
                    frozenset((service,)),
                )


def failover_without_outliers(mesh: Mesh) -> t.Iterator[Effect]:
    """A failover between localities where no pod is ever ejected, so that nothing fails over.

    istio.io, "Locality failover": it needs outlierDetection, by which the proxies know what is not healthy.
    """
    for rule in mesh.of("DestinationRule"):
        spec = spec_of(rule)
        whole = spec.get("trafficPolicy") or {}
        for place, policy in [("spec", whole)] + [
            (f"spec.subsets[{one.get('name')}]", one["trafficPolicy"])
            for one in spec.get("subsets") or ()
            if one.get("trafficPolicy")
        ]:
            setting = (policy.get("loadBalancer") or {}).get("localityLbSetting") or {}
            kinds = [kind for kind in ("failover", "failoverPriority") if setting.get(kind)]
            if not kinds or policy.get("outlierDetection") or whole.get("outlierDetection"):
                continue
            origin = origin_for("DestinationRule", rule)
            service = mesh.service_for(str(spec.get("host") or ""), home_of(rule))
            yield Effect(
                origin,
                f"{place}.trafficPolicy.loadBalancer.localityLbSetting.{kinds[0]}",
                f"{origin} has a {kinds[0]} and no outlierDetection, without which no pod counts as failed, so nothing "
                "fails over.",
                "Add outlierDetection, such as {consecutive5xxErrors: 5, interval: 10s, baseEjectionTime: 30s}.",
                "subset",
                frozenset([service] if service else []),
            )


def _clash(first: Json, other: Json) -> str:
    """What two DestinationRules both say, and not alike: their trafficPolicy, or a subset of one name."""
    policies = [spec_of(one).get("trafficPolicy") for one in (first, other)]
    if all(policies) and policies[0] != policies[1]:
        return "trafficPolicy"
    have = {one.get("name"): one for one in spec_of(first).get("subsets") or ()}
    for one in spec_of(other).get("subsets") or ():
        if one.get("name") in have and have[one.get("name")] != one:
            return f"subset {one.get('name')}"
    return ""
