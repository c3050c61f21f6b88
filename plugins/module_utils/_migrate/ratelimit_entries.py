# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proxy says of a request to have it counted: a quota's dimensions as entries, a rule's match as conditions."""

from __future__ import annotations

import dataclasses

from .expressions import Attribute, Test, Value
from .facts import Facts, Service
from .limits import Quota, constant_of, header_of, named_values
from .model import Json, Refused

_EXPRESSION = "type.googleapis.com/envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor"
# Stands for all values that no override names, where each proxy counts alone.
OTHERS = "other"
_PEER = "connection.uri_san_peer_certificate"
_REQUEST = {
    "request.path": "request.path",
    "request.url_path": "request.url_path",
    "request.method": "request.method",
    "request.host": "request.host",
    "request.useragent": "request.useragent",
    "request.referer": "request.referer",
}


@dataclasses.dataclass
class Entry:
    """One dimension as a descriptor's entry: constant at this workload, or an expression over the request."""

    key: str
    constant: str = ""
    expression: str = ""
    named: tuple[str, ...] = ()
    # The expression where all values that no override names are one.
    coarse: str = ""


def entries_of(quota: Quota, service: Service, facts: Facts) -> list[Entry]:
    return [_entry(quota, key, value, service, facts) for key, value in sorted(quota.dimensions.items())]


def _entry(quota: Quota, key: str, value: Value, service: Service, facts: Facts) -> Entry:
    named = named_values(quota, key)
    first = value.attributes[0] if value.attributes else None
    place = quota.place
    if first is None:
        return Entry(key, constant=value.default or "")
    if first.name.startswith("destination."):
        for attribute in value.attributes:
            constant = constant_of(attribute, service)
            if constant is not None:
                return Entry(key, constant=constant)
        raise Refused(
            f"the dimension {key} is {first}, which the Service {service.name} does not say; a rate limit needs it.",
            "spec.dimensions",
            place,
        )
    if first.name == "source.labels" or first.name in ("source.workload.name", "source.service", "source.name"):
        return _caller(quota, key, first, named, facts)
    if first.name in ("source.user", "source.principal"):
        return Entry(key, expression=_peer('""'), named=named)
    if first.name == "request.headers" and first.key:
        header = first.key.lower().replace('"', "")
        default = (value.default or "unknown").replace('"', "")
        text = f'"{header}" in request.headers ? request.headers["{header}"] : "{default}"'
        return Entry(key, expression=text, named=named)
    if first.name in _REQUEST:
        return Entry(key, expression=_REQUEST[first.name], named=named)
    raise Refused(f"the dimension {key} is {first}, which a rate limit cannot ask for.", "spec.dimensions", place)


def _peer(missing: str) -> str:
    return f"has({_PEER}) ? {_PEER} : {missing}"


def _caller(quota: Quota, key: str, attribute: Attribute, named: tuple[str, ...], facts: Facts) -> Entry:
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
    return Entry(
        key,
        expression=f'has({_PEER}) ? ({chosen}{_PEER}) : "unknown"',
        named=named,
        coarse=f'has({_PEER}) ? ({chosen}"{OTHERS}") : "{OTHERS}"',
    )


def action_of(entry: Entry, *, coarse: bool = False) -> Json:
    if not entry.expression:
        return {"generic_key": {"descriptor_key": entry.key, "descriptor_value": entry.constant or "unknown"}}
    text = entry.expression
    if coarse:
        listed = "[" + ", ".join(f'"{value}"' for value in entry.named) + "]"
        text = entry.coarse or f'({text}) in {listed} ? ({text}) : "{OTHERS}"'
    return {
        "extension": {
            "name": entry.key,
            "typed_config": {"@type": _EXPRESSION, "descriptor_key": entry.key, "text": text},
        }
    }


def conditions_of(quota: Quota, tests: list[Test]) -> list[Json]:
    out = []
    for number, test in enumerate(tests):
        name = header_of(test.attribute)
        match: Json = {"name": name, "treat_missing_header_as_empty": True}
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
    if any(test.value.default is None and not header_of(test.attribute).startswith(":") for test in tests):
        quota.part.doc.differ(
            "A header that is missing counts as empty in the rule's match; Mixer did not limit such a request.",
            "spec.match",
            quota.place,
        )
    return out


def rate_limit(quota: Quota, entries: list[Entry], tests: list[Test]) -> Json:
    actions: list[Json] = [{"generic_key": {"descriptor_key": "quota", "descriptor_value": quota.name}}]
    actions += conditions_of(quota, tests)
    actions += [action_of(entry) for entry in entries]
    limit: Json = {"actions": actions}
    if quota.charge != 1:
        limit["hits_addend"] = {"number": quota.charge}
    return limit
