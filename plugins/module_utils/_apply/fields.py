# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fields of a document an object does not have as they are wanted: pure."""

from __future__ import annotations

import decimal
import re
import typing as t

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_QUANTITY = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E)?")
_SUFFIXES: dict[str, decimal.Decimal] = {
    **{suffix: decimal.Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
    **{suffix: decimal.Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{suffix: decimal.Decimal(1000) ** -power for power, suffix in enumerate(("m", "u", "n"), 1)},
    "": decimal.Decimal(1),
}


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


def quantity(value: t.Any) -> decimal.Decimal:
    """A quantity of Kubernetes, such as 250m or 64Mi, as a number; 0 where it is none."""
    return _quantity(value) or decimal.Decimal()


def _quantity(value: t.Any) -> decimal.Decimal | None:
    found = _QUANTITY.fullmatch(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
    return decimal.Decimal(found[1]) * _SUFFIXES[found[2] or ""] if found else None
