# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RouteRule, DestinationPolicy and EgressRule of Istio 0.1 to 0.8 become VirtualService, DestinationRule, ServiceEntry.

What they meant is documented in the reference of Istio 0.7 (`istio.routing.v1alpha1`): rules for the same destination
are tried from the highest precedence down, and labels of a route choose the pods.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from .facts import Facts
from .model import Doc, Json, Map, Options, Place, Refused, camel_keys, mapping, mappings, only, place_of, text_list
from .routing import NOT_RE2

KINDS = ("RouteRule", "DestinationPolicy", "EgressRule", "IngressRule", "route-rule", "destination-policy")
_API = "networking.istio.io/v1"
_FREE = ("labels", "tags", "headers", "httpHeaders", "appendHeaders")
_SPECIAL = ("uri", "scheme", "method", "authority")
_SERVICE = ("name", "namespace", "domain", "service", "labels", "tags")
_BALANCERS = {"ROUND_ROBIN": "ROUND_ROBIN", "RANDOM": "RANDOM", "LEAST_CONN": "LEAST_REQUEST"}
_BREAKER = {
    "maxConnections": ("connectionPool", "tcp", "maxConnections"),
    "httpMaxPendingRequests": ("connectionPool", "http", "http1MaxPendingRequests"),
    "httpMaxRequests": ("connectionPool", "http", "http2MaxRequests"),
    "httpMaxRequestsPerConnection": ("connectionPool", "http", "maxRequestsPerConnection"),
    "httpMaxRetries": ("connectionPool", "http", "maxRetries"),
    "httpConsecutiveErrors": ("outlierDetection", "consecutive5xxErrors"),
    "httpDetectionInterval": ("outlierDetection", "interval"),
    "sleepWindow": ("outlierDetection", "baseEjectionTime"),
    "httpMaxEjectionPercent": ("outlierDetection", "maxEjectionPercent"),
}


_Labels = tuple[tuple[str, str], ...]


@dataclasses.dataclass
class _Host:
    """All that is said of one destination."""

    host: str
    namespace: str
    name: str
    rules: list[tuple[int, Doc, Json]] = dataclasses.field(default_factory=list)
    subsets: dict[_Labels, str] = dataclasses.field(default_factory=dict)
    # By the labels of the callers and those of the pods; none stand for all of them.
    policies: dict[tuple[_Labels, _Labels], Json] = dataclasses.field(default_factory=dict)
    docs: list[Doc] = dataclasses.field(default_factory=list)
    known: dict[_Labels, str] = dataclasses.field(default_factory=dict)

    def subset(self, labels: t.Mapping[str, str]) -> str:
        """The name of the subset with these labels, which is made where it is missing."""
        key = _key(labels)
        if key in self.known and key not in self.subsets:
            return self.known[key]
        if key not in self.subsets:
            name = _name(key) or "all"
            taken = self.subsets.values()
            self.subsets[key] = name if name not in taken else f"{name}-{len(taken)}"
        return self.subsets[key]

    def rule(self, callers: _Labels) -> Json:
        """What a DestinationRule says for these callers: what is said for them, else what is said for all."""

        def policy(labels: _Labels) -> Json:
            found = self.policies.get((callers, labels)) or self.policies.get(((), labels))
            return {"trafficPolicy": found} if found else {}

        subsets = [{"name": name, "labels": dict(key), **policy(key)} for key, name in self.subsets.items()]
        selector = {"workloadSelector": {"matchLabels": dict(callers)}} if callers else {}
        return {"host": self.host, **selector, **policy(()), **({"subsets": subsets} if subsets else {})}


def _key(labels: t.Mapping[str, str]) -> _Labels:
    return tuple(sorted(labels.items()))


def _name(labels: _Labels) -> str:
    return "-".join(re.sub(r"[^a-z0-9-]+", "-", value.lower()).strip("-") for _label, value in labels)


def is_mine(doc: Doc) -> bool:
    """Whether a document is of routing as Istio 0.1 to 0.8 had it."""
    if doc.value.get("type") in ("route-rule", "destination-policy") and "spec" in doc.value:
        return True
    return doc.group == "config.istio.io" and doc.kind in KINDS


def convert(docs: t.Sequence[Doc], facts: Facts, options: Options) -> None:
    """Converts all rules that belong together: one VirtualService and DestinationRule for each destination."""
    del options
    hosts: dict[tuple[str, str], _Host] = {}
    taken = {
        (facts.of(doc), str(doc.spec_or_empty().get("host"))): doc
        for doc in docs
        if doc.group == "networking.istio.io" and doc.kind == "DestinationRule"
    }
    for doc in docs:
        if not is_mine(doc):
            continue
        doc.family = "v1alpha1"
        kind = str(doc.value.get("type") or doc.kind)
        try:
            if kind in ("RouteRule", "route-rule"):
                _route_rule(doc, facts, hosts, taken)
            elif kind in ("DestinationPolicy", "destination-policy"):
                _destination_policy(doc, facts, hosts)
            elif kind == "EgressRule":
                _egress_rule(doc)
            else:
                raise Refused(
                    "an IngressRule does not say which gateway it is for; write a Gateway and a VirtualService.",
                    "kind",
                    place_of(doc.value, "kind"),
                )
            doc.handled = True
        except Refused as why:
            doc.refuse(why)
    for (namespace, host), entry in hosts.items():
        try:
            other = taken.get((namespace, host)) or taken.get((namespace, entry.name))
            if other is not None and (entry.subsets or entry.policies):
                raise Refused(
                    f"{other.title} is about the same host {host}; put the subsets and policies of both together.",
                )
            _write(entry)
        except Refused as why:
            for doc in entry.docs:
                doc.refuse(why)


def _host(doc: Doc, destination: Map, facts: Facts, hosts: dict[tuple[str, str], _Host]) -> _Host:
    """The destination of a rule."""
    only(destination, _SERVICE, "spec.destination")
    home = str(doc.namespace)
    namespace = str(destination.get("namespace") or "")
    name = str(destination.get("name") or "")
    if destination.get("service"):
        host = str(destination["service"])
        name = re.sub(r"[^a-z0-9-]+", "-", host.replace("*", "any")).strip("-")
    elif name:
        host = name
        if destination.get("domain"):
            host = f"{name}.{namespace or facts.of(doc)}.{destination['domain']}"
        elif namespace and namespace != facts.of(doc):
            host = f"{name}.{namespace}.svc.cluster.local"
    else:
        raise Refused("spec.destination names no service.", "spec.destination", destination.place)
    entry = hosts.setdefault((home or facts.namespace, host), _Host(host, home, name))
    entry.docs.append(doc)
    return entry


def _spec(doc: Doc) -> Map:
    spec = t.cast(Map, camel_keys(doc.spec(), _FREE))
    if isinstance(spec.get("destination"), str):
        # Istio 0.1 had the full name here.
        inner = Map(place_of(spec, "destination"))
        parts = str(spec["destination"]).split(".")
        if len(parts) > 2 and parts[2] == "svc":
            inner["name"], inner["namespace"] = parts[0], parts[1]
        else:
            inner["service"] = spec["destination"]
        spec["destination"] = inner
    return spec


def _labels(container: Map, field: str) -> dict[str, str]:
    labels = mapping(container, "labels", f"{field}.labels") or mapping(container, "tags", f"{field}.tags")
    return {str(key): str(value) for key, value in labels.items()}


def _callers(doc: Doc, source: Map, field: str, facts: Facts) -> tuple[dict[str, str], str]:
    """The labels and the namespace of the workloads that a rule is for."""
    only(source, _SERVICE, field)
    labels = _labels(source, field)
    namespace = str(source.get("namespace") or "")
    if source.get("name"):
        place = place_of(source, "name")
        namespace = namespace or facts.of(doc)
        service = facts.service(namespace, str(source["name"]), f"{field}.name", place)
        doc.note(f"The source {source['name']} is the workload that its Service selects.", f"{field}.name", place)
        labels = {**service.labels, **labels}
    elif source.get("service") or source.get("domain"):
        raise Refused(f"{field} must be a service's name or labels.", field, source.place)
    return labels, namespace


def _subsets_of(rule: Doc) -> dict[_Labels, str]:
    """The subsets that a DestinationRule of the input has, by their labels."""
    found = {}
    for subset in rule.spec_or_empty().get("subsets") or []:
        labels = subset.get("labels") if isinstance(subset, Map) else None
        if isinstance(labels, Map) and isinstance(subset.get("name"), str):
            found[_key({str(key): str(value) for key, value in labels.items()})] = subset["name"]
    return found


def _route_rule(doc: Doc, facts: Facts, hosts: dict[tuple[str, str], _Host], taken: dict[tuple[str, str], Doc]) -> None:
    spec = _spec(doc)
    only(
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
    entry = _host(doc, destination, facts, hosts)
    other = taken.get((facts.of(doc), entry.host))
    if other is not None and not other.refusal:
        entry.known = _subsets_of(other)
    if match:
        rule["match"] = [match]
    _actions(spec, rule)
    if "redirect" not in rule:
        rule["route"] = _routes(doc, spec, entry, facts, _labels(destination, "spec.destination"))
    entry.rules.append((precedence, doc, rule))


def _match(doc: Doc, spec: Map, facts: Facts) -> Json:
    match = mapping(spec, "match", "spec.match")
    only(match, ("source", "request", "httpHeaders", "tcp", "udp"), "spec.match")
    for key in ("tcp", "udp"):
        if key in match:
            raise Refused(
                f"spec.match.{key} has no single reading in a VirtualService.", f"spec.match.{key}", match.place
            )
    found: Json = {}
    source = mapping(match, "source", "spec.match.source")
    labels, namespace = _callers(doc, source, "spec.match.source", facts)
    if namespace and (source.get("namespace") or namespace != facts.of(doc)):
        found["sourceNamespace"] = namespace
    if labels:
        found["sourceLabels"] = labels
    request = mapping(match, "request", "spec.match.request")
    only(request, ("headers",), "spec.match.request")
    for holder, key, field in (
        (request, "headers", "spec.match.request.headers"),
        (match, "httpHeaders", "spec.match.httpHeaders"),
    ):
        for name, condition in mapping(holder, key, field).items():
            where = f"{field}.{name}"
            if not isinstance(condition, Map) or len(condition) != 1:
                raise Refused(f"{where} must have one of exact, prefix and regex.", where, holder.place)
            only(condition, ("exact", "prefix", "regex"), where)
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


def _actions(spec: Map, rule: Json) -> None:
    redirect = mapping(spec, "redirect", "spec.redirect")
    if redirect:
        only(redirect, ("uri", "authority"), "spec.redirect")
        rule["redirect"] = dict(redirect)
    rewrite = mapping(spec, "rewrite", "spec.rewrite")
    if rewrite:
        only(rewrite, ("uri", "authority"), "spec.rewrite")
        rule["rewrite"] = dict(rewrite)
    timeout = mapping(spec, "httpReqTimeout", "spec.httpReqTimeout")
    if timeout:
        only(timeout, ("simpleTimeout",), "spec.httpReqTimeout")
        simple = mapping(timeout, "simpleTimeout", "spec.httpReqTimeout.simpleTimeout")
        only(simple, ("timeout",), "spec.httpReqTimeout.simpleTimeout")
        if simple.get("timeout"):
            rule["timeout"] = str(simple["timeout"])
    retries = mapping(spec, "httpReqRetries", "spec.httpReqRetries")
    if retries:
        only(retries, ("simpleRetry",), "spec.httpReqRetries")
        simple = mapping(retries, "simpleRetry", "spec.httpReqRetries.simpleRetry")
        only(simple, ("attempts", "perTryTimeout"), "spec.httpReqRetries.simpleRetry")
        rule["retries"] = {"attempts": 0, **simple}
    fault = mapping(spec, "httpFault", "spec.httpFault")
    if fault:
        only(fault, ("delay", "abort"), "spec.httpFault")
        rule["fault"] = _fault(fault)
    cors = mapping(spec, "corsPolicy", "spec.corsPolicy")
    if cors:
        known = ("allowOrigin", "allowMethods", "allowHeaders", "exposeHeaders", "maxAge", "allowCredentials")
        only(cors, known, "spec.corsPolicy")
        written = {key: value for key, value in cors.items() if key != "allowOrigin"}
        written["allowOrigins"] = [{"exact": o} for o in text_list(cors, "allowOrigin", "spec.corsPolicy.allowOrigin")]
        rule["corsPolicy"] = written
    headers = mapping(spec, "appendHeaders", "spec.appendHeaders")
    if headers:
        rule["headers"] = {"request": {"add": {key: str(value) for key, value in headers.items()}}}


def _fault(fault: Map) -> Json:
    out: Json = {}
    delay = mapping(fault, "delay", "spec.httpFault.delay")
    abort = mapping(fault, "abort", "spec.httpFault.abort")
    only(delay, ("percent", "fixedDelay"), "spec.httpFault.delay")
    only(abort, ("percent", "httpStatus", "grpcStatus"), "spec.httpFault.abort")
    for name, part in (("delay", delay), ("abort", abort)):
        if part:
            percent = part.get("percent", 0)
            if isinstance(percent, bool) or not isinstance(percent, (int, float)) or not 0 <= percent <= 100:
                raise Refused(
                    f"spec.httpFault.{name}.percent must be a number from 0 to 100.",
                    f"spec.httpFault.{name}.percent",
                    place_of(part, "percent"),
                )
            rest = {key: value for key, value in part.items() if key != "percent"}
            out[name] = {"percentage": {"value": percent}, **rest}
    return out


def _routes(doc: Doc, spec: Map, entry: _Host, facts: Facts, labels: dict[str, str]) -> list[Json]:
    routes: list[Json] = []
    weights: list[int | None] = []
    given = mappings(spec, "route", "spec.route")
    for index, route in enumerate(given):
        field = f"spec.route[{index}]"
        only(route, ("labels", "tags", "weight", "destination"), field)
        chosen = _labels(route, field)
        target = mapping(route, "destination", f"{field}.destination")
        written = _destination(doc, target, f"{field}.destination", entry, facts, chosen)
        weight = route.get("weight")
        if isinstance(weight, bool) or not isinstance(weight, (int, type(None))):
            raise Refused(f"{field}.weight must be a number.", f"{field}.weight", place_of(route, "weight"))
        weights.append(weight)
        routes.append({"destination": written})
    if not routes:
        routes = [{"destination": _destination(doc, Map(), "spec.destination", entry, facts, labels)}]
    elif len(routes) > 1 or weights[0] not in (None, 100):
        if len(routes) > 1 and sum(weight or 0 for weight in weights) != 100:
            raise Refused("the weights of spec.route do not add up to 100.", "spec.route", place_of(spec, "route"))
        for written_route, weight in zip(routes, weights, strict=True):
            if len(routes) > 1:
                written_route["weight"] = weight or 0
    mirror = mapping(spec, "mirror", "spec.mirror")
    if mirror:
        copied = _destination(doc, mirror, "spec.mirror", entry, facts, _labels(mirror, "spec.mirror"))
        routes[0]["_mirror"] = copied
    return routes


def _destination(doc: Doc, target: Map, field: str, entry: _Host, facts: Facts, labels: dict[str, str]) -> Json:
    only(target, _SERVICE, field)
    host = entry.host
    if target.get("name") or target.get("service"):
        name = str(target.get("service") or target.get("name"))
        namespace = str(target.get("namespace") or "")
        host = name if not namespace or namespace == facts.of(doc) else f"{name}.{namespace}.svc.cluster.local"
    out: Json = {"host": host}
    if labels:
        if host != entry.host:
            raise Refused(
                f"{field} names another service and labels; say them in a DestinationRule of that service.",
                field,
                target.place,
            )
        out["subset"] = entry.subset(labels)
    return out


def _destination_policy(doc: Doc, facts: Facts, hosts: dict[tuple[str, str], _Host]) -> None:
    spec = _spec(doc)
    only(spec, ("source", "destination", "loadBalancing", "circuitBreaker"), "spec")
    source = mapping(spec, "source", "spec.source")
    callers, namespace = _callers(doc, source, "spec.source", facts)
    if source and (not callers or namespace not in ("", facts.of(doc))):
        raise Refused(
            "spec.source: a DestinationRule can be kept to workloads of its own namespace, by their labels; name a "
            "service there.",
            "spec.source",
            place_of(spec, "source"),
        )
    destination = mapping(spec, "destination", "spec.destination")
    policy: Json = {}
    balancing = mapping(spec, "loadBalancing", "spec.loadBalancing")
    if balancing:
        only(balancing, ("name",), "spec.loadBalancing")
        name = str(balancing.get("name"))
        if name not in _BALANCERS:
            raise Refused(
                f"spec.loadBalancing.name {name} never existed in Istio.", "spec.loadBalancing.name", spec.place
            )
        policy["loadBalancer"] = {"simple": _BALANCERS[name]}
    breaker = mapping(spec, "circuitBreaker", "spec.circuitBreaker")
    only(breaker, ("simpleCb",), "spec.circuitBreaker")
    simple = mapping(breaker, "simpleCb", "spec.circuitBreaker.simpleCb")
    only(simple, _BREAKER, "spec.circuitBreaker.simpleCb")
    for key, value in simple.items():
        part = policy
        *path, last = _BREAKER[key]
        for step in path:
            part = part.setdefault(step, {})
        part[last] = value
    entry = _host(doc, destination, facts, hosts)
    labels = _labels(destination, "spec.destination")
    if labels:
        entry.subset(labels)
    into = entry.policies.setdefault((_key(callers), _key(labels)), {})
    if any(into.get(key, value) != value for key, value in policy.items()):
        raise Refused("another DestinationPolicy says something else about the same pods.", "spec", spec.place)
    into.update(policy)


def _egress_rule(doc: Doc) -> None:
    spec = t.cast(Map, camel_keys(doc.spec()))
    only(spec, ("destination", "ports", "useEgressProxy"), "spec")
    destination = mapping(spec, "destination", "spec.destination")
    only(destination, ("service",), "spec.destination")
    host = str(destination.get("service") or "")
    if not host:
        raise Refused("spec.destination.service is missing.", "spec.destination", destination.place)
    if spec.get("useEgressProxy") is True:
        raise Refused(
            "spec.useEgressProxy: an egress gateway needs a Gateway and a VirtualService of its own.",
            "spec.useEgressProxy",
            place_of(spec, "useEgressProxy"),
        )
    if "*" in host and not host.startswith("*."):
        raise Refused(
            f"spec.destination.service {host}: a wildcard stands for whole labels today, as in *.example.com.",
            "spec.destination.service",
            place_of(destination, "service"),
        )
    ports = []
    originated = []
    for index, port in enumerate(mappings(spec, "ports", "spec.ports")):
        only(port, ("port", "protocol"), f"spec.ports[{index}]")
        number = port.get("port")
        protocol = str(port.get("protocol") or "").upper()
        if (
            isinstance(number, bool)
            or not isinstance(number, int)
            or protocol not in ("HTTP", "HTTP2", "HTTPS", "GRPC", "TCP", "MONGO")
        ):
            raise Refused(f"spec.ports[{index}] needs port and protocol.", f"spec.ports[{index}]", port.place)
        if protocol == "HTTPS":
            originated.append(number)
            protocol = "HTTP"
        ports.append({"number": number, "name": f"{protocol.lower()}-{number}", "protocol": protocol})
    if not ports:
        raise Refused("spec.ports is missing.", "spec", spec.place)
    entry: Json = {"hosts": [host]}
    network = _network(host, place_of(destination, "service"))
    if network:
        if any(port["protocol"] not in ("TCP", "MONGO") for port in ports):
            raise Refused(
                f"spec.destination.service {host} is a range of addresses, which EgressRule took for TCP only; name "
                "the hosts.",
                "spec.destination.service",
                place_of(destination, "service"),
            )
        entry = {"hosts": [f"{doc.name}.egress.local"], "addresses": [network]}
        doc.note(
            f"A ServiceEntry has addresses for {network}; its host {doc.name}.egress.local is only a name for them.",
            "spec.destination.service",
            place_of(destination, "service"),
        )
    entry |= {"location": "MESH_EXTERNAL", "ports": ports}
    entry["resolution"] = "NONE" if network or host.startswith("*") else "DNS"
    doc.emit(_API, "ServiceEntry", doc.name, doc.namespace, entry)
    if originated:
        settings = [{"port": {"number": number}, "tls": {"mode": "SIMPLE"}} for number in originated]
        policy: Json = {"host": host, "trafficPolicy": {"portLevelSettings": settings}}
        doc.emit(_API, "DestinationRule", doc.name, doc.namespace, policy)
        doc.differ(
            "The application sends plain HTTP to the port and the sidecar begins TLS, as with EgressRule; the server's "
            "certificate is now checked.",
            "spec.ports",
            place_of(spec, "ports"),
        )


def _network(host: str, place: Place) -> str:
    """A range of addresses as it is written today; empty for a name.

    :raises Refused: if it is none that there could be
    """
    if "/" not in host and not host.replace(".", "").isdigit():
        return ""
    try:
        return str(ipaddress.ip_network(host, strict=False))
    except ValueError as why:
        raise Refused(
            f"spec.destination.service {host} is not a range of addresses.", "spec.destination", place
        ) from why


def _write(entry: _Host) -> None:
    unique = list({id(doc): doc for doc in entry.docs if not doc.refusal}.values())
    if not unique:
        return
    rules = sorted((rule for rule in entry.rules if not rule[1].refusal), key=lambda rule: -rule[0])
    for (precedence, first, one), (other, second, two) in zip(rules, rules[1:], strict=False):
        if precedence == other and one.get("match") == two.get("match"):
            raise Refused(
                f"{first.name} and {second.name} have the same precedence and the same match, so it is not known which "
                "came first; give them different ones.",
                "spec.precedence",
            )
        if precedence == other:
            second.differ(
                f"{first.name} has the same precedence; which of them came first was not defined, and is the order of "
                "the input today.",
                "spec.precedence",
            )
            first.differ(f"{second.name} has the same precedence; the order of the input counts.", "spec.precedence")
    owner: Doc | None = None
    if rules:
        http = []
        for _precedence, _doc, rule in rules:
            mirror = rule.get("route", [{}])[0].pop("_mirror", None) if rule.get("route") else None
            http.append({**rule, "mirror": mirror} if mirror else rule)
        open_rules = [index for index, rule in enumerate(http) if "match" not in rule]
        if not open_rules:
            http.append({"route": [{"destination": {"host": entry.host}}]})
        elif open_rules[0] < len(http) - 1:
            for _precedence, doc, _rule in rules[open_rules[0] + 1 :]:
                doc.differ(
                    "A rule of higher precedence without a match comes first, so this one is never reached; it was not "
                    "before either."
                )
        owner = next((rule[1] for rule in rules if rule[1].primary), rules[0][1])
        owner.emit(_API, "VirtualService", entry.name, entry.namespace, {"hosts": [entry.host], "http": http})
    owner = owner or next((doc for doc in unique if doc.primary), unique[0])
    policies = {key: policy for key, policy in entry.policies.items() if policy}
    if entry.subsets or any(not callers for callers, _labels in policies):
        owner.emit(_API, "DestinationRule", entry.name, entry.namespace, entry.rule(()))
    for callers in dict.fromkeys(callers for callers, _labels in policies if callers):
        # It takes the place of the one for all callers, so it has what that one has.
        owner.emit(_API, "DestinationRule", f"{entry.name}-from-{_name(callers)}", entry.namespace, entry.rule(callers))
    for callers, labels in policies:
        if callers and ((), labels) in policies:
            owner.differ(
                "One DestinationPolicy is for all callers and one for some of them. Which of them held was not "
                "defined; for those callers it is theirs today.",
                "spec.source",
            )
    for doc in unique:
        if doc is not owner:
            doc.moved_to += [f"{out['kind']} {out['metadata']['name']}" for out in owner.outputs]
