# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what traffic showed and what is in the cluster to one sentence and a remedy."""

from __future__ import annotations

from .causes import concerned
from .evidence import Evidence
from .findings import Diagnosis, Findings
from .rules import diagnose

__all__ = ["Diagnosis", "Evidence", "Findings", "concerned", "diagnose"]
