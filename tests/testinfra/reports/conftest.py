# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of faults: our own in a namespace of their own, and those of ../shared, where it is there, on Bookinfo."""

from __future__ import annotations

from modules import conftest as of_modules
from reports.reported import FOLDER

# The namespace that the modules' tests work in.
world = of_modules.world

# What is not there is not a test: neither passed nor skipped.
collect_ignore = [] if FOLDER.is_dir() else ["test_shared.py"]
