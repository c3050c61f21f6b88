# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the proxies have what has changed of Istio's kinds."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta

from .._kube import Client, Ref
from .places import Places
from .report import CHANGES, DELETED, UNCHANGED, Entry


@dataclass(frozen=True)
class Uptake:
    """What is known of the proxies."""

    trouble: t.Mapping[Ref, str]
    """What they did not take, by the object that is most likely to blame."""
    warning: str = ""
    unknown: str = ""
    """Why it is unknown whether they have it."""


def settle(client: Client, places: Places, entries: t.Sequence[Entry], *, started: datetime, deadline: float) -> Uptake:
    """Wait until the proxies have what has changed of Istio's kinds since the start."""
    changed = [entry for entry in entries if entry.ref.group.endswith(".istio.io") and _may_unsettle(entry)]
    if not changed or places.known(changed[0].ref) is None:
        return Uptake({})
    from .._istio.settled import changed_at, wait_settled  # nothing to load where nothing has changed

    present = {entry.ref: entry.after for entry in changed if entry.after is not None}
    absent = [entry.ref for entry in changed if entry.action == DELETED]
    # The cluster's clock where it has told us its time; two seconds of grace, since nodes may differ a little.
    times = [written for written in map(changed_at, present.values()) if written is not None]
    since = min(times, default=started) - timedelta(seconds=2)
    outcome = wait_settled(client, present, absent, since, deadline)
    if outcome.ok:
        return Uptake({}, outcome.warning, outcome.unknown)
    culprit = changed[0].ref
    for entry in changed:  # what nobody but Envoy checks is the most likely cause
        if entry.ref.kind == "EnvoyFilter":
            culprit = entry.ref
    return Uptake({culprit: f"{culprit} is applied, but {outcome.error}"}, outcome.warning, outcome.unknown)


def _may_unsettle(entry: Entry) -> bool:
    """What has changed; and EnvoyFilters always, since an earlier run may have ended with one that Envoy rejects."""
    return entry.action in CHANGES or (entry.action == UNCHANGED and entry.ref.kind == "EnvoyFilter")
