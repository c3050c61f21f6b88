# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import settings


@pytest.fixture(autouse=True)
def _no_istioctl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether this machine has an istioctl makes no difference: a test that wants one names it."""
    monkeypatch.setenv("MESH_WORKSHOP_ISTIOCTL", "")


# The same cases in every run: a gate has the same verdict twice. `--hypothesis-seed` tries others.
settings.register_profile("gate", derandomize=True, database=None, deadline=None, print_blob=True)
settings.load_profile("gate")
