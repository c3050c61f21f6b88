# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A RouteRule of Istio 0.1 to 0.8 as a rule of a VirtualService."""

from __future__ import annotations

from .facts import Facts
from .fields import duration
from .model import Doc, Json, Map, Refused, mapping, mappings, place_of, text_list
from .routing import NOT_RE2
from .v1alpha1_hosts import SERVICE, Host, Hosts, callers_of, known_only, labels_of, name_of_host, spec_of

_SPECIAL = ("uri", "scheme", "method", "authority")


def read_rule(doc: Doc, facts: Facts, hosts: Hosts) -> None:
    spec = spec_of(doc)
    known_only(
        spec,
        (
            "destination",
            "precedence",
            "match",
            "route",
            "redirect",
            "rewrite",
            "websocketUpgrade",
            "httpReqTimeout",
            "httpReqRetries",
            "httpFault",
            "mirror",
            "corsPolicy",
            "appendHeaders",
            "name",
        ),
        "spec",
    )
    destination = mapping(spec, "destination", "spec.destination")
    rule: Json = {}
    precedence = spec.get("precedence") or 0
    if isinstance(precedence, bool) or not isinstance(precedence, int):
        raise Refused("spec.precedence must be a number.", "spec.precedence", place_of(spec, "precedence"))
    match = _match(doc, spec, facts)
    entry = hosts.about(doc, destination)
    if match:
        rule["match"] = [match]
    _actions(doc, spec, rule)
    if "websocketUpgrade" in spec:
        doc.note(
            "WebSocket is always on; the field is left out.",
            "spec.websocketUpgrade",
            place_of(spec, "websocketUpgrade"),
        )
    if "redirect" in rule:
        _alone(spec)
    else:
        rule["route"] = _routes(doc, spec, entry, facts, hosts)
    entry.rules.append((precedence, doc, rule))


def _alone(spec: Map) -> None:
    """Fails where a redirect stands beside what leads somewhere.

    :raises Refused: if it does; Istio's own validation did not take it either
    """
    for key in ("route", "mirror"):
        if spec.get(key):
            raise Refused(
                f"spec.redirect and spec.{key} exclude each other; keep one.", f"spec.{key}", place_of(spec, key)
            )


def _match(doc: Doc, spec: Map, facts: Facts) -> Json:
    match = mapping(spec, "match", "spec.match")
    known_only(match, ("source", "request", "httpHeaders", "tcp", "udp"), "spec.match")
    for key in ("tcp", "udp"):
        if key in match:
            raise Refused(
                f"spec.match.{key} has no single reading in a VirtualService.", f"spec.match.{key}", match.place
            )
    found: Json = {}
    source = mapping(match, "source", "spec.match.source")
    labels, namespace = callers_of(doc, source, "spec.match.source", facts)
    if namespace and (source.get("namespace") or namespace != facts.of(doc)):
        found["sourceNamespace"] = namespace
    if labels:
        found["sourceLabels"] = labels
    request = mapping(match, "request", "spec.match.request")
    known_only(request, ("headers",), "spec.match.request")
    for holder, key, field in (
        (request, "headers", "spec.match.request.headers"),
        (match, "httpHeaders", "spec.match.httpHeaders"),
    ):
        for name, condition in mapping(holder, key, field).items():
            where = f"{field}.{name}"
            if not isinstance(condition, Map) or len(condition) != 1:
                raise Refused(f"{where} must have one of exact, prefix and regex.", where, holder.place)
            known_only(condition, ("exact", "prefix", "regex"), where)
            kind, value = next(iter(condition.items()))
            if kind == "regex" and NOT_RE2.search(str(value)):
                raise Refused(
                    f"{where} looks ahead, behind or back, which RE2 cannot; write it without.",
                    where,
                    place_of(condition, kind),
                )
            written = {kind: str(value)}
            if name.lower() in _SPECIAL:
                found[name.lower()] = written
            else:
                found.setdefault("headers", {})[name.lower()] = written
    return found


def _actions(doc: Doc, spec: Map, rule: Json) -> None:
    redirect = mapping(spec, "redirect", "spec.redirect")
    if redirect:
        known_only(redirect, ("uri", "authority"), "spec.redirect")
        rule["redirect"] = dict(redirect)
    rewrite = mapping(spec, "rewrite", "spec.rewrite")
    if rewrite:
        known_only(rewrite, ("uri", "authority"), "spec.rewrite")
        rule["rewrite"] = dict(rewrite)
    timeout = mapping(spec, "httpReqTimeout", "spec.httpReqTimeout")
    if timeout:
        known_only(timeout, ("simpleTimeout",), "spec.httpReqTimeout")
        simple = mapping(timeout, "simpleTimeout", "spec.httpReqTimeout.simpleTimeout")
        known_only(simple, ("timeout",), "spec.httpReqTimeout.simpleTimeout")
        if simple.get("timeout"):
            field = "spec.httpReqTimeout.simpleTimeout.timeout"
            rule["timeout"] = duration(doc, simple["timeout"], field, place_of(simple, "timeout"))
    retries = mapping(spec, "httpReqRetries", "spec.httpReqRetries")
    if retries:
        known_only(retries, ("simpleRetry",), "spec.httpReqRetries")
        simple = mapping(retries, "simpleRetry", "spec.httpReqRetries.simpleRetry")
        known_only(simple, ("attempts", "perTryTimeout"), "spec.httpReqRetries.simpleRetry")
        rule["retries"] = {
            "attempts": 0,
            **_durations(doc, simple, ("perTryTimeout",), "spec.httpReqRetries.simpleRetry"),
        }
    fault = mapping(spec, "httpFault", "spec.httpFault")
    if fault:
        known_only(fault, ("delay", "abort"), "spec.httpFault")
        rule["fault"] = _fault(doc, fault)
    cors = mapping(spec, "corsPolicy", "spec.corsPolicy")
    if cors:
        known = ("allowOrigin", "allowMethods", "allowHeaders", "exposeHeaders", "maxAge", "allowCredentials")
        known_only(cors, known, "spec.corsPolicy")
        written = _durations(doc, cors, ("maxAge",), "spec.corsPolicy")
        written.pop("allowOrigin", None)
        written["allowOrigins"] = [{"exact": o} for o in text_list(cors, "allowOrigin", "spec.corsPolicy.allowOrigin")]
        rule["corsPolicy"] = written
    headers = mapping(spec, "appendHeaders", "spec.appendHeaders")
    if headers:
        rule["headers"] = {"request": {"add": {key: str(value) for key, value in headers.items()}}}


def _durations(doc: Doc, given: Map, keys: tuple[str, ...], field: str) -> Json:
    """A mapping with its durations as the API takes them."""
    return {
        key: duration(doc, value, f"{field}.{key}", place_of(given, key)) if key in keys else value
        for key, value in given.items()
    }


def _fault(doc: Doc, fault: Map) -> Json:
    out: Json = {}
    delay = mapping(fault, "delay", "spec.httpFault.delay")
    abort = mapping(fault, "abort", "spec.httpFault.abort")
    known_only(delay, ("percent", "fixedDelay"), "spec.httpFault.delay")
    known_only(abort, ("percent", "httpStatus", "grpcStatus"), "spec.httpFault.abort")
    for name, part in (("delay", delay), ("abort", abort)):
        if part:
            percent = part.get("percent", 0)
            if isinstance(percent, bool) or not isinstance(percent, (int, float)) or not 0 <= percent <= 100:
                raise Refused(
                    f"spec.httpFault.{name}.percent must be a number from 0 to 100.",
                    f"spec.httpFault.{name}.percent",
                    place_of(part, "percent"),
                )
            written = _durations(doc, part, ("fixedDelay",), f"spec.httpFault.{name}")
            rest = {key: value for key, value in written.items() if key != "percent"}
            out[name] = {"percentage": {"value": percent}, **rest}
    return out


def _routes(doc: Doc, spec: Map, entry: Host, facts: Facts, hosts: Hosts) -> list[Json]:
    def leads_to(target: Map, field: str, labels: dict[str, str]) -> Json:
        """Where a route leads: to all pods of a service, or to the subset with these labels."""
        known_only(target, SERVICE, field)
        here = entry.host
        if target.get("name") or target.get("service"):
            here = name_of_host(doc, target, field, facts)[0]
        if not labels:
            return {"host": here}
        there = entry if here == entry.host else hosts.towards(doc, target, field)
        return {"host": here, "subset": there.subset(labels)}

    routes: list[Json] = []
    weights: list[int | None] = []
    for index, route in enumerate(mappings(spec, "route", "spec.route")):
        field = f"spec.route[{index}]"
        known_only(route, ("labels", "tags", "weight", "destination"), field)
        target = mapping(route, "destination", f"{field}.destination")
        routes.append({"destination": leads_to(target, f"{field}.destination", labels_of(route, field))})
        if labels_of(target, f"{field}.destination"):
            # Pilot of Istio 0.7 looked at those of the route alone (`buildHTTPRouteV1`).
            doc.note(
                f"{field}.destination.labels chose no pods, and those of the route do; they are left out.",
                f"{field}.destination.labels",
                place_of(target, "labels"),
            )
        weight = route.get("weight")
        if isinstance(weight, bool) or not isinstance(weight, (int, type(None))):
            raise Refused(f"{field}.weight must be a number.", f"{field}.weight", place_of(route, "weight"))
        weights.append(weight)
    if not routes:
        destination = mapping(spec, "destination", "spec.destination")
        routes = [{"destination": leads_to(Map(), "spec.destination", labels_of(destination, "spec.destination"))}]
    elif len(routes) > 1:
        if sum(weight or 0 for weight in weights) != 100:
            raise Refused("the weights of spec.route do not add up to 100.", "spec.route", place_of(spec, "route"))
        for written, weight in zip(routes, weights, strict=True):
            written["weight"] = weight or 0
    mirror = mapping(spec, "mirror", "spec.mirror")
    if mirror:
        routes[0]["_mirror"] = leads_to(mirror, "spec.mirror", labels_of(mirror, "spec.mirror"))
    return routes
