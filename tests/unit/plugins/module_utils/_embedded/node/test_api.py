# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.api import Api


@pytest.mark.parametrize(
    ("answers", "expected", "asked"),
    [
        ([(200, b'{"a": 1}')], {"a": 1}, 1),
        ([(404, b"{}")], None, 1),
        ([(0, b""), (429, b""), (200, b'{"a": 1}')], {"a": 1}, 3),
        ([(503, b"")] * 9, None, 3),
    ],
)
def test_only_what_is_not_found_is_missing_at_once(
    monkeypatch: pytest.MonkeyPatch, answers: list[tuple[int, bytes]], expected: object, asked: int
) -> None:
    left = list(answers)
    monkeypatch.setattr(Api, "request", lambda *_arguments: left.pop(0))
    api = Api(Layout("x"), "192.0.2.1")
    assert api.get("/api/v1/nodes/x") == expected
    assert len(answers) - len(left) == asked
