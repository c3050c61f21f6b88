# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a set of documents is missing in a cluster or no longer as it was applied: pure, and read only.

A server-side dry run would tell the same, but needs the rights to write.
"""

from __future__ import annotations

import typing as t

from .._apply.fields import differences
from .._kube import FIELD_MANAGER
from .._kube.objects import first_few
from .reset_plan import owners_afterwards

Json = dict[str, t.Any]

_SHOWN = 3
# The server keeps stringData as data.
_NOT_COMPARED = ("apiVersion", "kind", "metadata", "status", "stringData")


def troubles(pairs: t.Iterable[tuple[Json, Json | None]], *, state: str, remedy: str) -> list[str]:
    """A sentence per document that its object does not match; ``state`` says what they belong to, such as "stage x".

    Each pair is a document, placed in its namespace, and the object of that name or None.
    """
    said = []
    for document, live in pairs:
        meta = document["metadata"]
        name = f"{document['kind']} {meta['namespace']}/{meta['name']}"
        if live is None:
            said.append(f"{name} of {state} is missing: {remedy}.")
            continue
        body = {key: value for key, value in document.items() if key not in _NOT_COMPARED}
        fields = differences(body, live)
        _entries, writers = owners_afterwards(live, FIELD_MANAGER)
        if not fields and not writers:
            continue
        shown = first_few(fields, _SHOWN)
        why = [f"{shown} differs" if len(fields) == 1 else f"{shown} differ"] if fields else []
        why += [f"written to by {', '.join(writers)}"] if writers else []
        said.append(f"{name} differs from {state} ({'; '.join(why)}): {remedy}.")
    return said
