# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe: sends the requests of a plan and writes down what came back.

It is imported for checks from the host. For checks from a workload ``bundle.script`` puts its parts together into one
script, which a bare ``python3`` inside a pod runs; so they import the standard library (Python 3.9 or later) and each
other, and nothing else of ours. A plan is JSON (``jobs.Job`` names its fields), and so is the result: one observation
per request, in plan order.

HTTP is spoken over plain sockets, not ``http.client``: a verdict needs to tell apart a connection that is refused, one
that is closed without one byte, and an answer that breaks off, and when the first byte came.
"""

from __future__ import annotations

from .jobs import run_plan

__all__ = ["run_plan"]
