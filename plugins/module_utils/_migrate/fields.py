# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fields a kind has: strict validation without a server, and spellings that have only one reading."""

from __future__ import annotations

import functools
import json
import re
import typing as t

from .model import Doc, Map, Refused, Seq, camel, place_of
from .shapes import SHAPES

Shape = t.Any

CURRENT = {
    "VirtualService": "networking.istio.io/v1",
    "DestinationRule": "networking.istio.io/v1",
    "Gateway": "networking.istio.io/v1",
    "ServiceEntry": "networking.istio.io/v1",
    "Sidecar": "networking.istio.io/v1",
    "EnvoyFilter": "networking.istio.io/v1alpha3",
    "PeerAuthentication": "security.istio.io/v1",
    "RequestAuthentication": "security.istio.io/v1",
    "AuthorizationPolicy": "security.istio.io/v1",
}
"""The kinds whose fields are known here, and the version in which they are written."""

# What the definitions' schemas take; Go itself knows one unit more.
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(h|ms|us|ns|m|s)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_DAYS = re.compile(r"[0-9]{1,4}d")
_DURATIONS = frozenset(
    (
        "backoff",
        "baseEjectionTime",
        "budgetInterval",
        "connectTimeout",
        "duration",
        "exponentialDelay",
        "fixedDelay",
        "idleTimeout",
        "interval",
        "maxAge",
        "maxConnectionDuration",
        "perTryTimeout",
        "time",
        "timeout",
        "ttl",
        "warmupDurationSecs",
    )
)
_AMOUNT: Shape = {"maxAmount": "x", "validDuration": "s"}
_QUOTAS: Shape = {
    **_AMOUNT,
    "name": "s",
    "bucketDuration": "s",
    "rateLimitAlgorithm": "s",
    "overrides": [{**_AMOUNT, "dimensions": {"*": "s"}}],
}
_MEMQUOTA: Shape = {
    "quotas": [_QUOTAS],
    "minDeduplicationDuration": "s",
    "redisServerUrl": "s",
    "connectionPoolSize": "i",
}
_LEGACY: dict[str, Shape] = {
    "memquota": _MEMQUOTA,
    "redisquota": _MEMQUOTA,
    "quota": {"dimensions": {"*": "s"}},
    "rule": {"match": "s", "actions": [{"handler": "s", "instances": ["s"]}]},
    "QuotaSpec": {"rules": [{"match": "*", "quotas": [{"charge": "x", "quota": "s"}]}]},
    "QuotaSpecBinding": {
        "quotaSpecs": [{"name": "s", "namespace": "s"}],
        "services": [{"name": "s", "namespace": "s", "service": "s", "domain": "s", "labels": {"*": "s"}}],
    },
    "ServiceRole": {
        "rules": [
            {
                "services": ["s"],
                "methods": ["s"],
                "paths": ["s"],
                "constraints": [{"key": "s", "values": ["s"]}],
            }
        ]
    },
    "ServiceRoleBinding": {
        "subjects": [{"user": "s", "group": "s", "properties": {"*": "s"}}],
        "roleRef": {"kind": "s", "name": "s"},
    },
    "Policy": {
        "targets": [{"name": "s", "ports": [{"number": "i", "name": "s"}]}],
        "peers": [{"mtls": {"mode": "s"}}],
        "origins": [{"jwt": {"*": "*"}}],
        "peerIsOptional": "b",
        "originIsOptional": "b",
        "principalBinding": "s",
    },
}


@functools.cache
def shape_of(kind: str) -> Shape:
    """The shape of a current kind's spec; None if it is not known here."""
    text = SHAPES.get(kind)
    return _with_durations(json.loads(text.replace("\n", ""))) if text else None


def _with_durations(shape: Shape) -> Shape:
    """The shape with `d` for what is a duration; the definitions say only that it is a string."""
    if isinstance(shape, list):
        return [_with_durations(shape[0])]
    if isinstance(shape, dict):
        return {key: "d" if key in _DURATIONS and item == "s" else _with_durations(item) for key, item in shape.items()}
    return shape


def accepts(value: Map) -> bool:
    """Whether a document's fields are all where its kind has them, so that a reading of broken text can be judged.

    The slips that `routing` and `quota` mend later are let through.
    """
    kind = str(value.get("kind") or "")
    shape = _LEGACY.get(kind) or shape_of(kind)
    if shape is None or not value.get("apiVersion") or not isinstance(value.get("metadata"), Map):
        return False
    known = {"apiVersion", "kind", "metadata", "spec"}
    return known >= set(value) and _fits(value.get("spec"), shape)


def _fits(value: t.Any, shape: Shape) -> bool:
    if value is None:
        return True
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(item, shape[0]) for item in value)
    if isinstance(shape, dict):
        if not isinstance(value, Map):
            return False
        if "*" in shape:
            return all(_fits(item, shape["*"]) for item in value.values())
        for key, item in value.items():
            if key in shape:
                if not _fits(item, shape[key]):
                    return False
            elif not _is_beside(value, item, shape):
                return False
        return True
    return shape == "*" or not isinstance(value, (dict, list))


def _is_beside(value: Map, item: t.Any, shape: Shape) -> bool:
    """Whether a field that the mapping does not have belongs to a sibling without a value."""
    for name, beneath in shape.items():
        if name in value and value[name] is None and isinstance(beneath, dict):
            return "*" not in beneath or _fits(item, beneath["*"])
    return False


def normalise(doc: Doc, value: t.Any, shape: Shape, field: str = "spec") -> t.Any:
    """The value in today's spelling: snake case becomes camel case, a lone item of a list a list, a quoted number
    a number. What is none of these and does not fit is refused.

    :raises Refused: at the first field that does not exist or has the wrong type
    """
    return _normalise(doc, value, shape, field, (0, 0))


def _normalise(doc: Doc, value: t.Any, shape: Shape, field: str, place: tuple[int, int]) -> t.Any:
    if value is None or shape == "*":
        return value
    if isinstance(shape, list):
        return _list(doc, value, shape[0], field, place)
    if isinstance(shape, dict):
        return _mapping(doc, value, shape, field, place)
    return _leaf(doc, value, shape, field, place)


def _list(doc: Doc, value: t.Any, shape: Shape, field: str, place: tuple[int, int]) -> Seq:
    if not isinstance(value, list):
        if isinstance(value, Map) != isinstance(shape, dict):
            raise Refused(f"{field} must be a list.", field, place)
        doc.repair(f"{field} is a list; its one item becomes a list of one.", field, place)
        lone = Seq(place)
        lone.add(value, place)
        value = lone
    out = Seq(place)
    for index, item in enumerate(value):
        at = place_of(value, index)
        if item is None and isinstance(shape, dict):
            raise Refused(f"{field}[{index}] is empty; fill it in or remove it.", f"{field}[{index}]", at)
        out.add(_normalise(doc, item, shape, f"{field}[{index}]", at), at)
    return out


def _mapping(doc: Doc, value: t.Any, shape: dict[str, Shape], field: str, place: tuple[int, int]) -> Map:
    if not isinstance(value, Map):
        raise Refused(f"{field} must be a mapping.", field, place)
    out = Map(value.place)
    for key, item in value.items():
        at = place_of(value, key)
        name = key
        if "*" in shape:
            beneath = shape["*"]
        else:
            if "_" in key and camel(key) in shape:
                name = camel(key)
                doc.note(f"{key} is spelt {name}.", f"{field}.{key}", at)
            if name not in shape:
                raise Refused(_unknown(field, key, shape), f"{field}.{key}", at)
            if name in out:
                raise Refused(f"{field}.{name} appears twice, in two spellings.", f"{field}.{name}", at)
            beneath = shape[name]
        out[name] = _normalise(doc, item, beneath, f"{field}.{name}", at)
        out.at[name] = at
    return out


def _unknown(field: str, key: str, shape: dict[str, Shape]) -> str:
    import difflib

    near = difflib.get_close_matches(key, list(shape), 1)
    hint = f"; is {near[0]} meant?" if near else "; correct its spelling or its place."
    return f"{field}.{key} has no place in today's API{hint}"


def _shown(value: t.Any) -> str:
    """A value as YAML has it."""
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _leaf(doc: Doc, value: t.Any, shape: str, field: str, place: tuple[int, int]) -> t.Any:
    if isinstance(value, (dict, list)):
        raise Refused(f"{field} must be a single value.", field, place)
    if shape == "b":
        if not isinstance(value, bool):
            raise Refused(f"{field} must be true or false, not {_shown(value)}.", field, place)
    elif shape in ("i", "n"):
        if isinstance(value, str) and value.strip().lstrip("-").isdigit():
            doc.repair(f"The quotes around the number {value} are dropped.", field, place)
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int if shape == "i" else (int, float)):
            raise Refused(f"{field} must be a number, not {_shown(value)}.", field, place)
    elif shape == "x":
        if isinstance(value, bool):
            raise Refused(f"{field} must be a number or a string, not {_shown(value)}.", field, place)
    elif shape == "d":
        return duration(doc, value, field, place)
    elif not isinstance(value, str):
        if isinstance(value, (bool, float)):
            raise Refused(f"{field} must be a string; quote {_shown(value)}.", field, place)
        doc.repair(f"{value} is quoted, since {field} is a string.", field, place)
        value = str(value)
    elif "|" in shape and value not in shape.split("|"):
        raise Refused(f"{field} must be one of {', '.join(shape.split('|'))}, not {value}.", field, place)
    return value


def duration(doc: Doc, value: t.Any, field: str, place: tuple[int, int]) -> str:
    """A duration as the API takes it; Istio's reference showed `1d`, which neither Istio nor Go reads.

    :raises Refused: if it is none
    """
    if value in (0, "0") and not isinstance(value, bool):
        doc.repair(f"{value} is 0s.", field, place)
        return "0s"
    if isinstance(value, str) and _DAYS.fullmatch(value):
        hours = f"{int(value[:-1]) * 24}h"
        doc.repair(f"{value} is {hours}.", field, place)
        return hours
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise Refused(
            f"{field} must be a duration with a unit, such as 5s or 100ms, not {_shown(value)}.", field, place
        )
    return value


def in_seconds(seconds: float) -> str:
    """Seconds as a duration that the API takes, never with an exponent."""
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


def seconds_of(text: str) -> float | None:
    """The seconds of a duration as the API takes it; None where it is none."""
    return (
        sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)) if _DURATION.fullmatch(text) else None
    )


def check_output(doc: Doc) -> None:
    """Fails if one of a document's outputs would not pass the server's strict validation.

    :raises Refused: with the field
    """
    for out in doc.outputs:
        shape = shape_of(str(out["kind"]))
        if shape is not None:
            fault = _fault(out.get("spec"), shape, "spec")
            if fault:
                raise Refused(f"the {out['kind']} {out['metadata']['name']} would have {fault}.", "spec")


def _fault(value: t.Any, shape: Shape, field: str) -> str:
    if value is None or shape == "*":
        return ""
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{field}, which must be a list"
        return next((text for i, item in enumerate(value) if (text := _fault(item, shape[0], f"{field}[{i}]"))), "")
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{field}, which must be a mapping"
        for key, item in value.items():
            if "*" not in shape and key not in shape:
                return f"a field {field}.{key} that the API does not have"
            text = _fault(item, shape.get(key, shape.get("*")), f"{field}.{key}")
            if text:
                return text
        return ""
    if isinstance(value, (dict, list)):
        return f"{field}, which must be a single value"
    if "|" in shape and value not in shape.split("|"):
        return f"{field} {value}, which must be one of {shape}"
    if shape == "d" and not _DURATION.fullmatch(str(value)):
        return f"{field} {value}, which must be a duration with a unit, such as 5s or 100ms"
    return ""
