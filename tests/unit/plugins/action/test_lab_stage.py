# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
import threading
import types
import typing as t

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.mesh.workshop.plugins.action import lab_stage, reset
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.progress import Progress


class Screen:
    """Keeps what is displayed, and tells when the first line came."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.first = threading.Event()
        self.blocked: set[int] = set()

    def display(self, text: str, color: str | None = None) -> None:
        assert bool(color) is ("FAILED" in text)
        self.lines.append(text)
        self.blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self.first.set()


def test_lines_are_shown_while_the_module_runs_and_the_file_goes() -> None:
    screen = Screen()
    with lab_stage.Tail(screen) as tail:
        progress = Progress(tail.path)
        progress.say("rbac, jwt")
        assert screen.first.wait(10)
        progress.say("FAILED  the last line")
    assert [line.partition(" s  ")[2] for line in screen.lines] == ["rbac, jwt", "FAILED  the last line"]
    assert not os.path.exists(tail.path)


def test_signals_are_left_to_the_main_thread() -> None:
    screen = Screen()
    with lab_stage.Tail(screen) as tail:
        Progress(tail.path).say("rbac, jwt")
        assert screen.first.wait(10)
        assert not {signal.SIGINT, signal.SIGTERM} & signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert {signal.SIGINT, signal.SIGTERM} <= screen.blocked


@pytest.mark.parametrize(
    ("module", "transport", "no_log", "check", "told"),
    [
        (lab_stage, "local", False, False, True),
        (lab_stage, "local", False, True, True),
        (lab_stage, "ssh", False, False, False),
        (lab_stage, "local", True, False, False),
        (reset, "local", False, False, True),
        pytest.param(reset, "local", False, True, False, id="its result lists what would change"),
    ],
)
def test_progress_is_told_on_this_machine_and_where_it_may_be_shown(
    monkeypatch: pytest.MonkeyPatch, module: t.Any, transport: str, no_log: bool, check: bool, told: bool
) -> None:
    given: list[dict[str, t.Any]] = []

    def execute(arguments: dict[str, t.Any], task_vars: t.Any) -> dict[str, t.Any]:
        given.append(arguments)
        return {"changed": True}

    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    action = object.__new__(module.ActionModule)
    action._task = types.SimpleNamespace(args={"lab": "x"}, no_log=no_log, check_mode=check, name="", get_ds=dict)
    action._templar = types.SimpleNamespace(template=str)
    action._connection = types.SimpleNamespace(transport=transport)
    action.run_module = execute
    assert action.run(None, {}) == {"changed": True}
    assert ("progress" in given[0]) is told
    assert action.run(None, {"ansible_play_hosts_all": ["ada"]}) == {"changed": True}
    assert ("progress" in given[1]) is told
    action.run(None, {"ansible_play_hosts_all": ["ada", "bob"]})
    assert "progress" not in given[2], "lines of several hosts would be mixed"
    assert action._task.args == {"lab": "x"}, "the task is not changed"
