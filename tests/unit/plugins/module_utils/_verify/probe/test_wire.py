# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify.probe.wire import whole


@pytest.mark.parametrize(
    ("text", "number"), [("200", 200), ("", None), ("-1", None), ("²", None), ("٣", None), ("9" * 5000, None)]
)
def test_whole_numbers_of_a_peer(text: str, number: int | None) -> None:
    assert whole(text) == number
