# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, ports and Gateways that rules name and that do not exist."""

from __future__ import annotations

import typing as t

from ..._kube.objects import home_of, name_of, spec_of
from ..mesh import DOMAIN, Json, Mesh, host_holds, origin_for, ports_of, service_named
from ..origin import Origin
from .finding import (
    Effect,
    destinations,
    first_host,
    gateways_of,
    is_for_mesh,
    placed_destinations,
    placed_routes,
    services_for,
)
from .mend import Mend, moved, setting

CLUSTERSET = ".svc.clusterset.local"
"""The domain of Services that other clusters export (Kubernetes' multi-cluster services API)."""


def unbound(mesh: Mesh) -> t.Iterator[Effect]:
    """A VirtualService that names a Gateway which does not exist."""
    gateways = {(home_of(one), name_of(one)): one for one in mesh.of("Gateway")}
    for rule in mesh.of("VirtualService"):
        hosts = [str(one) for one in spec_of(rule).get("hosts") or ()]
        for index, home, name in gateways_of(rule):
            if (home, name) in gateways or not mesh.known("Gateway", home):
                continue
            meant = [key for key, one in gateways.items() if key[1] == name] or [
                key for key, one in gateways.items() if any(_takes(one, host, home_of(rule)) for host in hosts)
            ]
            other, remedy = "", f"Apply a Gateway {home}/{name}, or name one that exists."
            mend: Mend | None = None
            if meant:
                called = f"{meant[0][0]}/{meant[0][1]}"
                other = f"; the Gateway for {hosts[0] if hosts else 'its host'} is {called}"
                remedy = f"Write gateways: [{called}]."
                mend = setting(origin_for("VirtualService", rule), ("spec", "gateways", index), called)
            if len(meant) > 1:
                names = " or ".join(f"{one[0]}/{one[1]}" for one in meant)
                remedy, mend = f"Write one of these Gateways: {names}.", None
            yield Effect(
                origin_for("VirtualService", rule),
                f"spec.gateways[{index}]",
                f"{origin_for('VirtualService', rule)} is bound to Gateway {home}/{name}, which does not exist{other}.",
                remedy,
                "gateway",
                host=hosts[0] if hosts else "",
                mend=mend,
            )


def missed_gateways(mesh: Mesh) -> t.Iterator[Effect]:
    """A VirtualService bound to a Gateway that takes none of its hosts, or none from its namespace."""
    gateways = {(home_of(one), name_of(one)): one for one in mesh.of("Gateway")}
    for rule in mesh.of("VirtualService"):
        hosts = [str(one) for one in spec_of(rule).get("hosts") or ()]
        for index, home, name in gateways_of(rule):
            gateway = gateways.get((home, name))
            if gateway is None or not hosts or any(_takes(gateway, host, home_of(rule)) for host in hosts):
                continue
            taken = list(
                dict.fromkeys(
                    str(one) for server in spec_of(gateway).get("servers") or () for one in server.get("hosts") or ()
                )
            )
            if not taken:
                continue
            yield Effect(
                origin_for("VirtualService", rule),
                "spec.hosts",
                f"{origin_for('VirtualService', rule)} is for {hosts[0]} at Gateway {home}/{name} "
                f"(gateways[{index}]), whose servers take {', '.join(taken[:3])} only.",
                f"Add {hosts[0]} to the hosts of a server of Gateway {home}/{name}, or correct the host.",
                "gateway",
                host=hosts[0],
                idle=not is_for_mesh(rule),
            )


def _takes(gateway: Json, asked: str, namespace: str) -> bool:
    """Whether a server of a Gateway is for a host of a VirtualService of this namespace (``namespace/host``)."""
    for server in spec_of(gateway).get("servers") or ():
        for one in server.get("hosts") or ():
            place, slash, taken = str(one).rpartition("/")
            home = home_of(gateway) if place == "." else place
            if slash and home not in ("*", namespace):
                continue
            if host_holds(taken, asked) or host_holds(asked, taken):
                return True
    return False


def unknown_hosts(mesh: Mesh) -> t.Iterator[Effect]:
    """Destinations and mirrors that are neither a Service nor a ServiceEntry's host."""
    for rule in mesh.of("VirtualService"):
        for kind, number, route in placed_routes(rule):
            for what, path, destination in placed_destinations(route):
                host = str(destination.get("host") or "")
                if not host or not _is_missing(mesh, host, home_of(rule)):
                    continue
                better = _meant_host(mesh, host, home_of(rule))
                does = "sends copies" if what == "mirror" else "routes"
                yield Effect(
                    origin_for("VirtualService", rule),
                    f"spec.{kind}[{number}].{what}",
                    f"{origin_for('VirtualService', rule)} {does} to {host}, which is "
                    + (f"not a Service; {better} is." if better else "neither a Service nor a host of a ServiceEntry."),
                    f"Write host: {better}." if better else "Correct the host, or create the Service.",
                    "mirror" if what == "mirror" else "host",
                    services_for(mesh, rule),
                    host,
                    mend=setting(origin_for("VirtualService", rule), ("spec", kind, number, *path, "host"), better)
                    if better
                    else None,
                )


def _is_missing(mesh: Mesh, host: str, namespace: str) -> bool:
    """Whether a host does not exist, as far as enough could be read to say so."""
    named = service_named(host, namespace)
    places = [named[1]] if named is not None else []
    # Any namespace's ServiceEntry may name what is not a Service's; a short name is one of this namespace's.
    inside = "." not in host or host.endswith(f".{DOMAIN}")
    if not mesh.known("Service", *places) or not mesh.known("ServiceEntry", *(places if inside else ())):
        return False
    return not _is_known(mesh, host, namespace)


def _is_known(mesh: Mesh, host: str, namespace: str) -> bool:
    if mesh.service_for(host, namespace) is not None or host.endswith(CLUSTERSET):
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
    import difflib  # takes a while to load, and is needed only for what is wrong

    names = [name_of(one) for one in mesh.of("Service", namespace)]
    head = host.partition(".")[0]
    close = [head] if head in names else difflib.get_close_matches(head, sorted(names), 1)
    return f"{close[0]}.{namespace}.{DOMAIN}" if close else ""


def dead_hosts(mesh: Mesh) -> t.Iterator[Effect]:
    """A VirtualService or DestinationRule for a short host that is not a Service of its own namespace."""
    for kind in ("VirtualService", "DestinationRule"):
        for rule in mesh.of(kind):
            spec, home = spec_of(rule), home_of(rule)
            of_rule = kind == "VirtualService"
            hosts = [str(one) for one in spec.get("hosts") or ()] if of_rule else [str(spec.get("host") or "")]
            if of_rule and not is_for_mesh(rule):
                continue
            local = [one for one in hosts if one and one != "*" and ("." not in one or one.endswith(f".{DOMAIN}"))]
            if not local or "*" in local[0] or not all(_is_missing(mesh, one, home) for one in hosts):
                continue
            elsewhere = sorted(
                {home_of(one) for one in mesh.of("Service") if name_of(one) == local[0].partition(".")[0]}
            )
            mend: Mend | None = None
            meant = _meant_for(mesh, rule, local[0]) if not elsewhere else ""
            origin = origin_for(kind, rule)
            if elsewhere:
                tail = f"; namespace {elsewhere[0]} has it"
                remedy = f"Apply it in namespace {' or '.join(elsewhere)} instead."
                mend = moved(kind, rule, elsewhere[0]) if len(elsewhere) == 1 else None
            elif meant:
                tail, remedy = f"; {meant.partition('.')[0]} is one", f"Write {meant.partition('.')[0]}."
                where: tuple[str | int, ...] = ("spec", "hosts", hosts.index(local[0])) if of_rule else ("spec", "host")
                mend = setting(origin, where, meant.partition(".")[0])
            else:
                tail, remedy = "", "Correct the host, or create the Service."
            place = (service_named(local[0], home) or ("", home))[1]
            yield Effect(
                origin,
                "spec.hosts" if of_rule else "spec.host",
                f"{origin} is for the host {local[0]}, which is not a Service of namespace {place}{tail}.",
                remedy,
                "host",
                frozenset((local[0].partition(".")[0], place) for place in elsewhere)
                or frozenset([(meant.partition(".")[0], home)] if meant else []),
                local[0],
                mend=mend,
            )


def aliases_of_nobody(mesh: Mesh) -> t.Iterator[Effect]:
    """A Service that is another name for one that does not exist (kubernetes.io, "Service", ExternalName)."""
    for service in mesh.of("Service"):
        name = str(spec_of(service).get("externalName") or "").rstrip(".")
        if spec_of(service).get("type") != "ExternalName" or not name.endswith(f".{DOMAIN}"):
            continue
        if not _is_missing(mesh, name, home_of(service)):
            continue
        origin = origin_for("Service", service)
        place = (service_named(name, home_of(service)) or ("", home_of(service)))[1]
        better = _meant_host(mesh, name, place)
        yield Effect(
            origin,
            "spec.externalName",
            f"{origin} is another name for {name} (ExternalName), which is not a Service"
            + (f"; {better} is." if better else "."),
            f"Write externalName: {better}." if better else "Correct it, or create that Service.",
            "host",
            frozenset(((origin.name, origin.namespace),)),
            name,
            mend=setting(origin, ("spec", "externalName"), better) if better else None,
        )


def _meant_for(mesh: Mesh, rule: Json, host: str) -> str:
    """The full name of the Service that a rule is probably for: the one that it routes to, else one of a like name."""
    home = home_of(rule)
    targets = {
        str(destination.get("host") or "")
        for _kind, _index, route in placed_routes(rule)
        for _what, destination in destinations(route)
    }
    named = {service for target in targets if (service := mesh.service_for(target, home)) is not None}
    if len(named) == 1:
        ((name, place),) = named
        return f"{name}.{place}.{DOMAIN}" if place == home else ""
    return _meant_host(mesh, host, home)


def unknown_ports(mesh: Mesh) -> t.Iterator[Effect]:
    """A route to a port that its Service does not have, or a match of one that the host's Service does not have."""
    for rule in mesh.of("VirtualService"):
        home, origin = home_of(rule), origin_for("VirtualService", rule)
        own = services_for(mesh, rule)
        only_one_kind = is_for_mesh(rule) != bool(list(gateways_of(rule)))
        for kind, number, route in placed_routes(rule):
            for what, path, destination in placed_destinations(route):
                asked = (destination.get("port") or {}).get("number")
                service = mesh.service_for(str(destination.get("host") or ""), home)
                have = _ports(mesh, [service] if service else [])
                if asked and service is not None and have and int(asked) not in have:
                    yield Effect(
                        origin,
                        f"spec.{kind}[{number}].{what}.destination.port.number",
                        f"{origin} {'sends copies' if what == 'mirror' else 'routes'} to port {asked} of {service[0]}, "
                        f"whose Service {service[1]}/{service[0]} has {_listed(have)} only.",
                        f"Write port: {{number: {' or '.join(map(str, sorted(have)))}}}.",
                        "mirror" if what == "mirror" else "host",
                        frozenset((service,)),
                        mend=setting(origin, ("spec", kind, number, *path, "port", "number"), min(have))
                        if len(have) == 1
                        else None,
                    )
            have, whose = _ports(mesh, own), ", ".join(sorted(one[0] for one in own))
            if not is_for_mesh(rule):
                have, whose = _opened(mesh, rule)
            asked_by = [one.get("port") for one in route.get("match") or ()]
            if only_one_kind and have and asked_by and all(asked_by) and not {int(one) for one in asked_by} & have:
                yield Effect(
                    origin,
                    f"spec.{kind}[{number}].match.port",
                    f"Rule {number + 1} of {origin} is for requests to port {asked_by[0]}, and {whose} has "
                    f"{_listed(have)} only.",
                    f"Write port: {min(have)}, or leave it out.",
                    "route" if is_for_mesh(rule) else "gateway",
                    own if is_for_mesh(rule) else frozenset(),
                    "" if is_for_mesh(rule) else first_host(rule),
                )


def _opened(mesh: Mesh, rule: Json) -> tuple[set[int], str]:
    """The ports of the servers of the Gateways that a VirtualService names, and their names; none where one is unknown.

    A match compares the server's port (istio.io, "Virtual Service", HTTPMatchRequest), and not that of the pods.
    """
    found = [mesh.find(Origin("Gateway", home, name)) for _index, home, name in gateways_of(rule)]
    ports = {
        int((server.get("port") or {}).get("number") or 0)
        for one in found
        for server in spec_of(one or {}).get("servers") or ()
    }
    names = " and ".join(str(origin_for("Gateway", one)) for one in found if one is not None)
    return (ports if None not in found else set()), names


def _ports(mesh: Mesh, services: t.Iterable[tuple[str, str]]) -> set[int]:
    return {int(port.get("port") or 0) for name in services for port in ports_of(mesh.service(name) or {})}


def _listed(ports: set[int]) -> str:
    return ("port " if len(ports) == 1 else "the ports ") + ", ".join(str(one) for one in sorted(ports))
