# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quotas and their limits: which holds for a tuple of values, and what of a rule's match is left for a service."""

from __future__ import annotations

import dataclasses
import math
import typing as t

from .expressions import HEADERS, Attribute, Test, Value
from .facts import Service
from .mixer import Part
from .model import Doc, Place, Refused

_UNITS = {
    1: "second",
    60: "minute",
    3600: "hour",
    86400: "day",
    604800: "week",
    2592000: "month",
    31536000: "year",
}
# What Mixer said of a request that a rate limit is asked for.
_HEADERS = {
    "request.method": ":method",
    "request.host": ":authority",
    "request.path": ":path",
    "request.url_path": ":path",
    "request.scheme": ":scheme",
    **HEADERS,
}
_CONTEXT = {"context.protocol": ("http", "grpc"), "context.reporter.kind": ("inbound",)}
MAX_COMBINATIONS = 512
# Limits at Services that a run writes: a hundred quotas for a thousand Services would be a hundred MiB.
MAX_LIMITS = 12_000
UNLIMITED = 4294967295


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
                f"{self.seconds:.9g} s; set quota to local, or choose one of these.",
                field,
                self.place,
            )
        return _UNITS[int(self.seconds)]


@dataclasses.dataclass
class Quota:
    """One quota with all that is said of it."""

    part: Part
    field: str
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


def named_values(quota: Quota, key: str) -> tuple[str, ...]:
    """The values of a dimension that overrides name."""
    return tuple(dict.fromkeys(dimensions[key] for dimensions, _limit in quota.overrides if key in dimensions))


def combinations(quota: Quota) -> int:
    """For how many tuples of values a quota may have different limits."""
    return math.prod(len(named_values(quota, key)) + 1 for key in quota.dimensions)


def first_limit(quota: Quota, values: t.Mapping[str, str | None]) -> tuple[Limit, str]:
    """The limit for a tuple of dimension values, None being any value that no override names."""
    for index, (dimensions, limit) in enumerate(quota.overrides):
        if all(values.get(key) == value for key, value in dimensions.items()):
            return limit, f"{quota.field}.overrides[{index}].validDuration"
    return quota.limit, f"{quota.field}.validDuration"


def tests_for(quota: Quota, service: Service) -> list[Test] | None:
    """The tests of the rule's match that are left for a service; None if it can never hold there."""
    left: list[list[Test]] = []
    place = quota.place
    for tests in quota.match:
        kept: list[Test] | None = []
        for test in tests:
            attribute = _attribute(test, place)
            if attribute.name.startswith("destination."):
                have = constant_of(attribute, service)
                if have is None:
                    raise Refused(f"the rule's match asks for {attribute}, which is not known.", "spec.match", place)
                if not test.holds(have):
                    kept = None
                    break
            elif attribute.name in _CONTEXT and any(test.holds(value) for value in _CONTEXT[attribute.name]):
                continue
            elif header_of(attribute) and (attribute.name != "request.url_path" or _begins(test)):
                t.cast(list[Test], kept).append(test)
            else:
                raise Refused(
                    f"the rule's match asks for {attribute}; a rate limit can ask for headers, method, host, path, how "
                    "url_path begins, and the destination.",
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


def _begins(test: Test) -> bool:
    """Whether a path without its query begins in a way that one with it begins in, too."""
    return test.how == "prefix" and "?" not in test.text


def header_of(attribute: Attribute) -> str:
    """The header in which a proxy finds what an attribute of a request says; empty if there is none."""
    return attribute.key.lower() if attribute.name == "request.headers" else _HEADERS.get(attribute.name, "")


def _attribute(test: Test, place: Place) -> Attribute:
    """What a test of the rule's match looks at.

    :raises Refused: if a proxy would count other requests, since it takes a missing header for an empty one
    """
    try:
        attribute = test.attribute
    except Refused as why:
        raise Refused(f"the rule's match: {why.reason}", "spec.match", place) from why
    default = test.value.default
    if not header_of(attribute).startswith(":") and default is not None and test.holds(default) != test.holds(""):
        raise Refused(
            f'the rule\'s match: a request without {attribute} counts as "{default}", and as one with an empty value '
            "today.",
            "spec.match",
            place,
        )
    return attribute


def constant_of(attribute: Attribute, service: Service) -> str | None:
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
