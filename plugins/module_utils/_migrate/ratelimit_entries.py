# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proxy says of a request to have it counted: a quota's dimensions as entries, a rule's match as conditions."""

from __future__ import annotations

import dataclasses
import json

from .expressions import HEADERS, Test, Value
from .facts import Facts, Service
from .limits import Quota, constant_of, header_of, named_values
from .model import Json, Refused

_EXPRESSION = "type.googleapis.com/envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor"
# Stands for all values that no override names, where each proxy counts alone.
OTHERS = "other"
_PEER = "connection.uri_san_peer_certificate"
# What each request has.
_ALWAYS = ("request.path", "request.url_path", "request.method", "request.host")


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
        return _caller(quota, key, value, named, facts)
    return Entry(key, expression=_request(quota, key, value, named), named=named)


def _request(quota: Quota, key: str, value: Value, named: tuple[str, ...]) -> str:
    """The first of the attributes that a request has, else the default, as an expression."""
    text = ""
    for attribute in value.attributes:
        header = attribute.key.lower() if attribute.name == "request.headers" else HEADERS.get(attribute.name, "")
        if attribute.name in _ALWAYS:
            return text + attribute.name
        if header:
            text += f"{_quoted(header)} in request.headers ? request.headers[{_quoted(header)}] : "
        elif attribute.name in ("source.user", "source.principal"):
            # Mixer had the identity without the scheme that stands in the certificate.
            known = "".join(f"{_PEER} == {_quoted(f'spiffe://{_bare(name)}')} ? {_quoted(name)} : " for name in named)
            text += f"has({_PEER}) ? ({known}{_PEER}) : "
        else:
            raise Refused(
                f"the dimension {key} is {attribute}, which a rate limit cannot ask for.",
                "spec.dimensions",
                quota.place,
            )
    return text + _quoted(value.default or "unknown")


def _quoted(text: str) -> str:
    """A text as a literal of CEL, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _bare(principal: str) -> str:
    return principal.removeprefix("spiffe://")


def _caller(quota: Quota, key: str, value: Value, named: tuple[str, ...], facts: Facts) -> Entry:
    """The caller, as its certificate says it: the values that overrides name, and for all others the identity."""
    attribute, *others = value.attributes
    other = next((other for other in others if not other.name.startswith("source.")), None)
    if other is not None:
        raise Refused(
            f"the dimension {key} is {other} where {attribute} is missing, and a certificate does not say for whom "
            "that is so.",
            "spec.dimensions",
            quota.place,
        )
    if named and attribute.name != "source.labels":
        raise Refused(
            f"the dimension {key} is {attribute}, which a certificate does not say.", "spec.dimensions", quota.place
        )
    chosen = ""
    for name in named:
        accounts = facts.accounts({attribute.key: name}, "spec.overrides", quota.place)
        tests = " || ".join(f"{_PEER} == {_quoted(f'spiffe://{account}')}" for account in accounts)
        chosen += f"({tests}) ? {_quoted(name)} : "
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
        listed = "[" + ", ".join(_quoted(value) for value in entry.named) + "]"
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
        if _takes_any(test) and test.value.default is None:
            match = {"name": name, "present_match": True}
        elif _takes_any(test):
            match["string_match"] = {"safe_regex": {"regex": ".*"}}
        else:
            match["string_match"] = {{"equals": "exact"}.get(test.how, test.how): test.text}
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
    if any(_counts_without(test) for test in tests):
        quota.part.doc.differ(
            "The rule's match holds for a request without the header, too; Mixer did not limit such a request.",
            "spec.match",
            quota.place,
        )
    return out


def _takes_any(test: Test) -> bool:
    """Whether each value passes but for the test's negation, as all begin and end in the empty text."""
    return test.how != "equals" and not test.text


def _counts_without(test: Test) -> bool:
    """Whether a proxy counts a request without the header, for which Mixer could not tell and limited nothing."""
    if test.value.default is not None or header_of(test.attribute).startswith(":"):
        return False
    return test.negated if _takes_any(test) else test.holds("")


def rate_limit(quota: Quota, entries: list[Entry], tests: list[Test]) -> Json:
    actions: list[Json] = [{"generic_key": {"descriptor_key": "quota", "descriptor_value": quota.name}}]
    actions += conditions_of(quota, tests)
    actions += [action_of(entry) for entry in entries]
    limit: Json = {"actions": actions}
    if quota.charge != 1:
        limit["hits_addend"] = {"number": quota.charge}
    return limit
