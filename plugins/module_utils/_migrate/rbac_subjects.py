# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subjects of RBAC: what a binding asks of a caller, as sources and conditions of an AuthorizationPolicy."""

from __future__ import annotations

import dataclasses

from .model import Doc, Json, Map, Place, Refused, mapping, mappings, only, place_of, text_list

_EMPTY = '"*" matched an empty value too; today it asks for a value that is not empty.'
_FIELDS = {
    "user": "",
    "names": "principals",
    "notNames": "notPrincipals",
    "group": "",
    "groups": "",
    "notGroups": "",
    "namespaces": "namespaces",
    "notNamespaces": "notNamespaces",
    "ips": "ipBlocks",
    "notIps": "notIpBlocks",
    "properties": "",
}


@dataclasses.dataclass
class Subject:
    source: Json
    when: list[Json]


def subjects_of(doc: Doc, spec: Map, field: str) -> list[Subject]:
    found = []
    for index, given in enumerate(mappings(spec, "subjects", field)):
        subject = _subject(doc, given, f"{field}[{index}]")
        if subject is not None:
            found.append(subject)
    return found


def _subject(doc: Doc, given: Map, field: str) -> Subject | None:
    """What a subject asks of a caller; None for one without fields, which was nobody."""
    only(given, _FIELDS, field)
    source: Json = {}
    when: list[Json] = []
    anyone = False

    def add(target: str, values: list[str], condition: str) -> None:
        # Two demands on the same thing must both hold, and a list would be one or the other.
        if target and target not in source:
            source[target] = values
        else:
            when.append({"key": condition, ("notValues" if target.startswith("not") else "values"): values})

    if given.get("user") not in (None, ""):
        user = str(given["user"]).removeprefix("spiffe://")
        if user == "*":
            anyone = True
        else:
            add("principals", [user], "source.principal")
    for key, target in _FIELDS.items():
        values = text_list(given, key, f"{field}.{key}") if target else []
        if not values:
            continue
        if key in ("names", "notNames"):
            if "allUsers" in values:
                if key == "notNames":
                    return None
                anyone = True
                continue
            values = ["*" if value == "allAuthenticatedUsers" else value for value in values]
        condition = {"names": "source.principal", "notNames": "source.principal", "ips": "source.ip"}.get(key, "")
        add(target, values, condition)
    for key in ("group", "groups", "notGroups"):
        values = text_list(given, key, f"{field}.{key}")
        if values and values != [""]:
            name = "notValues" if key == "notGroups" else "values"
            when.append({"key": "request.auth.claims[groups]", name: values})
            tell_wildcard(doc, values, f"{field}.{key}", place_of(given, key))
    properties = mapping(given, "properties", f"{field}.properties")
    for key in properties:
        values = text_list(properties, key, f"{field}.properties")
        place = place_of(properties, key)
        tell_wildcard(doc, values, f"{field}.properties.{key}", place)
        if key in ("source.principal", "source.user"):
            add("principals", values, "source.principal")
        elif key == "source.namespace":
            add("namespaces", values, "source.namespace")
        elif key == "source.ip":
            add("ipBlocks", values, "source.ip")
        elif key == "request.auth.principal":
            add("requestPrincipals", values, "request.auth.principal")
        elif (
            key in ("request.auth.audiences", "request.auth.presenter")
            or bracketed(key, "request.auth.claims")
            or bracketed(key, "request.headers")
        ):
            when.append({"key": key, "values": values})
        else:
            raise Refused(
                f"the property {key} has no successor in AuthorizationPolicy.", f"{field}.properties.{key}", place
            )
    if not source and not when and not anyone:
        doc.differ(f"{field} has no field, so it matched nobody; it adds no rule.", field, given.place)
        return None
    return Subject(source, when)


def tell_wildcard(doc: Doc, values: list[str], field: str, place: Place) -> None:
    if "*" in values:
        doc.differ(_EMPTY, field, place)


def bracketed(key: str, prefix: str) -> bool:
    return key.startswith(f"{prefix}[") and key.endswith("]") and len(key) > len(prefix) + 2


def merged(subjects: list[Subject]) -> list[list[Subject]]:
    """Subjects that differ only in their source are alternatives of one rule; one that is anyone stands alone."""
    groups: dict[str, list[Subject]] = {}
    for subject in subjects:
        groups.setdefault(repr((subject.when, not subject.source)), []).append(subject)
    return list(groups.values())
