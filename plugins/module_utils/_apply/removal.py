# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting one object, and no other that has come in its place."""

from __future__ import annotations

from .._kube import ApiError, Client, Json, Ref
from .prune import Selector, carries
from .report import ABSENT, DELETED, Entry
from .stamps import stamp_of

ATTEMPTS = 20
"""How often what is pruned is looked at again because somebody has written to it."""


def delete_entry(client: Client, entry: Entry, *, selector: Selector | None, check: bool) -> None:
    """Delete an object as it was found: what has changed hands since is not what was meant.

    What is pruned is looked at again where somebody has written to it, as a controller does, and stays where its
    labels no longer fit the selector. Raises ApiError where it cannot be deleted.
    """
    for attempt in range(1, ATTEMPTS + 1):
        before, ref = entry.before, entry.ref
        if before is None:
            entry.action = ABSENT
            return
        conditions: Json = {"uid": stamp_of(before, "uid")}
        if entry.pruned:
            conditions["resourceVersion"] = stamp_of(before, "resourceVersion")
        try:
            answer = client.delete(
                ref.api_version,
                ref.kind,
                ref.name,
                ref.namespace or None,
                dry_run=check,
                preconditions=conditions,
            )
        except ApiError as exc:
            if exc.status == 409 and entry.pruned and attempt < ATTEMPTS:
                # Mostly a controller has written the status of what is still to go.
                entry.before = _still_prunable(client, ref, selector)
                continue
            if exc.status == 409 and entry.pruned:
                exc.message = f"it was changed by another while this ran ({exc.message}); run this again"
            raise
        entry.action = ABSENT if answer is None else DELETED
        return


def _still_prunable(client: Client, ref: Ref, selector: Selector | None) -> Json | None:
    """The object as it is now, if its labels still say that it is to go."""
    obj = client.get(ref.api_version, ref.kind, ref.name, ref.namespace or None)
    return obj if obj is not None and carries(obj, selector or {}) else None
