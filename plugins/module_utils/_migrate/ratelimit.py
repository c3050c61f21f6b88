# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rate limits of Envoy that do what quotas of Mixer did: asked of the rate limit service, or counted by each proxy.

The service enforces every descriptor that it is sent, so a quota's dimensions become one nested descriptor. Of the
overrides the first that matches held; that is worked out here, for each combination of values that an override names.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import typing as t

from .expressions import Attribute, Test, Value
from .facts import Facts, Service, service_of
from .mixer import Part
from .model import Doc, Json, Options, Place, Refused

_API = "networking.istio.io/v1alpha3"
_UNITS = {
    1: "second",
    60: "minute",
    3600: "hour",
    86400: "day",
    604800: "week",
    2592000: "month",
    31536000: "year",
}
_MAX_LEAVES = 512
# After filters that set nothing; istioctl analyze wants one to be set.
_PRIORITY = 10
UNLIMITED = 4294967295
_EXPRESSION = "type.googleapis.com/envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor"
# Stands for all values that no override names, where each proxy counts alone.
_OTHERS = "other"
# What Mixer said of a request that a rate limit is asked for.
_CONTEXT = {"context.protocol": ("http", "grpc"), "context.reporter.kind": ("inbound",)}
_PEER = "connection.uri_san_peer_certificate"
_REQUEST = {
    "request.path": "request.path",
    "request.url_path": "request.url_path",
    "request.method": "request.method",
    "request.host": "request.host",
    "request.useragent": "request.useragent",
    "request.referer": "request.referer",
}


@dataclasses.dataclass(frozen=True)
class Limit:
    """So many requests in so many seconds."""

    amount: int
    seconds: float
    place: Place

    def unit(self, field: str) -> str:
        """The rate limit service's unit for this window.

        :raises Refused: if it has none
        """
        if self.seconds not in _UNITS:
            raise Refused(
                f"{field}: the rate limit service counts per second, minute, hour, day, week, month or year, not per "
                f"{self.seconds:g} s; set quota to local, or choose one of these.",
                field,
                self.place,
            )
        return _UNITS[int(self.seconds)]


@dataclasses.dataclass
class Quota:
    """One quota with all that is said of it."""

    part: Part
    name: str
    short: str
    limit: Limit
    overrides: list[tuple[dict[str, str], Limit]]
    dimensions: dict[str, Value]
    place: Place
    match: list[list[Test]] = dataclasses.field(default_factory=lambda: [[]])
    charge: int = 1
    services: list[Service] = dataclasses.field(default_factory=list)
    joined: list[Doc] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class _Entry:
    """One dimension as a descriptor's entry: constant at this workload, or an expression over the request."""

    key: str
    constant: str = ""
    expression: str = ""
    named: tuple[str, ...] = ()
    # The expression where all values that no override names are one.
    coarse: str = ""


def write(quotas: list[Quota], facts: Facts, options: Options) -> None:
    """Writes the limits of all quotas; what cannot be said is refused in the quota's document."""
    trees: list[tuple[Quota, Json]] = []
    filters: dict[tuple[str, str], list[tuple[Quota, Json]]] = {}
    for quota in quotas:
        try:
            mine: list[tuple[Service, Json]] = []
            if all(_tests_for(quota, service) is None for service in quota.services):
                quota.part.doc.handled = True
                quota.part.doc.differ(
                    f"The match of the rule for {quota.short} holds for none of the services, so it limited nothing; "
                    "nothing is written for it.",
                    "spec.match",
                    quota.place,
                )
                continue
            for service in dict.fromkeys(quota.services):
                tests = _tests_for(quota, service)
                if tests is None:
                    continue
                entries = _entries(quota, service, facts)
                if options.quota == "local":
                    _emit_local(quota, service, entries, tests)
                elif quota.charge:
                    mine.append((service, _rate_limit(quota, entries, tests)))
            if options.quota == "local":
                quota.part.doc.differ(
                    "Each proxy counts alone: with N pods N times the amount passes, and "
                    "callers that no override names "
                    "share one counter.",
                    quota.part.field,
                    quota.place,
                )
                continue
            tree = _tree(quota)
        except Refused as why:
            quota.part.doc.refuse(why)
            continue
        if quota.charge != 1:
            quota.part.doc.note(f"A request is charged {quota.charge}: hits_addend.", quota.part.field, quota.place)
        trees.append((quota, tree))
        for service, limit in mine:
            filters.setdefault((service.namespace, service.name), []).append((quota, limit))
    trees = [(quota, tree) for quota, tree in trees if not quota.part.doc.refusal]
    if not trees:
        return
    _emit_config(trees, options)
    _share([quota.part.doc for quota, _tree_of in trees], "ConfigMap ratelimit-config")
    for (namespace, name), limits in filters.items():
        left = [(quota, limit) for quota, limit in limits if not quota.part.doc.refusal]
        if left:
            service = facts.services[namespace, name]
            docs = [quota.part.doc for quota, _limit in left]
            _emit_filter(docs[0], service, [limit for _quota, limit in left], options)
            _share(docs, f"EnvoyFilter quota-{name}")
    for quota, _tree_of in trees:
        quota.part.doc.differ(
            "Where the rate limit service does not answer, requests are denied, as Mixer did unless "
            "policyCheckFailOpen was true.",
            quota.part.field,
            quota.place,
        )


def _share(docs: list[Doc], title: str) -> None:
    """What the first handler has written is for the quotas of the others as well."""
    for doc in docs:
        if doc is not docs[0]:
            doc.moved_to.append(title)


def _tests_for(quota: Quota, service: Service) -> list[Test] | None:
    """The tests of the rule's match that are left for a service; None if it can never hold there."""
    left: list[list[Test]] = []
    place = quota.place
    for tests in quota.match:
        kept: list[Test] | None = []
        for test in tests:
            attribute = _attribute(test, place)
            if attribute.name.startswith("destination."):
                have = _constant(attribute, service)
                if have is None:
                    raise Refused(f"the rule's match asks for {attribute}, which is not known.", "spec.match", place)
                if not test.holds(have):
                    kept = None
                    break
            elif attribute.name in _CONTEXT and any(test.holds(value) for value in _CONTEXT[attribute.name]):
                continue
            elif attribute.name == "request.headers" and attribute.key:
                t.cast(list[Test], kept).append(test)
            else:
                raise Refused(
                    f"the rule's match asks for {attribute}; a rate limit can ask for headers and for the destination.",
                    "spec.match",
                    place,
                )
        if kept is not None and kept not in left:
            left.append(kept)
    if [] in left:
        return []
    if len(left) > 1:
        raise Refused(
            "the rule's match has alternatives, and a request would be counted for each.", "spec.match", place
        )
    return left[0] if left else None


def _attribute(test: Test, place: Place) -> Attribute:
    """What a test of the rule's match looks at.

    :raises Refused: if a proxy would count other requests, since it takes a missing header for an empty one
    """
    try:
        attribute = test.attribute
    except Refused as why:
        raise Refused(f"the rule's match: {why.reason}", "spec.match", place) from why
    default = test.value.default
    if attribute.name == "request.headers" and default is not None and test.holds(default) != test.holds(""):
        raise Refused(
            f'the rule\'s match: a request without {attribute} counts as "{default}", and as one with an empty value '
            "today.",
            "spec.match",
            place,
        )
    return attribute


def _constant(attribute: Attribute, service: Service) -> str | None:
    """The value of an attribute of the destination; None if it is not known from the Service."""
    if attribute.name == "destination.labels":
        return service.labels.get(attribute.key)
    if attribute.name in ("destination.service", "destination.service.host"):
        return service.host
    if attribute.name == "destination.service.name":
        return service.name
    if attribute.name in ("destination.namespace", "destination.service.namespace", "destination.workload.namespace"):
        return service.namespace
    return None


def _entries(quota: Quota, service: Service, facts: Facts) -> list[_Entry]:
    return [_entry(quota, key, value, service, facts) for key, value in sorted(quota.dimensions.items())]


def _entry(quota: Quota, key: str, value: Value, service: Service, facts: Facts) -> _Entry:
    named = tuple(dict.fromkeys(d[key] for d, _limit in quota.overrides if key in d))
    first = value.attributes[0] if value.attributes else None
    place = quota.place
    if first is None:
        return _Entry(key, constant=value.default or "")
    if first.name.startswith("destination."):
        for attribute in value.attributes:
            constant = _constant(attribute, service)
            if constant is not None:
                return _Entry(key, constant=constant)
        raise Refused(
            f"the dimension {key} is {first}, which the Service {service.name} does not say; a rate limit needs it.",
            "spec.dimensions",
            place,
        )
    if first.name == "source.labels" or first.name in ("source.workload.name", "source.service", "source.name"):
        return _caller(quota, key, first, named, facts)
    if first.name in ("source.user", "source.principal"):
        return _Entry(key, expression=_peer('""'), named=named)
    if first.name == "request.headers" and first.key:
        header = first.key.lower().replace('"', "")
        default = (value.default or "unknown").replace('"', "")
        text = f'"{header}" in request.headers ? request.headers["{header}"] : "{default}"'
        return _Entry(key, expression=text, named=named)
    if first.name in _REQUEST:
        return _Entry(key, expression=_REQUEST[first.name], named=named)
    raise Refused(f"the dimension {key} is {first}, which a rate limit cannot ask for.", "spec.dimensions", place)


def _peer(missing: str) -> str:
    return f"has({_PEER}) ? {_PEER} : {missing}"


def _caller(quota: Quota, key: str, attribute: Attribute, named: tuple[str, ...], facts: Facts) -> _Entry:
    """The caller, as its certificate says it: the values that overrides name, and for all others the identity."""
    if named and attribute.name != "source.labels":
        raise Refused(
            f"the dimension {key} is {attribute}, which a certificate does not say.", "spec.dimensions", quota.place
        )
    chosen = ""
    for value in named:
        accounts = facts.accounts({attribute.key: value}, "spec.overrides", quota.place)
        tests = " || ".join(f'{_PEER} == "spiffe://{account}"' for account in accounts)
        chosen += f'({tests}) ? "{value}" : '
    quota.part.doc.differ(
        f"The dimension {key} is the caller's mTLS identity instead of {attribute}; pods with one service account "
        "count as one caller.",
        quota.part.field,
        quota.place,
    )
    return _Entry(
        key,
        expression=f'has({_PEER}) ? ({chosen}{_PEER}) : "unknown"',
        named=named,
        coarse=f'has({_PEER}) ? ({chosen}"{_OTHERS}") : "{_OTHERS}"',
    )


def _action(entry: _Entry, *, coarse: bool = False) -> Json:
    if not entry.expression:
        return {"generic_key": {"descriptor_key": entry.key, "descriptor_value": entry.constant or "unknown"}}
    text = entry.expression
    if coarse:
        listed = "[" + ", ".join(f'"{value}"' for value in entry.named) + "]"
        text = entry.coarse or f'({text}) in {listed} ? ({text}) : "{_OTHERS}"'
    return {
        "extension": {
            "name": entry.key,
            "typed_config": {"@type": _EXPRESSION, "descriptor_key": entry.key, "text": text},
        }
    }


def _conditions(quota: Quota, tests: list[Test]) -> list[Json]:
    out = []
    for number, test in enumerate(tests):
        attribute = test.value.attributes[0]
        match: Json = {"name": attribute.key.lower(), "treat_missing_header_as_empty": True}
        match["string_match"] = {{"equals": "exact"}.get(test.how, test.how): test.text}
        if not test.text:
            match["string_match"] = {"exact": ""}
        out.append(
            {
                "header_value_match": {
                    "descriptor_key": f"match-{number}",
                    "descriptor_value": "true",
                    "expect_match": not test.negated,
                    "headers": [match],
                }
            }
        )
    if any(test.value.default is None for test in tests):
        quota.part.doc.differ(
            "A header that is missing counts as empty in the rule's match; Mixer did not limit such a request.",
            "spec.match",
            quota.place,
        )
    return out


def _rate_limit(quota: Quota, entries: list[_Entry], tests: list[Test]) -> Json:
    actions: list[Json] = [{"generic_key": {"descriptor_key": "quota", "descriptor_value": quota.name}}]
    actions += _conditions(quota, tests)
    actions += [_action(entry) for entry in entries]
    limit: Json = {"actions": actions}
    if quota.charge != 1:
        limit["hits_addend"] = {"number": quota.charge}
    return limit


def _first(quota: Quota, values: t.Mapping[str, str | None]) -> tuple[Limit, str]:
    """The limit for a tuple of dimension values, None being any value that no override names."""
    for index, (dimensions, limit) in enumerate(quota.overrides):
        if all(values.get(key) == value for key, value in dimensions.items()):
            return limit, f"overrides[{index}]"
    return quota.limit, "validDuration"


def _tree(quota: Quota) -> Json:
    """The rate limit service's descriptor for a quota: nested in the order in which the proxies send the entries."""
    keys = sorted(quota.dimensions)
    choices: list[list[str | None]] = []
    for key in keys:
        named = list(dict.fromkeys(d[key] for d, _limit in quota.overrides if key in d))
        choices.append([*named, None])
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > _MAX_LEAVES:
        raise Refused(f"the overrides stand for {count} combinations of values.", quota.part.field, quota.place)

    def level(number: int, values: dict[str, str | None]) -> Json:
        if number == len(keys):
            limit, field = _first(quota, values)
            return {"rate_limit": {"unit": limit.unit(field), "requests_per_unit": limit.amount}}
        below = []
        for value in choices[number]:
            entry: Json = {"key": keys[number]}
            if value is not None:
                entry["value"] = value
            below.append({**entry, **level(number + 1, {**values, keys[number]: value})})
        return {"descriptors": below}

    inner = level(0, {})
    sizes = {len(tests) for service in quota.services if (tests := _tests_for(quota, service)) is not None}
    if len(sizes) > 1:
        raise Refused("the rule's match asks for different headers at different services.", "spec.match", quota.place)
    for number in reversed(range(next(iter(sizes), 0))):
        inner = {"descriptors": [{"key": f"match-{number}", "value": "true", **inner}]}
    return {"key": "quota", "value": quota.name, **inner}


def _emit_config(trees: list[tuple[Quota, Json]], options: Options) -> None:
    import yaml

    config = {"domain": options.ratelimit_domain, "descriptors": [tree for _quota, tree in trees]}
    text = yaml.safe_dump(config, sort_keys=False, default_flow_style=False, width=110)
    doc = trees[0][0].part.doc
    found = service_of(options.ratelimit_host, "default")
    doc.outputs.append(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "ratelimit-config", "namespace": found[0] if found else "default"},
            "data": {"config.yaml": text},
        }
    )
    doc.note(
        "The ConfigMap is the configuration of the rate limit service: mount it there, or merge it into what it has."
    )


def _emit_filter(doc: Doc, service: Service, limits: list[Json], options: Options) -> None:
    ask = {
        "applyTo": "HTTP_FILTER",
        "match": _before_router(),
        "patch": {
            "operation": "INSERT_BEFORE",
            "value": {
                "name": "envoy.filters.http.ratelimit",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit",
                    "domain": options.ratelimit_domain,
                    "failure_mode_deny": True,
                    "timeout": "5s",
                    "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
                    "rate_limit_service": {
                        "transport_api_version": "V3",
                        "grpc_service": {
                            "envoy_grpc": {
                                "cluster_name": f"outbound|{options.ratelimit_port}||{options.ratelimit_host}",
                                "authority": options.ratelimit_host,
                            }
                        },
                    },
                },
            },
        },
    }
    send = {
        "applyTo": "VIRTUAL_HOST",
        "match": {"context": "SIDECAR_INBOUND"},
        "patch": {"operation": "MERGE", "value": {"rate_limits": limits}},
    }
    spec = {"workloadSelector": {"labels": service.labels}, "priority": _PRIORITY, "configPatches": [ask, send]}
    doc.emit(_API, "EnvoyFilter", f"quota-{service.name}", service.namespace, spec)


def _before_router() -> Json:
    return {
        "context": "SIDECAR_INBOUND",
        "listener": {
            "filterChain": {
                "filter": {
                    "name": "envoy.filters.network.http_connection_manager",
                    "subFilter": {"name": "envoy.filters.http.router"},
                }
            }
        },
    }


def _bucket(limit: Limit, charge: int) -> Json:
    if limit.seconds < 0.05:
        raise Refused("a local limit is filled every 50 ms at most.", "validDuration", limit.place)
    tokens = limit.amount // max(1, charge)
    if not tokens:
        raise Refused(
            "Envoy does not take a local limit of 0; deny with an AuthorizationPolicy.", "maxAmount", limit.place
        )
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": f"{limit.seconds:g}s"}


def _emit_local(quota: Quota, service: Service, entries: list[_Entry], tests: list[Test]) -> None:
    if not quota.charge:
        return
    dynamic = [entry for entry in entries if entry.expression and entry.named]
    constants = {entry.key: entry.constant for entry in entries if not entry.expression}
    descriptors = []
    seen: list[Json] = []
    conditions = _conditions(quota, tests)
    for chosen in itertools.product(*([*entry.named, None] for entry in dynamic)):
        values: dict[str, str | None] = dict(constants)
        values |= {entry.key: value for entry, value in zip(dynamic, chosen, strict=True)}
        limit, _field = _first(quota, values)
        listed: list[Json] = [{"key": f"match-{number}", "value": "true"} for number in range(len(conditions))]
        listed += [{"key": e.key, "value": v or _OTHERS} for e, v in zip(dynamic, chosen, strict=True)]
        if listed:
            descriptors.append({"entries": listed, "token_bucket": _bucket(limit, quota.charge)})
        seen.append(_bucket(limit, quota.charge))
    base = {"max_tokens": UNLIMITED, "tokens_per_fill": UNLIMITED, "fill_interval": "1s"}
    config: Json = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "quota_" + re.sub(r"[^a-z0-9_]", "_", quota.short.lower()),
        "token_bucket": base if descriptors else seen[0],
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "filter_enforced": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
    }
    if descriptors:
        config["descriptors"] = descriptors
        config["rate_limits"] = [{"actions": [*conditions, *(_action(entry, coarse=True) for entry in dynamic)]}]
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": _before_router(),
        "patch": {
            "operation": "INSERT_BEFORE",
            "value": {"name": "envoy.filters.http.local_ratelimit", "typed_config": config},
        },
    }
    spec = {"workloadSelector": {"labels": service.labels}, "priority": _PRIORITY, "configPatches": [patch]}
    quota.part.doc.emit(_API, "EnvoyFilter", f"quota-{quota.short.lower()}-{service.name}", service.namespace, spec)
