# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches that go on: over the server's end of each, over restarts, and over a history that is gone (410)."""

from __future__ import annotations

import json
import time
import typing as t

from .errors import ApiError
from .objects import Json, Key, key_of
from .transport import Stream, Transport

# What follow() tells: "LISTED" with all objects, "TICK" with none, or the type of a change with its object.
Event = tuple[str, list[Json]]

# The API server ends a watch by itself after this time at the latest; then it is taken up again.
_LONGEST_WATCH = 240.0
# How much later than asked a server may end a watch before the connection counts as dead.
_GRACE = 10.0
# No watch is asked for less than a second: one that ends sooner and has told nothing was ended by something that is
# not well, and is not taken up again at once.
_AT_ONCE = 0.9
_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


def follow(
    transport: Transport,
    path: t.Callable[[], str],
    listed: t.Callable[[], tuple[list[Json], str]],
    selectors: t.Mapping[str, str | None],
    *,
    subject: str,
    timeout: float,
    tick: float | None,
) -> t.Iterator[Event]:
    """List, then watch from there, again and again until `timeout` seconds are over. Raises ApiError.

    `listed` gives the objects and the list's resourceVersion. With `tick` there is an event at least that often,
    in seconds.
    """
    deadline = time.monotonic() + timeout
    where = path()
    version = ""
    in_vain = 0  # watches in a row that ended at once
    while True:
        if in_vain:
            pause = min(_PAUSE * 2 ** (in_vain - 1), _LONGEST_PAUSE)
            time.sleep(max(0.0, min(pause, deadline - time.monotonic())))
        if not version:
            objects, version = listed()
            yield "LISTED", objects
        left = deadline - time.monotonic()
        if left <= 0:
            return
        span = max(1, int(min(left, tick or _LONGEST_WATCH, _LONGEST_WATCH) + 0.999))
        query: dict[str, t.Any] = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": span,
            **{name: value for name, value in selectors.items() if value},
        }
        began = time.monotonic()
        told, failed = False, False
        try:
            stream = transport.stream("GET", where, query=query, timeout=min(left, span) + _GRACE)
        except ApiError as exc:
            if exc.status == 410:
                version = ""
                in_vain += 1
                continue
            exc.about(subject)
            raise
        try:
            for event, obj in events(stream):
                if event == "ERROR":
                    # 410 Gone, mostly; anything else is cured by a fresh list as well, or the list will say.
                    version = ""
                    failed = obj.get("code") != 410
                    break
                version = str((obj.get("metadata") or {}).get("resourceVersion") or version)
                if event != "BOOKMARK":
                    told = True
                    yield event, [obj]
                if time.monotonic() >= deadline:
                    return
        finally:
            stream.close()
        in_vain = in_vain + 1 if failed or (not told and time.monotonic() - began < _AT_ONCE) else 0
        if tick is not None and version:
            yield "TICK", []


def states(followed: t.Iterable[Event]) -> t.Iterator[dict[Key, Json]]:
    """The objects by key after each event. It is the same dictionary each time."""
    known: dict[Key, Json] = {}
    for event, objects in followed:
        if event == "LISTED":
            known = {key_of(obj): obj for obj in objects}
        else:
            for obj in objects:
                _take(known, event, obj)
        yield known


def _take(known: dict[Key, Json], event: str, obj: Json) -> None:
    if event == "DELETED":
        known.pop(key_of(obj), None)
    else:
        known[key_of(obj)] = obj


def events(stream: Stream) -> t.Iterator[tuple[str, Json]]:
    """Type and object of each line, up to the first that is not an event."""
    for line in stream.lines():
        if not line.strip():
            continue
        try:
            parsed = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(parsed, dict) or not isinstance(parsed.get("object"), dict):
            return
        yield str(parsed.get("type")), parsed["object"]
