# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents, from their text to objects in the cluster: parsed, ordered, applied, waited for, pruned, put back."""

from __future__ import annotations

import typing as t

from .._kube.late import late_attributes

if t.TYPE_CHECKING:
    from .._kube import Ref, ref_of
    from .documents import checked, clean, flatten, parse_all
    from .engine import ApplyOptions, apply_set
    from .prune import find_owned
    from .report import Report
    from .sources import DocumentError, list_sources, read_source
    from .text import parse_yaml
    from .undo import put_back_all
    from .values import plain

__all__ = [
    "ApplyOptions",
    "DocumentError",
    "Ref",
    "Report",
    "apply_set",
    "checked",
    "clean",
    "find_owned",
    "flatten",
    "list_sources",
    "parse_all",
    "parse_yaml",
    "plain",
    "put_back_all",
    "read_source",
    "ref_of",
]

# Imported when they are asked for: an action only reads files, and whoever reads documents has no use for what applies
# them.
__getattr__ = late_attributes(
    __name__,
    {
        **dict.fromkeys(("Ref", "ref_of"), ".._kube.objects"),
        **dict.fromkeys(("checked", "clean", "flatten", "parse_all"), ".documents"),
        **dict.fromkeys(("ApplyOptions", "apply_set"), ".engine"),
        "find_owned": ".prune",
        "Report": ".report",
        **dict.fromkeys(("DocumentError", "list_sources", "read_source"), ".sources"),
        "parse_yaml": ".text",
        "put_back_all": ".undo",
        "plain": ".values",
    },
)
