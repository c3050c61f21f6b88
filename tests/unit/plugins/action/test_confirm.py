# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import types
import typing as t

import pytest
from ansible.errors import AnsiblePromptInterrupt, AnsiblePromptNoninteractive
from ansible.plugins.action import ActionBase
from ansible_collections.mesh.workshop.plugins.action import confirm

REFUSAL = "Nothing was reset."
NO: dict[str, t.Any] = {"changed": False, "failed": True, "msg": REFUSAL}


@pytest.mark.parametrize(
    ("typed", "check", "result"),
    [
        (b"bookinfo", False, {"changed": False}),
        (b" bookinfo ", False, {"changed": False}),
        (b"yes", False, NO),
        (b"", False, NO),
        (b"\xff", False, NO),
        pytest.param(AnsiblePromptInterrupt(), False, NO, id="Ctrl-C"),
        pytest.param(AnsiblePromptNoninteractive(), False, NO, id="no terminal"),
        pytest.param(AssertionError("asked"), True, {"changed": False, "skipped": True}, id="check mode"),
    ],
)
def test_only_the_expected_answer_goes_on(
    monkeypatch: pytest.MonkeyPatch, typed: bytes | Exception, check: bool, result: dict[str, t.Any]
) -> None:
    shown: list[str] = []

    def prompt_until(question: str) -> bytes:
        shown.append(question)
        if isinstance(typed, Exception):
            raise typed
        return typed

    options = {"question": "All of this goes.", "answer": "bookinfo", "refusal": REFUSAL}
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    monkeypatch.setattr(ActionBase, "validate_argument_spec", lambda *_arguments: ({}, options))
    monkeypatch.setattr(confirm, "Display", lambda: types.SimpleNamespace(prompt_until=prompt_until))
    action = object.__new__(confirm.ActionModule)
    action._task = types.SimpleNamespace(check_mode=check)
    assert action.run(None, {}) == result
    assert shown == ([] if check else ["\nAll of this goes."])
