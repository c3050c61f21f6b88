# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A journey in words, hop by hop, for people; and the same as data, for machines."""

from __future__ import annotations

import textwrap
import typing as t
from dataclasses import dataclass

from .._observe.access_log import Record
from .arriving import no_proxy
from .flags import answered, of_sender
from .journey import Journey, Sent
from .outcome import outcome_of
from .steps import Step, change_of_bare, receiving, sending
from .words import joined

Json = dict[str, t.Any]
WIDTH = 100
"""Columns that a projector shows in a size that people can read."""
MARGIN = 14
MOST_ANSWERS = 3


@dataclass(frozen=True)
class Hop:
    """What one proxy decides, or that there is none."""

    proxy: str
    role: str
    """``gateway``, ``caller`` or ``callee``."""
    steps: tuple[Step, ...]

    def data(self) -> Json:
        """For machines."""
        return {
            "proxy": self.proxy,
            "role": self.role,
            "steps": [
                {
                    "what": one.what,
                    "sentence": one.sentence,
                    "resource": str(one.origin) if one.origin else "",
                    "change": one.change,
                }
                for one in self.steps
            ],
        }


def hops_of(journey: Journey, records: t.Sequence[Record] = ()) -> list[Hop]:
    """The hops of a journey in their order, each with what its proxy wrote about the request, where that is known."""
    found = []
    if journey.sent is not None:
        steps = [*sending(journey, journey.sent), *_answers(of_sender(records, journey), journey.sent)]
        found.append(Hop(journey.sent.proxy, journey.sent.role, tuple(steps)))
    for one in journey.received:
        wrote = [record for record in records if record.inbound and record.pod == one.proxy]
        found.append(Hop(one.proxy, "callee", (*receiving(one), *_answers(wrote, None))))
    for part in journey.through:
        found += hops_of(part, records)
    for bare in journey.bare:
        found.append(Hop(bare.pod, "callee", (Step("proxy", no_proxy(bare), change=change_of_bare(bare)),)))
    return found


def _answers(records: t.Sequence[Record], sent: Sent | None) -> t.Iterator[Step]:
    """What was written, each kind of answer once."""
    kinds = {(one.status, one.flags): one for one in records}
    for one in list(kinds.values())[:MOST_ANSWERS]:
        yield Step("answered", answered(one, sent), sent.origin if sent is not None and one.flags else None)


def text_of(journey: Journey, effects: t.Sequence[str] = (), records: t.Sequence[Record] = ()) -> str:
    """The journey as people read it."""
    request = journey.request
    lines = _wrapped(f"{request.method} {request.scheme}://{request.authority}{request.path} from {journey.caller}", 0)
    number = 0
    for names, hop in _together(hops_of(journey, records)):
        number += 1
        lines += _wrapped(f"{number}. {_called(hop, len(names))}, {joined(names)}", 3)
        for one in hop.steps:
            lines += _wrapped(f"   {one.what:<10} {one.sentence}", MARGIN)
            if one.change:
                lines += _wrapped(f"{' ' * MARGIN}To change it: {one.change}", MARGIN + 2)
    if number == 0:
        lines.append("   No proxy on the way could be looked at.")
    lines += not_seen(one for part in journey.parts for one in part.unseen)
    if effects:
        lines.append("What is applied for it and has no effect:")
        for effect in effects:
            lines += _wrapped(f"   {effect}", 5)
    return "\n".join([*lines, *_wrapped(outcome_of(journey), 2)])


def not_seen(unseen: t.Iterable[str]) -> list[str]:
    """What could not be looked at, as lines."""
    return [line for one in unseen for line in _wrapped(f"   not seen   {one}", MARGIN)]


def _wrapped(line: str, indent: int) -> list[str]:
    """A line in as many as it takes, those after the first with a margin."""
    return textwrap.wrap(
        line, WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    ) or [""]


def _together(hops: t.Sequence[Hop]) -> list[tuple[list[str], Hop]]:
    """Callees at which the same is decided, as one."""
    found: list[tuple[list[str], Hop]] = []
    for hop in hops:
        twin = next(
            (names for names, one in found if one.role == hop.role == "callee" and one.steps == hop.steps), None
        )
        if twin is None:
            found.append(([hop.proxy], hop))
        else:
            twin.append(hop.proxy)
    return found


def _called(hop: Hop, count: int) -> str:
    if hop.role == "callee" and [one.what for one in hop.steps] == ["proxy"]:
        return "the callee, without a sidecar"
    called = {"gateway": "the gateway", "caller": "the caller's proxy", "callee": "the callee's proxy"}
    return called[hop.role] if count == 1 else "the callees' proxies"
