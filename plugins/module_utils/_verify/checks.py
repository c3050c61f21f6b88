# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All checks of a run: which of them run together, and what they have shown."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .plan import is_exclusive, is_slow
from .report import message_of, table_of
from .run import Run
from .runner import Runner
from .spec import Check
from .streams import Streams, start_streams

if t.TYPE_CHECKING:
    from .._kube import Client

TOGETHER = 4
"""Checks that run at the same time, besides those that mostly wait."""


@dataclass
class Outcome:
    """What the checks have shown."""

    passed: bool
    results: list[dict[str, t.Any]]
    table: str
    message: str
    side_effects: list[str] = field(default_factory=list)
    refused: bool = False
    """Whether the API server has refused something without which a check could not be asked."""


def run_checks(
    client: Client,
    checks: t.Sequence[Check],
    gateway: str | None = None,
    gateway_tls: str | None = None,
    *,
    once: bool = False,
    probe_image: str | None = None,
    streams: Streams | None = None,
    desired: t.Sequence[t.Mapping[str, t.Any]] = (),
    attendee: str = "",
    on_result: t.Callable[[t.Mapping[str, t.Any]], None] | None = None,
    on_waiting: t.Callable[[t.Mapping[str, t.Any]], None] | None = None,
) -> Outcome:
    """Run all checks; the results keep their order. ``once``: one counted round each, no retry, no deadline.

    ``on_result`` is told each verdict as it comes, from several threads; ``on_waiting`` what is still wrong (``name``,
    ``expected``, ``observed``) with a check that keeps failing in the same way, once for each way.
    ``desired`` are the documents that the checks belong to, by which a failing one is explained; ``attendee`` is whom
    its remedy names, where there are several.
    A check that fails ends before its deadline where nothing is left that could change (see ``steady``).
    Checks with a stream begin with ``start_streams`` before something is applied; where they have not, they run beside
    the others.
    """
    streams = streams or start_streams(client, checks, gateway, gateway_tls, probe_image=probe_image)
    run = Run(client, gateway, gateway_tls, once, probe_image, on_waiting=on_waiting)
    run.seen, run.desired, streams.run.desired = streams.run.seen, tuple(desired), tuple(desired)
    run.attendee = streams.run.attendee = attendee
    results: dict[int, dict[str, t.Any]] = {}

    def ask(index: int) -> dict[str, t.Any]:
        result = Runner(run, checks[index], index).result()
        if on_result is not None:
            on_result(result)
        return result

    asked = [index for index, check in enumerate(checks) if not check.request.stream]
    # The slow ones begin first, so that what they wait is the others' time.
    together = sorted((n for n in asked if not is_exclusive(checks[n])), key=lambda n: not is_slow(checks[n]))
    slow = sum(is_slow(checks[index]) for index in together)
    try:
        with ThreadPoolExecutor(max_workers=TOGETHER + slow) as pool:
            waiting = {index: pool.submit(ask, index) for index in together}
            try:
                for index, one in waiting.items():
                    results[index] = one.result()
            except BaseException:
                run.stop.set()
                raise
        for index in asked:
            if index not in results:
                results[index] = ask(index)
        streamed = streams.finish()
        for index in sorted(streamed):
            if on_result is not None:
                on_result(streamed[index])
        results.update(streamed)
    finally:
        run.stop.set()
        streams.stop()
    ordered = [results[index] for index in range(len(checks))]
    passed = all(one["passed"] for one in ordered)
    side_effects = list(dict.fromkeys([*streams.run.side_effects, *run.side_effects]))
    refused = run.refused or streams.run.refused
    return Outcome(passed, ordered, table_of(ordered), message_of(ordered), side_effects, refused)
