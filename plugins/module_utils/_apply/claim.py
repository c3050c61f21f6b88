# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of users who may not write to them."""

from __future__ import annotations

from .._kube import ApiError, Client
from .report import CREATED, UNCHANGED, Entry

REQUEST_SECONDS = 60.0


def claim_namespace(client: Client, entry: Entry, refusal: ApiError, *, check: bool, force: bool) -> None:
    """Report a namespace that this user may not write: it is as it should be, or OpenShift makes it on request.

    Raises ApiError where neither is so: the refusal, or what it lacks.
    """
    from .._openshift.projects import may_request, request_project, unmet  # few users come here

    live = entry.before
    requested = live is None and may_request(client)
    if requested and check:
        entry.after, entry.action = entry.doc, CREATED
        return
    if requested:
        request_project(client, entry.ref.name, REQUEST_SECONDS)
        try:
            live = client.apply(entry.doc, force=force)
        except ApiError as exc:
            if exc.status != 403:
                raise
            live = client.get("v1", "Namespace", entry.ref.name)
    if live is None:
        raise refusal
    missing = unmet(live, entry.doc)
    if missing:
        made = "is made as a Project, and " if requested else ""
        raise ApiError(
            0,
            "Forbidden",
            f"it {made}lacks {', '.join(missing)}, and this user may not set it; have an administrator set this "
            "(kubectl label or annotate), then run this again",
            subject=str(entry.ref),
        )
    entry.after, entry.action = live, CREATED if requested else UNCHANGED
