# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routing of the current kinds with fields that have gone, and with the slips that slides have.

Which fields were deprecated, and what took their place, is in the reference of each release
(`istio.networking.v1alpha3`, Istio 0.8 to 1.9).
"""

from __future__ import annotations

import re
import typing as t

from .envoy import convert_patches
from .facts import Facts, service_of
from .fields import CURRENT, normalise, shape_of
from .model import Doc, Map, Place, Refused, Seq, camel, camel_keys, copied, mappings, place_of, plain
from .routing_certificates import convert_certificates
from .routing_slips import as_list, fold, is_matcher, merged, take_in, take_out

KINDS = ("VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "EnvoyFilter")
_DESTINATION = frozenset(("host", "name", "subset", "port"))
_HEADER_FIELDS = {
    "appendHeaders": ("request", "add"),
    "appendRequestHeaders": ("request", "add"),
    "removeRequestHeaders": ("request", "remove"),
    "appendResponseHeaders": ("response", "add"),
    "removeResponseHeaders": ("response", "remove"),
}
# RE2 has neither of these; Envoy's regular expressions were ECMAScript's until Istio 1.4.
NOT_RE2 = re.compile(r"\(\?(?:[=!]|<[=!])|\\[1-9]")


def convert(docs: t.Sequence[Doc], facts: Facts) -> None:
    """Brings documents of current routing kinds to today's fields; those that have them already stay as they are."""
    for doc in docs:
        if doc.group == "networking.istio.io" and doc.kind in (*KINDS, "ExternalService"):
            doc.family = "routing"
            try:
                _document(doc, facts)
            except Refused as why:
                doc.refuse(why)


def _document(doc: Doc, facts: Facts) -> None:
    doc.kept = True
    if "spec" not in doc.value:
        raise Refused("the document has no spec.", "spec", doc.value.place)
    spec = convert_spec(doc, facts)
    version = CURRENT[_kind_of(doc)]
    outdated = doc.api_version == "networking.istio.io/v1alpha3" and version != doc.api_version
    if outdated:
        convert_certificates(doc, spec)
    if spec == doc.value["spec"] and not outdated and not doc.repairs:
        return
    doc.handled = True
    out = dict(doc.value)
    out["apiVersion"] = version if outdated else doc.api_version
    out["kind"] = _kind_of(doc)
    out["spec"] = plain(spec)
    doc.outputs.append(out)


def _kind_of(doc: Doc) -> str:
    """The kind as it is called since Istio 0.8."""
    return "ServiceEntry" if doc.kind == "ExternalService" else doc.kind


def convert_spec(doc: Doc, facts: Facts) -> Map:
    """The spec with today's fields; what has been done is noted in the document.

    :raises Refused: if a field has no successor or no place
    """
    spec = t.cast(Map, copied(doc.spec()))
    if doc.kind == "VirtualService":
        _virtual_service(doc, spec, facts)
    elif doc.kind == "DestinationRule":
        _destination_rule(doc, spec, facts)
    elif doc.kind == "EnvoyFilter":
        _envoy_filter(doc, spec)
    elif _kind_of(doc) == "ServiceEntry":
        _service_entry(doc, spec)
    shape = shape_of(_kind_of(doc))
    found = normalise(doc, spec, shape)
    return t.cast(Map, found)


def _virtual_service(doc: Doc, spec: Map, facts: Facts) -> None:
    as_list(doc, spec, "http", "spec.http")
    take_in(doc, spec)
    http = spec.get("http")
    if isinstance(http, Seq):
        take_out(doc, http)
        for index, item in enumerate(http):
            if isinstance(item, Map):
                _http(doc, item, f"spec.http[{index}]", facts)
        _shadowed(doc, http)
    for protocol in ("tcp", "tls"):
        routes = spec.get(protocol)
        for index, item in enumerate(routes if isinstance(routes, Seq) else []):
            if isinstance(item, Map):
                _route_list(doc, item, f"spec.{protocol}[{index}]", facts)


def _http(doc: Doc, item: Map, field: str, facts: Facts) -> None:
    as_list(doc, item, "match", f"{field}.match")
    match = item.get("match")
    for index, condition in enumerate(match if isinstance(match, Seq) else []):
        if isinstance(condition, Map):
            _match(doc, condition, f"{field}.match[{index}]")
    _route_list(doc, item, field, facts)
    _fault(doc, item, field)
    _percent(doc, item, field, ("mirrorPercent", "mirror_percent"), "mirrorPercentage")
    mirror = item.get("mirror")
    if isinstance(mirror, Map):
        _destination(doc, mirror, f"{field}.mirror", facts)
    _headers(doc, item, field)
    _cors(doc, item, field)
    for name in ("httpRetry", "http_retry"):
        if name in item and "retries" not in item:
            doc.note(f"{name} is retries today.", f"{field}.{name}", place_of(item, name))
            _replace(item, name, "retries", item[name])
    for name in ("websocketUpgrade", "websocket_upgrade"):
        if name in item:
            doc.note("WebSocket is always on; the field is left out.", f"{field}.{name}", place_of(item, name))
            item.pop(name)


def _match(doc: Doc, condition: Map, field: str) -> None:
    known = shape_of("VirtualService")["http"][0]["match"][0]
    for name in ("headers", "withoutHeaders"):
        if name not in condition:
            continue
        value = condition[name]
        if isinstance(value, Seq):
            condition[name] = merged(doc, value, f"{field}.{name}")
        elif value is None:
            strays = [key for key in condition if key not in known and is_matcher(condition[key])]
            if strays:
                inner = Map(place_of(condition, name))
                for key in strays:
                    doc.repair(f"{key} is moved into {name}.", f"{field}.{key}", place_of(condition, key))
                    inner.take(key, condition)
                condition[name] = inner
        value = condition[name]
        if isinstance(value, Map):
            fold(doc, value, f"{field}.{name}")
    for name in ("headers", "withoutHeaders", "queryParams"):
        found = condition.get(name)
        for key, matcher in found.items() if isinstance(found, Map) else ():
            _regex(matcher, f"{field}.{name}.{key}")
    for name in ("uri", "scheme", "method", "authority"):
        _regex(condition.get(name), f"{field}.{name}")


def _regex(matcher: t.Any, field: str) -> None:
    if isinstance(matcher, Map) and isinstance(matcher.get("regex"), str) and NOT_RE2.search(matcher["regex"]):
        raise Refused(
            f"{field}.regex looks ahead, behind or back, which RE2 cannot; write it without.",
            f"{field}.regex",
            place_of(matcher, "regex"),
        )


def _route_list(doc: Doc, item: Map, field: str, facts: Facts) -> None:
    as_list(doc, item, "route", f"{field}.route")
    route = item.get("route")
    for index, entry in enumerate(route if isinstance(route, Seq) else []):
        if not isinstance(entry, Map):
            continue
        where = f"{field}.route[{index}]"
        if entry.get("destination") is None and _DESTINATION & set(entry):
            inner = Map(place_of(entry, "destination"))
            for key in [key for key in entry if key in _DESTINATION]:
                doc.repair(f"{key} is moved into destination.", f"{where}.{key}", place_of(entry, key))
                inner.take(key, entry)
            entry["destination"] = inner
        destination = entry.get("destination")
        if isinstance(destination, Map):
            for key in ("weight", "headers"):
                if key in destination and key not in entry:
                    doc.repair(
                        f"{key} is moved out of destination.", f"{where}.destination.{key}", place_of(destination, key)
                    )
                    entry.take(key, destination)
            _destination(doc, destination, f"{where}.destination", facts)
        _headers(doc, entry, where)


def _destination(doc: Doc, destination: Map, field: str, facts: Facts) -> None:
    if "name" in destination and "host" not in destination:
        doc.repair("name is host.", f"{field}.name", place_of(destination, "name"))
        destination.take("name", destination, "host")
    port = destination.get("port")
    if isinstance(port, int) and not isinstance(port, bool):
        doc.repair("port is a mapping with number.", f"{field}.port", place_of(destination, "port"))
        inner = Map(place_of(destination, "port"))
        inner["number"] = port
        destination["port"] = inner
    elif isinstance(port, Map) and "name" in port and "number" not in port:
        host = str(destination.get("host") or "")
        destination["port"] = _numbered(doc, port, host, f"{field}.port", facts)


def _numbered(doc: Doc, port: Map, host: str, field: str, facts: Facts) -> Map:
    """A port that is given by name, as the Service numbers it."""
    found = service_of(host, facts.of(doc))
    place = place_of(port, "name")
    service = facts.known(*found, field, place) if found else None
    for known in service.ports if service else ():
        if known.name == port["name"]:
            doc.note(f"The port {port['name']} of {host} is {known.number}.", field, place)
            out = Map(port.place)
            out["number"] = known.number
            return out
    raise Refused(
        f"{field}.name {port['name']} must be a number today; the Service {host} with that port is needed, "
        "in the input or in facts.services.",
        f"{field}.name",
        place,
    )


def _fault(doc: Doc, item: Map, field: str) -> None:
    fault = item.get("fault")
    if not isinstance(fault, Map):
        return
    for name in ("delay", "abort"):
        part = fault.get(name)
        if not isinstance(part, Map):
            continue
        where = f"{field}.fault.{name}"
        for key in part:
            if "_" in key:
                doc.note(f"{key} is spelt {camel(key)}.", f"{where}.{key}", place_of(part, key))
        fault[name] = part = t.cast(Map, camel_keys(part))
        _percent(doc, part, where, ("percent",), "percentage")
        if "percentage" not in part and part:
            doc.note(f"{where} has no percentage, which is 0 %: it does nothing.", where, place_of(fault, name))


def _percent(doc: Doc, part: Map, field: str, names: tuple[str, ...], today: str) -> None:
    for name in names:
        if name not in part:
            continue
        place = place_of(part, name)
        value = part[name]
        if isinstance(value, str) and re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", value):
            value = float(value) if "." in value else int(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
            raise Refused(f"{field}.{name} must be a number from 0 to 100.", f"{field}.{name}", place)
        if today in part:
            if part[today] != {"value": value}:
                doc.note(f"{name} is left out, since {today} wins.", f"{field}.{name}", place)
            part.pop(name)
            continue
        inner = Map(place)
        inner["value"] = value
        _replace(part, name, today, inner)
        doc.note(f"{name} is {today} today.", f"{field}.{name}", place)


def _replace(container: Map, old: str, new: str, value: t.Any) -> None:
    """Puts a key in another's place, so that the order stays."""
    items = [(new if key == old else key, value if key == old else item) for key, item in container.items()]
    places = {(new if key == old else key): container.at.get(key, container.place) for key in container}
    container.clear()
    container.update(items)
    container.at = places


def _headers(doc: Doc, item: Map, field: str) -> None:
    said: dict[tuple[str, str], str] = {}
    for key in list(item):
        if camel(key) not in _HEADER_FIELDS:
            continue
        side, action = _HEADER_FIELDS[camel(key)]
        place = place_of(item, key)
        value = item.pop(key)
        headers = item.get("headers")
        if not isinstance(headers, Map):
            headers = Map(place)
            item["headers"] = headers
            item.at["headers"] = place
        part = headers.setdefault(side, Map(place))
        given = part.get(action) if isinstance(part, Map) else None
        origin = said.get((side, action), f"headers.{side}.{action}")
        said[side, action] = key
        if given is None and isinstance(part, Map):
            part[action] = value
            part.at[action] = place
        elif isinstance(given, Map) and isinstance(value, Map) and not set(given) & set(value):
            # Pilot of Istio 1.1 added the headers of all of these fields (`translateRoute`).
            for name in list(value):
                given.take(name, value)
        elif isinstance(given, Seq) and isinstance(value, Seq):
            for name in value:
                given.add(name, place)
        else:
            raise Refused(
                f"{field}.{key} and {field}.{origin} are about one header; keep one.", f"{field}.{key}", place
            )
        doc.note(f"{key} is headers.{side}.{action} today.", f"{field}.{key}", place)


def _cors(doc: Doc, item: Map, field: str) -> None:
    for name in ("corsPolicy", "cors_policy"):
        cors = item.get(name)
        for key in ("allowOrigin", "allow_origin"):
            if not isinstance(cors, Map) or key not in cors:
                continue
            place = place_of(cors, key)
            if "allowOrigins" in cors:
                raise Refused(f"{field}.{name} has allowOrigin and allowOrigins.", f"{field}.{name}.{key}", place)
            origins = Seq(place)
            value = cors[key]
            if value is None:
                doc.note(f"{key} has no value and is left out.", f"{field}.{name}.{key}", place)
                cors.pop(key)
                continue
            for origin in value if isinstance(value, list) else [value]:
                if not isinstance(origin, str):
                    raise Refused(f"{field}.{name}.{key} must be a list of strings.", f"{field}.{name}.{key}", place)
                entry = Map(place)
                # "*" took any origin, and an exact "*" still does in Envoy.
                entry["exact"] = origin
                origins.add(entry, place)
            _replace(cors, key, "allowOrigins", origins)
            doc.note("allowOrigin is allowOrigins today.", f"{field}.{name}.{key}", place)


def _shadowed(doc: Doc, http: Seq) -> None:
    for index, item in enumerate(http[:-1]):
        if isinstance(item, Map) and not item.get("match") and not doc.repairs:
            doc.note("Rules after this one are never reached, as it has no match.", f"spec.http[{index}]", item.place)


def _destination_rule(doc: Doc, spec: Map, facts: Facts) -> None:
    if "name" in spec and "host" not in spec:
        doc.repair("name is host.", "spec.name", place_of(spec, "name"))
        spec.take("name", spec, "host")
    host = str(spec.get("host") or "")
    policies: list[tuple[Map, str]] = []
    for container, field in [(spec, "spec")] + [
        (subset, f"spec.subsets[{index}]") for index, subset in enumerate(mappings(spec, "subsets", "spec.subsets"))
    ]:
        for name in ("trafficPolicy", "traffic_policy"):
            policy = container.get(name)
            if isinstance(policy, Map):
                policies.append((policy, f"{field}.{name}"))
    for policy, field in policies:
        _traffic_policy(doc, policy, field, host, facts)
    tls = spec.get("trafficPolicy")
    tls = tls.get("tls") if isinstance(tls, Map) else None
    if isinstance(tls, Map) and tls.get("mode") == "ISTIO_MUTUAL":
        doc.note(
            "ISTIO_MUTUAL was needed beside a policy with mTLS; since Istio 1.5 mTLS is automatic. It is still valid.",
            "spec.trafficPolicy.tls.mode",
            place_of(tls, "mode"),
        )


def _traffic_policy(doc: Doc, policy: Map, field: str, host: str, facts: Facts) -> None:
    levels = policy.get("portLevelSettings") or policy.get("port_level_settings")
    for index, level in enumerate(levels if isinstance(levels, Seq) else []):
        if isinstance(level, Map):
            _traffic_policy(doc, level, f"{field}.portLevelSettings[{index}]", host, facts)
            port = level.get("port")
            if isinstance(port, Map) and "name" in port and "number" not in port:
                level["port"] = _numbered(doc, port, host, f"{field}.portLevelSettings[{index}].port", facts)
    outlier = policy.get("outlierDetection") or policy.get("outlier_detection")
    if isinstance(outlier, Map):
        _outlier_http(doc, outlier, f"{field}.outlierDetection")
        for key in ("consecutiveErrors", "consecutive_errors"):
            if key not in outlier:
                continue
            place = place_of(outlier, key)
            if "consecutiveGatewayErrors" in outlier or "consecutive5xxErrors" in outlier:
                text = "consecutiveErrors is left out, since its successor is there."
                doc.note(text, f"{field}.outlierDetection.{key}", place)
                outlier.pop(key)
                continue
            # Istio 1.x counted 502, 503 and 504 only, and switched the count of all 5xx off.
            _replace(outlier, key, "consecutiveGatewayErrors", outlier[key])
            outlier["consecutive5xxErrors"] = 0
            outlier.at["consecutive5xxErrors"] = place
            doc.note(
                "consecutiveErrors counted 502, 503 and 504: it is consecutiveGatewayErrors today.",
                f"{field}.outlierDetection.{key}",
                place,
            )
    balancer = policy.get("loadBalancer") or policy.get("load_balancer")
    if isinstance(balancer, Map) and balancer.get("simple") == "LEAST_CONN":
        doc.note("LEAST_CONN is LEAST_REQUEST today.", f"{field}.loadBalancer.simple", place_of(balancer, "simple"))
        balancer["simple"] = "LEAST_REQUEST"


def _outlier_http(doc: Doc, outlier: Map, field: str) -> None:
    """Istio 0.5 to 0.7 had the settings for HTTP apart (`OutlierDetection.HTTPSettings`), and counted each 5xx."""
    settings = outlier.get("http")
    if "http" not in outlier:
        return
    place = place_of(outlier, "http")
    beside = [key for key in outlier if key != "http"]
    if beside:
        raise Refused(f"{field}.http and {field}.{beside[0]} are both there; keep one form.", f"{field}.http", place)
    if not isinstance(settings, (Map, type(None))):
        raise Refused(f"{field}.http must be a mapping.", f"{field}.http", place)
    outlier.pop("http")
    for key in list(settings or ()):
        name = "consecutive5xxErrors" if camel(key) == "consecutiveErrors" else key
        outlier.take(key, t.cast(Map, settings), name)
    doc.note("What is in http stands beside it today; consecutiveErrors counted each 5xx.", f"{field}.http", place)


def _service_entry(doc: Doc, spec: Map) -> None:
    """Until Istio 0.7 this was ExternalService, and the resolution its discovery."""
    if doc.kind == "ExternalService":
        doc.note("ExternalService is ServiceEntry since Istio 0.8.", "kind", place_of(doc.value, "kind"))
    if "discovery" in spec and "resolution" not in spec:
        doc.note("discovery is resolution today.", "spec.discovery", place_of(spec, "discovery"))
        _replace(spec, "discovery", "resolution", spec["discovery"])


def _envoy_filter(doc: Doc, spec: Map) -> None:
    for old in ("workloadLabels", "workload_labels"):
        if old not in spec:
            continue
        place: Place = place_of(spec, old)
        if "workloadSelector" in spec:
            raise Refused(f"spec.{old} and workloadSelector are both there.", f"spec.{old}", place)
        inner = Map(place)
        inner["labels"] = spec[old]
        _replace(spec, old, "workloadSelector", inner)
        doc.note(f"{old} is workloadSelector.labels today.", f"spec.{old}", place)
    if "filters" in spec:
        raise Refused(
            "spec.filters was written for Envoy's API v2, without types; write it anew as configPatches with a "
            "typed_config.",
            "spec.filters",
            place_of(spec, "filters"),
        )
    convert_patches(doc, spec)
