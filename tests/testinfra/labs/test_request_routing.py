# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab `request_routing`: everyone to v1, then jason to v2."""

from __future__ import annotations

import pytest

PAGES = 44  # enough to notice one wrong answer in ten with a certainty of 99 %


@pytest.mark.stage("request_routing", "all_v1")
def test_all_v1_shows_everyone_v1(gateway):
    assert set(gateway.versions(PAGES)) == {"v1"}
    assert set(gateway.versions(PAGES, gateway.login("jason"))) == {"v1"}


@pytest.mark.stage("request_routing", "jason_v2")
def test_jason_v2_shows_jason_v2_and_everyone_else_v1(gateway):
    assert set(gateway.versions(PAGES, gateway.login("jason"))) == {"v2"}
    assert set(gateway.versions(PAGES)) == {"v1"}
    assert set(gateway.versions(PAGES, gateway.login("mary"))) == {"v1"}
