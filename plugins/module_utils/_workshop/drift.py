# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a set of documents is missing in a cluster or no longer as it was applied: pure, and read only.

A server-side dry run would tell the same, but needs the rights to write.
"""

from __future__ import annotations

import decimal
import re
import typing as t

from .._kube import FIELD_MANAGER
from .reset_plan import owners_afterwards

Json = dict[str, t.Any]

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_QUANTITY = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E)?")
_SUFFIXES: dict[str, decimal.Decimal] = {
    **{suffix: decimal.Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
    **{suffix: decimal.Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{suffix: decimal.Decimal(1000) ** -power for power, suffix in enumerate(("m", "u", "n"), 1)},
    "": decimal.Decimal(1),
}
_SHOWN = 3
# The server keeps stringData as data.
_NOT_COMPARED = ("apiVersion", "kind", "metadata", "status", "stringData")


def differences(wanted: t.Any, live: t.Any, path: str = "") -> list[str]:
    """The fields of a document that an object does not have as they are wanted.

    What an object has besides is the server's defaults or somebody's own (``owners_afterwards`` tells whose).
    """
    if isinstance(wanted, dict) and (live is None or isinstance(live, dict)):
        fields = [
            found
            for key, value in wanted.items()
            for found in differences(value, (live or {}).get(key), f"{path}.{key}" if path else str(key))
        ]
        return [path] if fields and live is None and path else fields
    if isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        pairs = enumerate(zip(wanted, live, strict=True))
        return [found for number, (one, other) in pairs for found in differences(one, other, f"{path}[{number}]")]
    return [] if _same(wanted, live) else [path]


def _same(wanted: t.Any, live: t.Any) -> bool:
    if wanted == live:
        return True
    if live is None:
        return not wanted  # the server leaves out what is empty, zero or false
    return _quantity(wanted) is not None and _quantity(wanted) == _quantity(live)


def _quantity(value: t.Any) -> decimal.Decimal | None:
    found = _QUANTITY.fullmatch(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
    return decimal.Decimal(found[1]) * _SUFFIXES[found[2] or ""] if found else None


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
        shown = ", ".join(fields[:_SHOWN]) + (f" and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else "")
        why = [f"{shown} differs" if len(fields) == 1 else f"{shown} differ"] if fields else []
        why += [f"written to by {', '.join(writers)}"] if writers else []
        said.append(f"{name} is not as {state} has it ({'; '.join(why)}): {remedy}.")
    return said
