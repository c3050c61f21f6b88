# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which stages there are, and in which order tests that need them come."""

from __future__ import annotations

import re
from pathlib import Path

Visit = tuple[str, str]
"""A lab and one of its stages."""

CATALOGUE = Path(__file__).resolve().parents[3] / "roles" / "lab" / "catalogue"
# Read as they are written: no stage has to be rendered for its name.
LABS = {path.parent.name: path.read_text() for path in sorted(CATALOGUE.glob("*/lab.yml"))}
STAGES = {lab: re.findall(r'(?m)^  - name: "?(\w+)"?$', text) for lab, text in LABS.items() if lab != "baseline"}
BASELINE: Visit = ("baseline", "baseline")
WALK = [BASELINE, *((lab, stage) for lab, stages in STAGES.items() for stage in stages)]


def place(needs: Visit | None = None, leads_to: Visit | None = None) -> tuple[int, bool]:
    """What to sort a test by: stage by stage, and in each first what leads to it; last of all what needs none."""
    visit = leads_to or needs
    return (WALK.index(visit) if visit else len(WALK)), not leads_to
