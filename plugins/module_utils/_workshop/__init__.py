# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Labs as data: what the catalogue holds and what a stage makes of a workshop namespace."""

from __future__ import annotations

from .._kube.labels import BASELINE
from .catalogue import Catalogue, Goal, Lab, Stage, lab_names, parse_lab, read_lab
from .desired import MARKER_NAME, Applied, Desired, applied_stage, desired_state, lab_identities
from .errors import LabError
from .exercise import EXERCISES, NOTES_NAME, Exercise, given_hints, notes_document
from .forms import APIS, ISTIO

__all__ = [
    "APIS",
    "BASELINE",
    "EXERCISES",
    "ISTIO",
    "MARKER_NAME",
    "NOTES_NAME",
    "Applied",
    "Catalogue",
    "Desired",
    "Exercise",
    "Goal",
    "Lab",
    "LabError",
    "Stage",
    "applied_stage",
    "desired_state",
    "given_hints",
    "lab_identities",
    "lab_names",
    "notes_document",
    "parse_lab",
    "read_lab",
]
