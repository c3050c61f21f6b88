# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is applied and can have no effect, or not the one that its author means: by the live objects alone, pure.

Every function looks at one kind and yields what it finds; nothing is found where the objects that it would take to be
sure could not be read. Sources: Istio's reference of each kind at istio.io.
"""

from __future__ import annotations

import difflib
import typing as t
from dataclasses import dataclass

from .mesh import (
    DOMAIN,
    GATEWAY_LABELS,
    OPAQUE_PROTOCOLS,
    ROOT,
    Json,
    Mesh,
    ServiceName,
    has_proxy,
    home_of,
    is_ready,
    labels_of,
    matches,
    mtls_of,
    name_of,
    origin_for,
    ports_of,
    protocol_of,
    selector_of,
    spec_of,
)
from .origin import Origin
from .routing import socket_of

POLICIES = ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "Telemetry", "Sidecar", "EnvoyFilter")
REWRITE = "sidecar.istio.io/rewriteAppHTTPProbers"


@dataclass(frozen=True)
class Effect:
    """One finding: the resource and field, what it does or does not do, and the change that mends it."""

    origin: Origin
    field: str
    sentence: str
    remedy: str
    topic: str
    """What it is about: ``gateway``, ``route``, ``host``, ``subset``, ``fault``, ``protocol``, ``policy``, ``mtls``,
    ``token``, ``filter``, ``trace``, ``egress``, ``mirror`` or ``probe``."""
    services: frozenset[ServiceName] = frozenset()
    """The Services that it was meant for; empty where it may be any."""
    host: str = ""


def effects_of(mesh: Mesh) -> list[Effect]:
    """All findings about all that is there."""
    found: list[Effect] = []
    for look in LOOKS:
        found.extend(look(mesh))
    return found


def _readable(mesh: Mesh, *kinds: str) -> bool:
    return all(mesh.known(kind) for kind in kinds)


# -- VirtualServices -----------------------------------------------------


def unbound(mesh: Mesh) -> t.Iterator[Effect]:
    """A VirtualService that names a Gateway which does not exist."""
    if not _readable(mesh, "Gateway"):
        return
    gateways = {(home_of(one), name_of(one)): one for one in mesh.of("Gateway")}
    for rule in mesh.of("VirtualService"):
        hosts = [str(one) for one in spec_of(rule).get("hosts") or ()]
        for index, text in enumerate(spec_of(rule).get("gateways") or ()):
            if text == "mesh":
                continue
            place, slash, name = str(text).rpartition("/")
            home = place if slash and place != "." else home_of(rule)
            if (home, name) in gateways:
                continue
            meant = [key for key, one in gateways.items() if key[1] == name] or [
                key for key, one in gateways.items() if any(_takes(one, host) for host in hosts)
            ]
            other, remedy = "", f"Apply a Gateway {home}/{name}, or name one that exists."
            if meant:
                called = f"{meant[0][0]}/{meant[0][1]}"
                other = f"; the Gateway for {hosts[0] if hosts else 'its host'} is {called}"
                remedy = f"Write gateways: [{called}]."
            yield Effect(
                origin_for("VirtualService", rule),
                f"spec.gateways[{index}]",
                f"{origin_for('VirtualService', rule)} is bound to Gateway {home}/{name}, which does not exist{other}.",
                remedy,
                "gateway",
                host=hosts[0] if hosts else "",
            )


def _takes(gateway: Json, host: str) -> bool:
    return any(
        host_holds(str(one).rpartition("/")[2], host)
        for server in spec_of(gateway).get("servers") or ()
        for one in server.get("hosts") or ()
    )


def host_holds(pattern: str, host: str) -> bool:
    """Whether a host, or a wildcard such as ``*.example.com``, covers another."""
    if pattern == "*" or pattern == host:
        return True
    return pattern.startswith("*.") and host.endswith(pattern[1:])


def routes_of(rule: Json) -> list[Json]:
    return list(spec_of(rule).get("http") or ())


def is_for_mesh(rule: Json) -> bool:
    """Whether a VirtualService rules the requests of workloads, not only those at a gateway."""
    gateways = spec_of(rule).get("gateways") or []
    return not gateways or "mesh" in gateways


def services_for(mesh: Mesh, rule: Json) -> frozenset[ServiceName]:
    """The Services that a VirtualService's hosts name."""
    found = (mesh.service_for(str(host), home_of(rule)) for host in spec_of(rule).get("hosts") or ())
    return frozenset(one for one in found if one is not None)


def literal_stars(mesh: Mesh) -> t.Iterator[Effect]:
    """A star in a prefix or an exact path, where it is a character like any other."""
    for rule in mesh.of("VirtualService"):
        for number, route in enumerate(routes_of(rule), 1):
            for match in route.get("match") or ():
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
                        f"Write prefix: {plain} (a prefix needs no star)." if plain else "Leave the match out.",
                        "route",
                        services_for(mesh, rule),
                        str(next(iter(spec_of(rule).get("hosts") or ()), "")),
                    )


def unknown_hosts(mesh: Mesh) -> t.Iterator[Effect]:
    """Destinations and mirrors that are no Service and no ServiceEntry's host."""
    if not _readable(mesh, "Service"):
        return
    for rule in mesh.of("VirtualService"):
        for number, route in enumerate(routes_of(rule), 1):
            for what, destination in _destinations(route):
                host = str(destination.get("host") or "")
                if not host or _is_known(mesh, host, home_of(rule)):
                    continue
                better = _meant_host(mesh, host, home_of(rule))
                does = "sends copies" if what == "mirror" else "routes"
                yield Effect(
                    origin_for("VirtualService", rule),
                    f"spec.http[{number - 1}].{what}",
                    f"{origin_for('VirtualService', rule)} {does} to {host}, which is no Service"
                    + (f"; {better} is." if better else " and no host of a ServiceEntry."),
                    f"Write host: {better}." if better else "Correct the host, or create the Service.",
                    "mirror" if what == "mirror" else "host",
                    services_for(mesh, rule),
                    host,
                )


def _destinations(route: Json) -> t.Iterator[tuple[str, Json]]:
    for one in route.get("route") or ():
        yield "route", one.get("destination") or {}
    for one in route.get("mirrors") or ():
        yield "mirror", one.get("destination") or {}
    if route.get("mirror"):
        yield "mirror", route["mirror"]


def _is_known(mesh: Mesh, host: str, namespace: str) -> bool:
    if mesh.service_for(host, namespace) is not None:
        return True
    if not mesh.known("ServiceEntry"):
        return True
    full = host if "." in host else f"{host}.{namespace}.{DOMAIN}"
    return any(
        host_holds(str(known), name)
        for entry in mesh.of("ServiceEntry")
        for known in spec_of(entry).get("hosts") or ()
        for name in (host, full)
    )


def _meant_host(mesh: Mesh, host: str, namespace: str) -> str:
    """The full name of the Service that was probably meant."""
    names = [name_of(one) for one in mesh.of("Service", namespace)]
    head = host.partition(".")[0]
    close = [head] if head in names else difflib.get_close_matches(head, sorted(names), 1)
    return f"{close[0]}.{namespace}.{DOMAIN}" if close else ""


def dead_hosts(mesh: Mesh) -> t.Iterator[Effect]:
    """A VirtualService or DestinationRule for a short host that is no Service of its own namespace."""
    if not _readable(mesh, "Service", "ServiceEntry"):
        return
    for kind in ("VirtualService", "DestinationRule"):
        for rule in mesh.of(kind):
            spec = spec_of(rule)
            hosts = (
                [str(one) for one in spec.get("hosts") or ()]
                if kind == "VirtualService"
                else [str(spec.get("host") or "")]
            )
            if kind == "VirtualService" and not is_for_mesh(rule):
                continue
            local = [one for one in hosts if one and one != "*" and ("." not in one or one.endswith(f".{DOMAIN}"))]
            if not local or any(_is_known(mesh, one, home_of(rule)) for one in hosts):
                continue
            elsewhere = sorted(
                {home_of(one) for one in mesh.of("Service") if name_of(one) == local[0].partition(".")[0]}
            )
            meant = _meant_host(mesh, local[0], home_of(rule)) if not elsewhere else ""
            origin = origin_for(kind, rule)
            if elsewhere:
                tail = f"; namespace {elsewhere[0]} has it"
                full = f"{local[0].partition('.')[0]}.{elsewhere[0]}.{DOMAIN}"
                remedy = f"Apply it in namespace {elsewhere[0]}, or write the full name {full}."
            elif meant:
                tail, remedy = f"; {meant.partition('.')[0]} is one", f"Write {meant.partition('.')[0]}."
            else:
                tail, remedy = "", "Correct the host, or create the Service."
            yield Effect(
                origin,
                "spec.hosts" if kind == "VirtualService" else "spec.host",
                f"{origin} is for the host {local[0]}, which is no Service of namespace {home_of(rule)}{tail}.",
                remedy,
                "host",
                frozenset((local[0].partition(".")[0], place) for place in elsewhere)
                or frozenset([(meant.partition(".")[0], home_of(rule))] if meant else []),
                local[0],
            )


def no_fault(mesh: Mesh) -> t.Iterator[Effect]:
    """A fault that strikes no request, or hardly any."""
    for rule in mesh.of("VirtualService"):
        for number, route in enumerate(routes_of(rule), 1):
            for kind, verb in (("abort", "aborted"), ("delay", "delayed")):
                fault = (route.get("fault") or {}).get(kind)
                if not isinstance(fault, t.Mapping):
                    continue
                origin = origin_for("VirtualService", rule)
                where = f"spec.http[{number - 1}].fault.{kind}.percentage"
                percentage = fault.get("percentage")
                value = percentage.get("value") if isinstance(percentage, t.Mapping) else None
                if percentage is None:
                    said = f"{origin} has a fault.{kind} without a percentage, which is 0 %: no request is {verb}."
                elif not value:
                    said = f"{origin} has a fault.{kind} of 0 %: no request is {verb}."
                elif float(value) < 1:
                    said = (
                        f"{origin} has a fault.{kind} for {float(value):g} % of the requests "
                        "(percentage.value is in percent, from 0 to 100)."
                    )
                else:
                    continue
                wanted = f"{100 * float(value):g}" if value else "100"
                yield Effect(
                    origin,
                    where,
                    said,
                    f"Write percentage: {{value: {wanted}}}.",
                    "fault",
                    services_for(mesh, rule),
                )


def raw_tcp(mesh: Mesh) -> t.Iterator[Effect]:
    """HTTP routes for a Service whose ports are no HTTP to the proxies."""
    for rule in mesh.of("VirtualService"):
        if not routes_of(rule) or not is_for_mesh(rule):
            continue
        for name in sorted(services_for(mesh, rule)):
            service = mesh.service(name)
            for port in ports_of(service or {}):
                protocol, why = protocol_of(port)
                if protocol not in OPAQUE_PROTOCOLS:
                    continue
                said = f"is named {port['name']}" if why.startswith("its name") else f"has {why}"
                called = "raw TCP" if protocol not in ("tls", "https") else "TLS that they pass on"
                yield Effect(
                    Origin("Service", name[1], name[0]),
                    f"spec.ports[{port.get('port')}].name",
                    f"Port {port.get('port')} of Service {name[1]}/{name[0]} {said}, so it is {called} to the proxies, "
                    f"and the http routes of {origin_for('VirtualService', rule)} do not hold.",
                    "Name the port http, or set appProtocol: http.",
                    "protocol",
                    frozenset((name,)),
                )


def undefined_subsets(mesh: Mesh) -> t.Iterator[Effect]:
    """A route to a subset that no DestinationRule defines."""
    if not _readable(mesh, "DestinationRule", "Service"):
        return
    for rule in mesh.of("VirtualService"):
        for number, route in enumerate(routes_of(rule), 1):
            for what, destination in _destinations(route):
                subset = destination.get("subset")
                service = mesh.service_for(str(destination.get("host") or ""), home_of(rule))
                if not subset or service is None:
                    continue
                rules = [one for one in mesh.of("DestinationRule") if _is_of_service(mesh, one, service)]
                visible = [one for one in rules if home_of(one) in (home_of(rule), service[1], ROOT)]
                names = [str(one.get("name")) for own in visible for one in spec_of(own).get("subsets") or ()]
                if subset in names:
                    continue
                stray = _stray_subset(mesh, rule, service, str(subset))
                have = f"it has {', '.join(names)}" if names else "there is none"
                none = f"for it defines: {stray[0]}" if stray else f"defines ({have})"
                yield Effect(
                    origin_for("VirtualService", rule),
                    f"spec.http[{number - 1}].{what}.destination.subset",
                    f"{origin_for('VirtualService', rule)} routes to subset {subset} of {service[0]}, which no "
                    f"DestinationRule {none}.",
                    stray[1]
                    if stray
                    else f"Apply a DestinationRule for {service[0]} with this subset, or name one that is defined.",
                    "subset",
                    frozenset((service,)),
                )


def _stray_subset(mesh: Mesh, rule: Json, service: ServiceName, subset: str) -> tuple[str, str] | None:
    """A DestinationRule that has the subset, and does not hold for the Service: which, and the remedy."""
    for one in mesh.of("DestinationRule"):
        host, home = str(spec_of(one).get("host") or ""), home_of(one)
        if not any(part.get("name") == subset for part in spec_of(one).get("subsets") or ()):
            continue
        origin = origin_for("DestinationRule", one)
        if home not in (home_of(rule), service[1], ROOT) and host.partition(".")[0] == service[0]:
            return (
                f"{origin} has it, but in namespace {home}",
                f"Apply DestinationRule {origin.name} in namespace {service[1]} instead.",
            )
        if home in (home_of(rule), service[1], ROOT) and mesh.service_for(host, home) is None:
            return (
                f"{origin} has it, but for the host {host}, which is no Service",
                f"Correct the host of {origin} to {service[0]}.",
            )
    return None


def _is_of_service(mesh: Mesh, rule: Json, service: ServiceName) -> bool:
    host = str(spec_of(rule).get("host") or "")
    return mesh.service_for(host, home_of(rule)) == service or host_holds(host, f"{service[0]}.{service[1]}.{DOMAIN}")


def empty_subsets(mesh: Mesh) -> t.Iterator[Effect]:
    """A subset whose labels no pod of its Service has."""
    if not _readable(mesh, "Pod", "Service"):
        return
    for rule in mesh.of("DestinationRule"):
        service = mesh.service_for(str(spec_of(rule).get("host") or ""), home_of(rule))
        if service is None:
            continue
        pods = mesh.pods_of(service)
        for subset in spec_of(rule).get("subsets") or ():
            wanted = subset.get("labels") or {}
            if wanted and pods and not any(matches(wanted, labels_of(pod)) for pod in pods):
                shown = ", ".join(f"{key}={value}" for key, value in wanted.items())
                yield Effect(
                    origin_for("DestinationRule", rule),
                    f"spec.subsets[{subset.get('name')}].labels",
                    f"Subset {subset.get('name')} of {origin_for('DestinationRule', rule)} asks for the labels "
                    f"{shown}, and no pod of {service[0]} has them.",
                    "Correct the labels, or deploy that version.",
                    "subset",
                    frozenset((service,)),
                )


def unreachable_routes(mesh: Mesh) -> t.Iterator[Effect]:
    """Routes behind one that takes everything."""
    for rule in mesh.of("VirtualService"):
        routes = routes_of(rule)
        for number, route in enumerate(routes[:-1], 1):
            takes_all = not route.get("match") or any(
                set(one) <= {"name", "uri"}
                and (one.get("uri") or {}).get("prefix", "/") == "/"
                and "uri" in one
                or not one
                for one in route.get("match") or ()
            )
            if takes_all:
                yield Effect(
                    origin_for("VirtualService", rule),
                    f"spec.http[{number}]",
                    f"Rule {number} of {origin_for('VirtualService', rule)} takes every request, so the rules "
                    "behind it take none.",
                    "Move the rule without a match to the end.",
                    "route",
                    services_for(mesh, rule),
                    str(next(iter(spec_of(rule).get("hosts") or ()), "")),
                )
                break


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
        if len(rules) < 2:
            continue
        ordered = sorted(
            rules, key=lambda one: (str((one.get("metadata") or {}).get("creationTimestamp") or ""), name_of(one))
        )
        first = ordered[0]
        for other in ordered[1:]:
            yield Effect(
                origin_for("VirtualService", other),
                "spec.hosts",
                f"{origin_for('VirtualService', other)} is for {service[0]}, for which the older "
                f"{origin_for('VirtualService', first)} holds already.",
                "Merge the two.",
                "route",
                frozenset((service,)),
            )


def _age(one: Json) -> tuple[str, str]:
    return str((one.get("metadata") or {}).get("creationTimestamp") or ""), name_of(one)


# -- gateways ------------------------------------------------------------


def gateways_without_pods(mesh: Mesh) -> t.Iterator[Effect]:
    """A Gateway whose selector no pod has."""
    if not _readable(mesh, "Pod"):
        return
    for gateway in mesh.of("Gateway"):
        selector = spec_of(gateway).get("selector") or {}
        if selector and not any(matches(selector, labels_of(pod)) for pod in mesh.of("Pod")):
            shown = ", ".join(f"{key}={value}" for key, value in selector.items())
            yield Effect(
                origin_for("Gateway", gateway),
                "spec.selector",
                f"{origin_for('Gateway', gateway)} selects {shown}, and no pod has these labels.",
                "Give it the labels of the gateway's pods, usually istio: ingressgateway.",
                "gateway",
            )


# -- policies ------------------------------------------------------------


def selects_nothing(mesh: Mesh) -> t.Iterator[Effect]:
    """A policy whose selector no pod of its namespace has."""
    if not _readable(mesh, "Pod"):
        return
    for kind in POLICIES:
        for policy in mesh.of(kind):
            selector, home = selector_of(policy), home_of(policy)
            places = None if home == ROOT else home
            if not selector or any(matches(selector, labels_of(pod)) for pod in mesh.of("Pod", places)):
                continue
            shown = ", ".join(f"{key}={value}" for key, value in selector.items())
            elsewhere = sorted({home_of(pod) for pod in mesh.of("Pod") if matches(selector, labels_of(pod))})
            tail = f"; pods of namespace {elsewhere[0]} have them" if elsewhere else ""
            yield Effect(
                origin_for(kind, policy),
                "spec.workloadSelector" if kind in ("Sidecar", "EnvoyFilter") else "spec.selector",
                f"{origin_for(kind, policy)} selects {shown}, and no pod in namespace {home} has these labels{tail}.",
                f"Apply it in namespace {elsewhere[0]} instead." if elsewhere else "Correct its selector.",
                _topic(kind),
                frozenset(
                    (name_of(one), home_of(one))
                    for one in mesh.of("Service")
                    if home_of(one) in elsewhere
                    and any(matches(selector, labels_of(pod)) for pod in mesh.pods_of((name_of(one), home_of(one))))
                ),
            )


def _topic(kind: str) -> str:
    return {
        "AuthorizationPolicy": "policy",
        "PeerAuthentication": "mtls",
        "RequestAuthentication": "token",
        "Telemetry": "trace",
        "Sidecar": "egress",
        "EnvoyFilter": "filter",
    }[kind]


def stars_in_paths(mesh: Mesh) -> t.Iterator[Effect]:
    """A star in the middle of an AuthorizationPolicy's path."""
    for policy in mesh.of("AuthorizationPolicy"):
        for number, rule in enumerate(spec_of(policy).get("rules") or (), 1):
            for to in rule.get("to") or ():
                operation = to.get("operation") or {}
                for key in ("paths", "notPaths"):
                    for path in operation.get(key) or ():
                        text = str(path)
                        if "*" not in text.strip("*") or "{" in text:
                            continue
                        yield Effect(
                            origin_for("AuthorizationPolicy", policy),
                            f"spec.rules[{number - 1}].to.operation.{key}",
                            f"{origin_for('AuthorizationPolicy', policy)} {_does(policy)} the path {text} literally: a "
                            "star counts at its beginning or end only.",
                            f"Write {_with_template(text)}, or allow a prefix or suffix.",
                            "policy",
                            host=text,
                        )


def _does(policy: Json) -> str:
    return {"DENY": "denies", "AUDIT": "audits"}.get(str(spec_of(policy).get("action") or "ALLOW"), "allows")


def _with_template(text: str) -> str:
    return text.replace("*", "{*}")


def ports_of_services(mesh: Mesh) -> t.Iterator[Effect]:
    """A portLevelMtls, or a policy's port, that is a Service's and not the pods'."""
    if not _readable(mesh, "Pod", "Service"):
        return
    for kind in ("PeerAuthentication", "AuthorizationPolicy"):
        for policy in mesh.of(kind):
            pods = [
                pod
                for pod in mesh.of("Pod", None if home_of(policy) == ROOT else home_of(policy))
                if matches(selector_of(policy), labels_of(pod)) and has_proxy(pod)
            ]
            inner = {number for pod in pods for number in _container_ports(mesh, pod)}
            for where, port, mode in _ports_in(policy, kind):
                if not pods or not inner or port in inner:
                    continue
                owners = [
                    one
                    for one in mesh.of("Service", home_of(pods[0]))
                    if any(item.get("port") == port for item in ports_of(one))
                    and any(matches(spec_of(one).get("selector") or {"": ""}, labels_of(pod)) for pod in pods)
                ]
                listen = ", ".join(str(one) for one in sorted(inner))
                app = labels_of(pods[0]).get("app") or name_of(pods[0])
                tail = f"; port {port} is Service {name_of(owners[0])}'s" if owners else ""
                says = f"demands mTLS on port {port}" if mode == "STRICT" else f"names port {port}"
                yield Effect(
                    origin_for(kind, policy),
                    where,
                    f"{origin_for(kind, policy)} {says}, and the pods of {app} listen on {listen}{tail}.",
                    f"Give the container's port: portLevelMtls: {{{min(inner)}: {{mode: {mode}}}}}."
                    if kind == "PeerAuthentication"
                    else f"Give the container's port, {min(inner)}.",
                    _topic(kind),
                    frozenset((name_of(one), home_of(one)) for one in owners),
                )


def _ports_in(policy: Json, kind: str) -> t.Iterator[tuple[str, int, str]]:
    if kind == "PeerAuthentication":
        for port, one in (spec_of(policy).get("portLevelMtls") or {}).items():
            if str(port).isdigit():
                yield f"spec.portLevelMtls.{port}", int(port), str((one or {}).get("mode") or "")
        return
    for number, rule in enumerate(spec_of(policy).get("rules") or ()):
        for to in rule.get("to") or ():
            for port in (to.get("operation") or {}).get("ports") or ():
                if str(port).isdigit():
                    yield f"spec.rules[{number}].to.operation.ports", int(port), ""


def _container_ports(mesh: Mesh, pod: Json) -> set[int]:
    """What a pod listens on, as far as it says, or a Service leads there."""
    own = {
        int(port["containerPort"])
        for one in spec_of(pod).get("containers") or ()
        if one.get("name") != "istio-proxy"
        for port in one.get("ports") or ()
        if port.get("containerPort")
    }
    for service in mesh.of("Service", home_of(pod)):
        selector = spec_of(service).get("selector") or {}
        if selector and matches(selector, labels_of(pod)):
            for port in ports_of(service):
                target = port.get("targetPort", port.get("port"))
                own |= {int(target)} if isinstance(target, int) else set()
    return own


def plain_probes(mesh: Mesh) -> t.Iterator[Effect]:
    """A pod that is not ready, since the kubelet's plain probe meets strict mTLS and Istio may not let it pass."""
    if not _readable(mesh, "Pod", "PeerAuthentication"):
        return
    for pod in mesh.of("Pod"):
        annotations = (pod.get("metadata") or {}).get("annotations") or {}
        if annotations.get(REWRITE) != "false" or is_ready(pod) or not has_proxy(pod):
            continue
        for port in _probed(pod):
            mode, demand, where = mtls_of(mesh, pod, port)
            if mode != "STRICT" or demand is None:
                continue
            workload = name_of(pod).rsplit("-", 2)[0]
            yield Effect(
                demand,
                f"spec.{where}",
                f"Pods of {workload} are not ready: the kubelet's probe is plain text, {demand} demands mTLS, and the "
                f'annotation {REWRITE}: "false" keeps Istio from letting it pass.',
                f"Remove the annotation {REWRITE} from the pod template.",
                "probe",
                frozenset(
                    (name_of(one), home_of(one))
                    for one in mesh.of("Service", home_of(pod))
                    if matches(spec_of(one).get("selector") or {"": ""}, labels_of(pod))
                ),
            )
            break


def _probed(pod: Json) -> t.Iterator[int]:
    """The ports of a pod's own containers that the kubelet probes by HTTP, gRPC or TCP."""
    for container in spec_of(pod).get("containers") or ():
        for kind in ("readinessProbe", "startupProbe", "livenessProbe"):
            probe = container.get(kind) or {}
            for how in ("httpGet", "grpc", "tcpSocket"):
                port = (probe.get(how) or {}).get("port")
                if isinstance(port, int):
                    yield port


# -- EnvoyFilters --------------------------------------------------------


def filters_beside(mesh: Mesh) -> t.Iterator[Effect]:
    """An EnvoyFilter for gateways in a namespace where none runs, and patches of what no proxy has."""
    if not _readable(mesh, "Pod"):
        return
    for one in mesh.of("EnvoyFilter"):
        home = home_of(one)
        pods = [
            pod
            for pod in mesh.of("Pod", None if home == ROOT else home)
            if has_proxy(pod) and matches(selector_of(one), labels_of(pod))
        ]
        patches = spec_of(one).get("configPatches") or ()
        contexts = {str((patch.get("match") or {}).get("context") or "ANY") for patch in patches}
        origin = origin_for("EnvoyFilter", one)
        gateways = mesh.gateways()
        if contexts == {"GATEWAY"} and not any(matches(GATEWAY_LABELS, labels_of(pod)) for pod in pods):
            place = f"; the ingress gateway is in {home_of(gateways[0])}" if gateways else ""
            yield Effect(
                origin,
                "metadata.namespace",
                f"{origin} is for gateways of namespace {home}, where none runs{place}.",
                f"Apply it in namespace {home_of(gateways[0])}." if gateways else "Apply it where the gateway runs.",
                "filter",
            )
            continue
        for number, patch in enumerate(patches):
            yield from _patch_of_nothing(mesh, one, number, patch, pods)


def _patch_of_nothing(mesh: Mesh, one: Json, number: int, patch: Json, pods: list[Json]) -> t.Iterator[Effect]:
    match = patch.get("match") or {}
    configs = [config for pod in pods if (config := mesh.config_of(pod)) is not None]
    if not configs or len(configs) < len(pods):
        return
    origin = origin_for("EnvoyFilter", one)
    wanted = ((match.get("routeConfiguration") or {}).get("vhost") or {}).get("name")
    if wanted:
        hosts = sorted(
            {
                str(host.get("name", ""))
                for config in configs
                for routes in config.routes.values()
                for host in routes.get("virtual_hosts") or ()
                if host.get("name") not in ("backend", "stats", "blackhole:80")
            }
            | {
                str(host.get("name", ""))
                for config in configs
                for routes in _own_routes(config.listeners)
                for host in routes.get("virtual_hosts") or ()
            }
        )
        if wanted not in hosts:
            shown = ", ".join(hosts[:3]) or "none"
            yield Effect(
                origin,
                f"spec.configPatches[{number}].match.routeConfiguration.vhost.name",
                f"{origin} patches the virtual host {wanted}, and the proxies that it is for have only {shown}.",
                f"Name the virtual host {hosts[0] if hosts else '…'}, or leave vhost out to patch all.",
                "filter",
            )
    port = (match.get("listener") or {}).get("portNumber")
    if port and not any(socket_of(listener)[1] == int(port) for config in configs for listener in config.listeners):
        inside = any(
            int((chain.get("filter_chain_match") or {}).get("destination_port") or 0) == int(port)
            for config in configs
            for listener in config.listeners
            for chain in listener.get("filter_chains") or ()
        )
        if not inside:
            yield Effect(
                origin,
                f"spec.configPatches[{number}].match.listener.portNumber",
                f"{origin} patches a listener on port {port}, which none of the proxies that it is for has.",
                "Correct the port (of a pod for inbound listeners, of a Service for outbound ones), or leave it out.",
                "filter",
            )


def _own_routes(listeners: t.Iterable[Json]) -> t.Iterator[Json]:
    from .dump import manager_of

    for listener in listeners:
        for chain in (*(listener.get("filter_chains") or ()), listener.get("default_filter_chain") or {}):
            own = (manager_of(chain) or {}).get("route_config")
            if own:
                yield own


LOOKS: tuple[t.Callable[[Mesh], t.Iterator[Effect]], ...] = (
    unbound,
    literal_stars,
    raw_tcp,
    dead_hosts,
    unknown_hosts,
    undefined_subsets,
    empty_subsets,
    no_fault,
    unreachable_routes,
    shadowed,
    gateways_without_pods,
    selects_nothing,
    stars_in_paths,
    ports_of_services,
    plain_probes,
    filters_beside,
)
