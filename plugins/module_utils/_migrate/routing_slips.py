# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slips that routing has on slides: what stands beside its place, and lists that are none."""

from __future__ import annotations

import typing as t

from .fields import shape_of
from .model import Doc, Map, Refused, Seq, place_of

_MATCHERS = frozenset(("exact", "prefix", "regex"))
_ROUTES = ("route", "redirect", "directResponse", "delegate")


def take_in(doc: Doc, spec: Map) -> None:
    """A route that stands beside `http` belongs to the one item that has none."""
    http = spec.get("http")
    known = shape_of("VirtualService")["http"][0]
    strays = [key for key in spec if key in known and key != "match" and key not in shape_of("VirtualService")]
    if not strays:
        return
    place = place_of(spec, strays[0])
    where = f"spec.{strays[0]}"
    if not isinstance(http, Seq):
        raise Refused(f"{where} stands outside of http, and there is no http to put it in.", where, place)
    without = [item for item in http if isinstance(item, Map) and not any(key in item for key in _ROUTES)]
    if len(without) != 1 or any(key in without[0] for key in strays):
        raise Refused(
            f"{where} stands outside of http, and it is not clear to which of its items it belongs.", where, place
        )
    for key in strays:
        doc.repair(f"{key} is moved into the item of http that has none.", f"spec.{key}", place_of(spec, key))
        without[0].take(key, spec)


def take_out(doc: Doc, http: Seq) -> None:
    """A route in the list of another's destinations is a rule of its own, after it."""
    index = 0
    while index < len(http):
        item = http[index]
        route = item.get("route") if isinstance(item, Map) else None
        if isinstance(route, Seq):
            nested = [n for n, entry in enumerate(route) if isinstance(entry, Map) and "route" in entry]
            if nested:
                first = nested[0]
                field = f"spec.http[{index}].route[{first}].route"
                if not first or nested != list(range(first, len(route))):
                    raise Refused(
                        f"{field} stands among destinations, and its place is not clear.", field, place_of(route, first)
                    )
                for offset, number in enumerate(nested, 1):
                    entry = route[number]
                    if "destination" in entry:
                        raise Refused(f"{field} stands beside a destination.", field, entry.place)
                    doc.repair("The nested route becomes a rule of its own, after this one.", field, entry.place)
                    http.insert(index + offset, entry)
                    http.at.insert(index + offset, entry.place)
                del route[first:]
                del route.at[first:]
        index += 1


def is_matcher(value: t.Any) -> bool:
    return isinstance(value, Map) and bool(value) and set(value) <= _MATCHERS


def fold(doc: Doc, headers: Map, field: str) -> None:
    """`exact` beside a header without a value belongs to that header."""
    loose = [key for key in headers if key in _MATCHERS and not isinstance(headers[key], (dict, list))]
    empty = [key for key in headers if headers[key] is None]
    if loose and len(empty) == 1 and len(headers) == len(loose) + 1:
        inner = Map(place_of(headers, empty[0]))
        for key in loose:
            doc.repair(f"{key} is moved into {empty[0]}.", f"{field}.{empty[0]}", place_of(headers, key))
            inner.take(key, headers)
        headers[empty[0]] = inner


def merged(doc: Doc, items: Seq, field: str) -> Map:
    """A list of headers is a mapping of them."""
    out = Map(items.place)
    doc.repair("The list of headers becomes a mapping.", field, items.place)
    for index, item in enumerate(items):
        if not isinstance(item, Map):
            raise Refused(f"{field}[{index}] must be a header with its condition.", field, place_of(items, index))
        fold(doc, item, f"{field}[{index}]")
        for key in list(item):
            if key in out or not is_matcher(item[key]):
                raise Refused(
                    f"{field}[{index}].{key} is not a header with a condition.",
                    f"{field}[{index}]",
                    place_of(item, key),
                )
            out.take(key, item)
    return out


def as_list(doc: Doc, container: Map, key: str, field: str) -> None:
    value = container.get(key)
    if isinstance(value, Map):
        doc.repair(f"{key} is a list; its one item becomes a list of one.", field, place_of(container, key))
        lone = Seq(value.place)
        lone.add(value, value.place)
        container[key] = lone
