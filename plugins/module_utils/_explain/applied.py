# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has just been applied and can have no effect: reads what is needed to say so, and no more.

It looks at the namespaces concerned first. Only where something seems to have no effect does it look at all of them,
since what seems to be missing may be elsewhere; what may not be read then counts as unknown, and nothing is said of it.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .._istio.pods import has_sidecar
from .._kube.errors import ApiError
from .._kube.objects import home_of, labels_of, matches, name_of, selector_text, spec_of
from .effects import Effect, effects_of
from .effects.filters import meant_by, names_parts
from .effects.finding import destinations, gateways_of, is_for_mesh, placed_routes, routes_of
from .effects.policies import POLICIES, named_ports, plain_probes
from .mesh import (
    API_VERSIONS,
    DOMAIN,
    OPAQUE_PROTOCOLS,
    ROOT,
    Json,
    Mesh,
    delegate_of,
    origin_for,
    ports_of,
    protocol_of,
    selector_of,
    service_named,
    targets_of_policy,
)

if t.TYPE_CHECKING:
    from .._kube import Client
    from .collect import Configs

Name = tuple[str, str, str]
"""Kind, namespace and name."""
Needs = dict[str, set[str]]
"""The namespaces of whose objects of a kind something is to be known."""

THREADS = 8
MOST_TOLD = 10
"""Findings that are reported one by one."""
MOST_LISTS = 24
"""Requests for single namespaces; where more are concerned, all are read at once."""
BESIDE = {"ServiceEntry": "Service", "WorkloadEntry": "Pod"}
"""Kinds that may have what objects of another seem to lack."""
TEMPLATED = frozenset(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"))


@dataclass(frozen=True)
class Applied:
    """What an apply has left."""

    objects: tuple[Json, ...]
    """As the server has answered."""
    removed: frozenset[Name] = frozenset()
    settled: bool = True
    """Whether the proxies have got it, so that their configurations count too."""


def idle_effects(client: Client, applied: Applied) -> list[Effect]:
    """What of it can have no effect; empty where nothing is, or too little may be read to be sure."""
    ours = [one for one in applied.objects if API_VERSIONS.get(one["kind"], "").partition("/")[0] == _group_of(one)]
    needs = needs_of(ours)
    if not needs:
        return []
    names = {origin_for(one["kind"], one) for one in ours}
    configs = _configs(client) if applied.settled else None
    found: list[Effect] = []
    for everywhere in (False, True):
        mesh = with_applied(_everywhere(client, needs, ours) if everywhere else _near(client, needs), applied)
        if configs is not None:
            mesh = _with_configs(mesh, ours, configs)
        about = [one for one in effects_of(mesh) if one.idle and (one.origin in names or one.without in names)]
        # A missing host is reported once, however often a rule names it.
        found = list({(one.origin, one.topic, one.host or one.sentence): one for one in reversed(about)}.values())[::-1]
        if not found:
            break
    return found


def warnings_of(found: t.Sequence[Effect]) -> list[str]:
    """Findings as sentences; many are mostly one mistake."""
    said = [f"{one.sentence} {one.remedy}" for one in found[:MOST_TOLD]]
    rest = found[MOST_TOLD:]
    if rest:
        others = "another finding" if len(rest) == 1 else f"{len(rest)} more findings"
        said.append(f"There {'is' if len(rest) == 1 else 'are'} {others} like these, such as: {rest[0].sentence}")
    return said


def _group_of(one: Json) -> str:
    """The API group as the table of kinds has it: ``v1`` for Kubernetes' own."""
    return str(one.get("apiVersion") or "").partition("/")[0]


def _configs(client: Client) -> Configs:
    from .collect import Configs

    return Configs(client)


def why_unready(client: Client, workload: Json) -> str:
    """Why pods of a workload do not get ready, as far as the mesh is to blame, and what to do; else empty."""
    home = home_of(workload)
    selector = (spec_of(workload).get("selector") or {}).get("matchLabels") or {}
    mesh = _near(client, {"Pod": {home}, "PeerAuthentication": {home, ROOT}})
    pods = {name_of(pod) for pod in mesh.of("Pod", home) if selector and matches(selector, labels_of(pod))}
    for one in plain_probes(mesh):
        if one.without is not None and one.without.name in pods:
            return f"{one.sentence} {one.remedy}"
    return ""


# -- what has to be known -------------------------------------------------


def needs_of(applied: t.Iterable[Json]) -> Needs:
    """What has to be known of the mesh to tell whether these objects can have an effect."""
    needs: Needs = {}
    for one in applied:
        for kind, places in _needs(one["kind"], one):
            needs.setdefault(kind, set()).update(places)
    return needs


def _needs(kind: str, one: Json) -> t.Iterator[tuple[str, set[str]]]:
    home = home_of(one)
    if kind == "VirtualService":
        asked = [
            destination for _kind, _index, route in placed_routes(one) for _what, destination in destinations(route)
        ]
        hosts = [str(host) for host in spec_of(one).get("hosts") or ()] if is_for_mesh(one) else []
        hosts += [str(destination.get("host") or "") for destination in asked]
        places = _places_of(hosts, home)
        yield "Service", places
        delegates = {named.namespace for route in routes_of(one) if (named := delegate_of(one, route)) is not None}
        if delegates:
            yield "VirtualService", delegates
        if is_for_mesh(one):
            yield "VirtualService", places
        if any(destination.get("subset") for destination in asked):
            yield "DestinationRule", {*places, ROOT}
        if any(map(_is_outside, hosts)):
            yield "ServiceEntry", {home}
        for _index, place, _name in gateways_of(one):
            yield "Gateway", {place}
            yield "VirtualService", {home}
            if spec_of(one).get("exportTo"):
                yield "Pod", {place, ROOT}
    elif kind == "DestinationRule":
        host = str(spec_of(one).get("host") or "")
        yield "Service", _places_of([host], home)
        yield "DestinationRule", {home}
        if spec_of(one).get("subsets"):
            yield "Pod", _places_of([host], home)
        if _is_outside(host):
            yield "ServiceEntry", {home}
    elif kind == "ServiceEntry":
        yield kind, {home}
        yield "VirtualService", {home}
        local = [str(host) for host in spec_of(one).get("hosts") or () if str(host).endswith(f".{DOMAIN}")]
        if local:
            yield "Service", _places_of(local, home)
        if selector_of(one):
            yield "Pod", {home}
            yield "WorkloadEntry", {home}
    elif kind == "Gateway":
        yield "Pod", {home, ROOT}
        yield "Service", {home, ROOT}
    elif kind == "Service":
        if spec_of(one).get("externalName"):
            yield "Service", _places_of([str(spec_of(one)["externalName"])], home)
        if any(protocol_of(port)[0] in OPAQUE_PROTOCOLS for port in ports_of(one)):
            yield "VirtualService", {home}
    elif kind in POLICIES:
        yield kind, {home}
        if selector_of(one) or targets_of_policy(one) or kind == "EnvoyFilter":
            yield "Pod", {home, ROOT} if kind == "EnvoyFilter" else {home}
        if next(named_ports(one, kind), None) is not None:
            yield "Pod", {home}
            yield "Service", {home}


def _places_of(hosts: t.Iterable[str], home: str) -> set[str]:
    """The namespaces that hosts, seen from one, may be Services of."""
    named = (service_named(host, home) for host in hosts if host)
    return {home, *(one[1] for one in named if one is not None)}


def _is_outside(host: str) -> bool:
    return "." in host and not host.endswith(f".{DOMAIN}")


# -- what is there --------------------------------------------------------


def _near(client: Client, needs: Needs) -> Mesh:
    """What there is in the namespaces concerned; all else counts as known, and as nothing."""
    wanted: list[tuple[str, str | None]] = [(kind, place) for kind in needs for place in sorted(needs[kind])]
    if len(wanted) > MOST_LISTS:
        wanted = [(kind, None) for kind in needs]
    objects: dict[str, list[Json]] = {kind: [] for kind in API_VERSIONS}
    with ThreadPoolExecutor(THREADS) as pool:
        answers = pool.map(lambda one: _listed(client, one[0], one[1]), wanted)
        for (kind, _place), found in zip(wanted, answers, strict=True):
            objects[kind] += found or ()
    return Mesh({kind: tuple(found) for kind, found in objects.items()})


def _everywhere(client: Client, needs: Needs, applied: t.Iterable[Json]) -> Mesh:
    """What there is in all namespaces, or where it may be read; of pods only those that something applied selects."""
    kinds = [*needs, *(kind for kind, other in BESIDE.items() if other in needs and kind not in needs)]
    selectors = sorted({selector_text(selected) for one in applied if (selected := _selected(one))})

    def look(kind: str) -> tuple[tuple[Json, ...], frozenset[str] | None]:
        wide = [_listed(client, kind, None, labels) for labels in (selectors if kind == "Pod" else [None])]
        known = bool(wide) and None not in wide
        near = needs.get(kind) or needs[BESIDE[kind]] if kind == "Pod" or not known else set()
        beside = {place: _listed(client, kind, place) for place in sorted(near)}
        found = {(home_of(one), name_of(one)): one for got in (*wide, *beside.values()) for one in got or ()}
        places = None if known else frozenset(place for place, got in beside.items() if got is not None)
        return tuple(found.values()), places

    with ThreadPoolExecutor(THREADS) as pool:
        answers = dict(zip(kinds, pool.map(look, kinds), strict=True))
    return Mesh(
        {kind: found for kind, (found, places) in answers.items() if places is None or places},
        partial={kind: places for kind, (_found, places) in answers.items() if places},
    )


def _listed(client: Client, kind: str, namespace: str | None, labels: str | None = None) -> list[Json] | None:
    """The objects of a kind; None where they may not be read."""
    try:
        return list(client.list(API_VERSIONS[kind], kind, namespace, label_selector=labels))
    except ApiError:
        return None


def _selected(one: Json) -> t.Mapping[str, str]:
    """The labels of the pods that an object is for."""
    if one["kind"] == "Gateway":
        return spec_of(one).get("selector") or {}
    return selector_of(one) if one["kind"] in (*POLICIES, "ServiceEntry") else {}


def with_applied(mesh: Mesh, applied: Applied) -> Mesh:
    """The mesh with what was applied, or would be, in place of what was read, and with the pods that will come."""
    objects = {kind: {(home_of(one), name_of(one)): one for one in found} for kind, found in mesh.objects.items()}
    partial = dict(mesh.partial)
    for one in applied.objects:
        kind = one["kind"]
        if API_VERSIONS.get(kind, "").partition("/")[0] == _group_of(one):
            if kind not in objects:
                partial[kind] = frozenset()  # there is no more to know than this very object
            objects.setdefault(kind, {})[home_of(one), name_of(one)] = one
        elif kind in TEMPLATED and "Pod" in objects:
            coming = _pod_of(one)
            objects["Pod"].setdefault((home_of(coming), name_of(coming)), coming)
    for kind, namespace, name in applied.removed:
        objects.get(kind, {}).pop((namespace, name), None)
    return Mesh({kind: tuple(found.values()) for kind, found in objects.items()}, mesh.configs, partial)


def _pod_of(workload: Json) -> Json:
    """A pod as a workload will make it; nothing is said of its state."""
    template = spec_of(workload).get("template") or {}
    meta = {**(template.get("metadata") or {}), "name": name_of(workload), "namespace": home_of(workload)}
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": meta, "spec": template.get("spec") or {}, "status": ready}


def _with_configs(mesh: Mesh, applied: t.Iterable[Json], configs: Configs) -> Mesh:
    """The mesh with the configurations of the proxies whose parts the applied EnvoyFilters name."""
    pods: dict[Name, Json] = {}
    for one in applied:
        home = home_of(one)
        patches = spec_of(one).get("configPatches") or () if one["kind"] == "EnvoyFilter" else ()
        beside = [
            pod
            for pod in mesh.of("Pod", None if home == ROOT else home)
            if has_sidecar(pod) and matches(selector_of(one), labels_of(pod))
        ]
        for patch in filter(names_parts, patches):
            # A filter of the root namespace may be for all sidecars, which are too many to ask.
            if home != ROOT or selector_of(one) or (patch.get("match") or {}).get("context") == "GATEWAY":
                pods.update({("Pod", home_of(pod), name_of(pod)): pod for pod in meant_by(patch, beside)})
    return Mesh(mesh.objects, configs.of(list(pods.values())), mesh.partial) if pods else mesh
