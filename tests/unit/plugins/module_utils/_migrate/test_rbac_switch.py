# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._migrate.rbac_switch import Switch


@pytest.mark.parametrize(
    ("mode", "namespaces", "services"),
    [
        ("ON", (True, True), (True, True, True)),
        ("OFF", (False, False), (False, False, False)),
        ("ON_WITH_INCLUSION", (True, False), (True, True, False)),
        ("ON_WITH_EXCLUSION", (False, True), (False, False, True)),
    ],
)
def test_rbac_is_on_for_what_its_mode_says(
    mode: str, namespaces: tuple[bool, bool], services: tuple[bool, bool, bool]
) -> None:
    switch = Switch()
    switch.mode = mode
    if "WITH" in mode:  # only these modes name anything
        switch.namespaces, switch.services = ["named"], [("other", "named", (0, 0))]
    assert (switch.covers("named"), switch.covers("other")) == namespaces
    found = [switch.covers_service(*place) for place in (("named", "a"), ("other", "named"), ("other", "a"))]
    assert tuple(found) == services
