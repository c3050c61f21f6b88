# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The labels that say what on a cluster is ours, and whose."""

from __future__ import annotations

LAB = "mesh.workshop/lab"
STAGE = "mesh.workshop/stage"
ATTENDEE = "mesh.workshop/attendee"
MANAGED = "mesh.workshop/managed"
BASELINE = "baseline"
"""What stands for a lab, and for its stage, at the objects of the way in."""
