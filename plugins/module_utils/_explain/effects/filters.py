# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EnvoyFilters for proxies that are elsewhere, and patches of what no proxy has."""

from __future__ import annotations

import typing as t

from ..._istio.patterns import PatternError, is_found
from ..._istio.pods import has_sidecar
from ..._kube.objects import home_of, labels_of, matches, spec_of
from ..dump import MANAGER, ProxyConfig, filters_of, manager_of
from ..mesh import ROOT, Json, Mesh, is_gateway, origin_for, selector_of, targets_of_policy
from ..origin import Origin
from ..words import joined
from .finding import Effect
from .mend import Patch, moved, remove, setting

DIRECTIONS = {"SIDECAR_INBOUND": "INBOUND", "SIDECAR_OUTBOUND": "OUTBOUND"}
# Istio ends a chain with one of these, so what is merged into them waits for such a chain.
_ENDS = (MANAGER, "envoy.filters.network.tcp_proxy")


def filters_beside(mesh: Mesh) -> t.Iterator[Effect]:
    """An EnvoyFilter for gateways in a namespace where none runs, and patches of what no proxy has."""
    for one in mesh.of("EnvoyFilter"):
        home = home_of(one)
        if not mesh.known("Pod", *(() if home == ROOT else (home,))) or targets_of_policy(one):
            continue
        pods = [
            pod
            for pod in mesh.of("Pod", None if home == ROOT else home)
            if has_sidecar(pod) and matches(selector_of(one), labels_of(pod))
        ]
        patches = spec_of(one).get("configPatches") or ()
        contexts = {str((patch.get("match") or {}).get("context") or "ANY") for patch in patches}
        origin = origin_for("EnvoyFilter", one)
        gateways = mesh.gateways()
        if contexts == {"GATEWAY"} and not any(map(is_gateway, pods)):
            place = f"; the ingress gateway is in {home_of(gateways[0])}" if gateways else ""
            yield Effect(
                origin,
                "metadata.namespace",
                f"{origin} is for gateways of namespace {home}, where none runs{place}.",
                f"Apply it in namespace {home_of(gateways[0])}." if gateways else "Apply it where the gateway runs.",
                "filter",
                mend=moved("EnvoyFilter", one, home_of(gateways[0])) if gateways else None,
            )
            continue
        for number, patch in enumerate(patches):
            yield from _patch_of_nothing(mesh, one, number, patch, meant_by(patch, pods))


def meant_by(patch: Json, pods: t.Iterable[Json]) -> list[Json]:
    """The pods among these whose proxies a patch is for, by its context."""
    context = str((patch.get("match") or {}).get("context") or "ANY")
    return [pod for pod in pods if context == "ANY" or (context == "GATEWAY") == is_gateway(pod)]


def names_parts(patch: Json) -> bool:
    """Whether a patch is for a part or a version that only the proxies themselves know."""
    return bool(_vhost(patch) or _port(patch) or any(_filters(patch)) or _version(patch))


def _vhost(patch: Json) -> str:
    routes = (patch.get("match") or {}).get("routeConfiguration") or {}
    return str((routes.get("vhost") or {}).get("name") or "")


def _version(patch: Json) -> str:
    """The pattern of the versions that a patch is for."""
    return str(((patch.get("match") or {}).get("proxy") or {}).get("proxyVersion") or "")


def _port(patch: Json) -> int:
    return int(((patch.get("match") or {}).get("listener") or {}).get("portNumber") or 0)


def _filters(patch: Json) -> tuple[str, str]:
    """The filter of a connection, and the one of HTTP, that a patch is put beside, merged into or taken away."""
    chain = ((patch.get("match") or {}).get("listener") or {}).get("filterChain") or {}
    outer = chain.get("filter") or {}
    return str(outer.get("name") or ""), str((outer.get("subFilter") or {}).get("name") or "")


def _patch_of_nothing(mesh: Mesh, one: Json, number: int, patch: Json, pods: list[Json]) -> t.Iterator[Effect]:
    configs = [config for pod in pods if (config := mesh.config_of(pod)) is not None]
    if not configs or len(configs) < len(pods):
        return
    from ..routing import socket_of  # comes with all of Envoy's matching, and few sets have such patches

    origin = origin_for("EnvoyFilter", one)
    other = _for_other_versions(origin, number, _version(patch), configs)
    if other is not None:
        yield other
        return
    wanted, port = _vhost(patch), _port(patch)
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
                f"Name the virtual host {' or '.join(hosts[:3]) or '…'}, or leave vhost out to patch all.",
                "filter",
                mend=setting(
                    origin,
                    ("spec", "configPatches", number, "match", "routeConfiguration", "vhost", "name"),
                    hosts[0],
                )
                if len(hosts) == 1
                else None,
            )
    yield from _beside_no_filter(origin, number, patch, configs)
    met = [one for config in configs for one in config.listeners if _is_of(one, patch)]
    if port and not any(socket_of(listener)[1] == port for listener in met):
        inside = any(
            int((chain.get("filter_chain_match") or {}).get("destination_port") or 0) == port
            for listener in met
            for chain in listener.get("filter_chains") or ()
        )
        if not inside:
            yield Effect(
                origin,
                f"spec.configPatches[{number}].match.listener.portNumber",
                f"{origin} patches a listener on port {port}, but no proxy it applies to has one.",
                "Correct the port (of a pod for inbound listeners, of a Service for outbound ones), or leave it out.",
                "filter",
            )


def _is_of(listener: Json, patch: Json) -> bool:
    """Whether a listener is for the traffic that a patch is for."""
    wanted = DIRECTIONS.get(str((patch.get("match") or {}).get("context") or "ANY"))
    return wanted is None or str(listener.get("traffic_direction") or wanted) == wanted


def _for_other_versions(origin: Origin, number: int, pattern: str, configs: t.Sequence[ProxyConfig]) -> Effect | None:
    """A patch for proxies of versions that none of these is of; the pattern is searched for in the version."""
    versions = sorted({config.version for config in configs})
    try:
        if not pattern or not all(versions) or any(is_found(pattern, one) for one in versions):
            return None
    except PatternError:
        return None  # the server refuses it
    path = ("spec", "configPatches", number, "match", "proxy")
    return Effect(
        origin,
        f"spec.configPatches[{number}].match.proxy.proxyVersion",
        f"{origin} patches proxies whose version fits {pattern} (proxyVersion), and those that it is for are of "
        f"{joined(versions)}.",
        "Correct proxyVersion, or leave it out.",
        "filter",
        mend=Patch(origin, (remove((*path, "proxyVersion")),)),
    )


def _beside_no_filter(origin: Origin, number: int, patch: Json, configs: t.Sequence[ProxyConfig]) -> t.Iterator[Effect]:
    """A patch beside a filter that none of the proxies has, such as one by the name that it had in an older Envoy."""
    place = ("spec", "configPatches", number, "match", "listener", "filterChain", "filter")
    chains = [
        chain
        for config in configs
        for listener in config.listeners
        for chain in (*(listener.get("filter_chains") or ()), listener.get("default_filter_chain") or {})
    ]
    outer = {str(one.get("name", "")) for chain in chains for one in chain.get("filters") or ()}
    inner = {one.name for chain in chains for one in filters_of(manager_of(chain) or {})}
    if ((patch.get("patch") or {}).get("value") or {}).get("name") in outer | inner:
        return  # it is there, whatever it was put beside
    merged = (patch.get("patch") or {}).get("operation") == "MERGE"
    for name, have, field in zip(_filters(patch), (outer, inner), (("name",), ("subFilter", "name")), strict=True):
        if not name or name in have or (merged and name in _ENDS):
            continue
        close = sorted(one for one in have if one.rpartition(".")[2] == name.rpartition(".")[2])
        yield Effect(
            origin,
            f"spec.configPatches[{number}].match.listener.filterChain.filter.{'.'.join(field)}",
            f"{origin} is put beside the filter {name}, but no proxy it applies to has it"
            + (f"; they have {close[0]}." if close else "."),
            f"Write {close[0]}." if close else "Correct the name, or leave it out.",
            "filter",
            mend=setting(origin, (*place, *field), close[0]) if close else None,
        )


def _own_routes(listeners: t.Iterable[Json]) -> t.Iterator[Json]:
    for listener in listeners:
        for chain in (*(listener.get("filter_chains") or ()), listener.get("default_filter_chain") or {}):
            own = (manager_of(chain) or {}).get("route_config")
            if own:
                yield own
