# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the room fails with."""

from __future__ import annotations


class LabError(Exception):
    """One sentence for people: which lab, stage, namespace or right, and what there is instead."""
