# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents, from their text to objects in the cluster: parsed, ordered, applied, waited for, pruned, put back."""

from __future__ import annotations

import typing as t

from .._kube import Ref, ref_of
from .._kube.late import late_attributes
from .documents import checked, clean, flatten, parse_all
from .sources import DocumentError, list_sources, read_source
from .text import parse_yaml
from .values import plain

if t.TYPE_CHECKING:
    from .engine import ApplyOptions, apply_set
    from .prune import find_owned
    from .report import Report
    from .undo import put_back_all

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

# Imported when they are asked for: whoever only reads documents has no use for what applies them.
__getattr__ = late_attributes(
    __name__,
    {
        "ApplyOptions": ".engine",
        "apply_set": ".engine",
        "find_owned": ".prune",
        "Report": ".report",
        "put_back_all": ".undo",
    },
)
