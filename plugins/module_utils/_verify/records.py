# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proxies wrote about failing requests: waited for no longer than until it is known to be all."""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._istio.gateways import GATEWAY_LABELS
from .._istio.pods import has_sidecar
from .._kube.errors import ApiError
from .._kube.objects import home_of, labels_of, matches, name_of
from .._observe.access_log import Record, by_agent
from .._observe.errors import CheckError
from .faults import Answer
from .run import Run
from .spec import Check
from .spec.types import HOST, NO_SIDECAR

Json = t.Mapping[str, t.Any]


EXPLAINED = 5
"""Failing requests that a diagnosis follows through the proxies."""
MOST_PODS = 40
FLUSH = 1.1
"""Seconds after which a proxy has written a record out: it does so once a second (``--file-flush-interval-msec``)."""
LATE = 2.0
"""Seconds more for a busy proxy, as long as nothing at all is written of a request."""
PAUSE = 0.2
THREADS = 8
BROKEN = frozenset(("UF", "UC"))
"""Flags of a connection that broke, of which the callee may have written nothing."""


def read_records(
    run: Run, check: Check, failing: t.Sequence[Answer], pods: t.Sequence[Json], age: float = 0.0
) -> tuple[Record, ...]:
    """The records of the proxies that may be on the way, among these pods; ``age`` is the requests', in seconds."""
    wanted = {str(one.seen["agent"]) for one in failing[:EXPLAINED] if one.seen.get("status")}
    near = [pod for pod in pods if home_of(pod) == check.namespace][:MOST_PODS] if check.namespace else []
    if check.source == HOST:
        near = [*filter(_is_gateway, pods), *(pod for pod in near if not _is_gateway(pod))]
    places = [pod for pod in near if has_sidecar(pod) and (pod.get("status") or {}).get("phase") == "Running"]
    if not wanted or not places:
        return ()
    written = time.monotonic() + FLUSH - age
    found: list[Record] = []
    with ThreadPoolExecutor(THREADS) as pool:
        while True:
            over = time.monotonic() - written
            try:
                read = list(pool.map(lambda pod: run.logs(home_of(pod), [name_of(pod)]), places))
            except (ApiError, CheckError):
                return ()
            found = [record for one in read for record in one if record.agent in wanted]
            grouped = by_agent(found)
            complete = all(is_complete(grouped.get(agent, ()), check.source, places) for agent in wanted)
            if complete or (over >= 0 and (over >= LATE or wanted <= set(grouped))) or run.stop.wait(PAUSE):
                return tuple(found)


def is_complete(records: t.Sequence[Record], source: str, pods: t.Sequence[Json]) -> bool:
    """Whether nothing is still to come about a request: each proxy that it has passed has written of it.

    A proxy writes its records in order, and that of the request which it has taken in after those of the ones that its
    application has sent on. So it is enough to know the first proxy's record, and for each that has reached a pod the
    record of that pod's own proxy.
    """
    inner = {record.pod for record in records if record.inbound}
    if source == NO_SIDECAR:
        return bool(inner)
    outer = [record for record in records if not record.inbound]
    first = {name_of(pod) for pod in pods if source != HOST or _is_gateway(pod)}
    if not any(record.pod in first for record in outer):
        return False
    by_address = {str((pod.get("status") or {}).get("podIP") or ""): name_of(pod) for pod in pods}
    for record in outer:
        if BROKEN & set(record.flags.split(",")):
            return False
        reached = by_address.get(record.upstream.rpartition(":")[0])
        if reached is not None and reached not in inner:
            return False
    return True


def _is_gateway(pod: Json) -> bool:
    return matches(GATEWAY_LABELS, labels_of(pod))
