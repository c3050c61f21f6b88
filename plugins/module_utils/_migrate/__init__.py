# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converts manifests of Istio 0.1 to 1.5 to what a current cluster takes, and says where the meaning changed."""

from __future__ import annotations

from .current import with_current_fields
from .engine import File, Result, migrate
from .files import REPORTS, Target, base_of, changed_targets, check_places, mode_of, read_sources, write
from .grouping import REMOVED
from .model import CONVERTED, DIFFERS, REFUSED, UNCHANGED, Json, Options, Refused
from .report import dumps, family_table, markdown, page, report_json

__all__ = [
    "CONVERTED",
    "DIFFERS",
    "REFUSED",
    "REMOVED",
    "REPORTS",
    "UNCHANGED",
    "File",
    "Json",
    "Options",
    "Refused",
    "Result",
    "Target",
    "base_of",
    "changed_targets",
    "check_places",
    "dumps",
    "family_table",
    "markdown",
    "migrate",
    "mode_of",
    "page",
    "read_sources",
    "report_json",
    "with_current_fields",
    "write",
]
