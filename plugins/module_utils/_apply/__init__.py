# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

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
