# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import types

import pytest
from ansible_collections.mesh.workshop.plugins.action import embedded_artifacts as action


class Display:
    def __init__(self):
        self.lines = []

    def display(self, line):
        self.lines.append(line)


class Module:
    """Stands in for the module: knows what is missing, and what fails."""

    def __init__(self, missing=(), fails=(), lacking=(), bad_plan=False):
        self.calls = []
        self.missing = list(missing)
        self.fails = fails
        self.lacking = list(lacking)
        self.bad_plan = bad_plan
        self.built = set()

    def __call__(self, module_name, module_args, task_vars, wrap_async):
        self.calls.append(module_args)
        if self.bad_plan:
            return {"failed": True, "msg": "No step is called x."}
        names = module_args["only"] or ["kept", *self.missing]
        build = module_args.get("build", True)
        if build and self.lacking:
            return {"failed": True, "msg": "buildah not found"}
        steps = []
        for name in names:
            state = "missing" if name in self.missing and name not in self.built else "cached"
            if build and state == "missing":
                if name in self.fails:
                    return {"failed": True, "msg": f"{name} was not built: the disk is full."}
                self.built.add(name)
                state = "built"
            steps.append({"name": name, "title": f"{name.title()} 1: making it", "state": state, "seconds": 1.0})
        return {"artifacts": {"cache": "/c"}, "steps": steps, "lacking": self.lacking}


@pytest.fixture
def display(monkeypatch):
    shown = Display()
    monkeypatch.setattr(action, "Display", lambda: shown)
    return shown


def run(module, check_mode=False, **arguments):
    plugin = action.ActionModule.__new__(action.ActionModule)
    plugin._task = types.SimpleNamespace(args={"only": [], **arguments}, check_mode=check_mode, async_val=0)
    plugin._execute_module = module
    plugin._connection = types.SimpleNamespace(transport="ssh", has_native_async=False)
    return plugin


@pytest.fixture(autouse=True)
def _no_base(monkeypatch):
    monkeypatch.setattr(action.ModuleAction, "run", lambda self, tmp=None, task_vars=None: {})


def test_nothing_missing_is_one_quiet_call(display):
    module = Module()
    result = run(module).run()
    assert result["changed"] is False
    assert len(module.calls) == 1
    assert display.lines == []


def test_the_role_s_files_are_the_default(display):
    module = Module()
    run(module).run()
    assert module.calls[0]["src"].endswith("/roles/cluster/files")
    assert module.calls[0]["bookinfo"].endswith("/roles/bookinfo/files/app")
    module = Module()
    run(module, src="/elsewhere").run()
    assert module.calls[0]["src"] == "/elsewhere"


def test_each_missing_step_is_a_call_with_a_line_before_and_after(display):
    module = Module(missing=["one", "two"])
    result = run(module).run()
    assert result["changed"] is True
    assert [call["only"] for call in module.calls] == [[], ["one"], ["two"], []]
    assert display.lines == [
        "[1/2] One 1: making it …",
        "[1/2] One 1: making it: done in 0s",
        "[2/2] Two 1: making it …",
        "[2/2] Two 1: making it: done in 0s",
    ]
    assert {step["name"]: step["state"] for step in result["steps"]} == {
        "kept": "cached",
        "one": "built",
        "two": "built",
    }


def test_a_failure_ends_it_and_keeps_the_sentence(display):
    module = Module(missing=["one", "two", "three"], fails=["two"])
    result = run(module).run()
    assert result["failed"] is True
    assert result["msg"] == "two was not built: the disk is full."
    assert display.lines[-1] == "[2/3] Two 1: making it: failed in 0s"
    assert {step["name"]: step["state"] for step in result["steps"]} == {
        "kept": "cached",
        "one": "built",
        "two": "missing",
        "three": "missing",
    }


def test_check_mode_builds_nothing_and_says_what_it_would(display):
    module = Module(missing=["one"])
    result = run(module, check_mode=True).run()
    assert result["changed"] is True
    assert module.built == set()
    assert display.lines == []


@pytest.mark.parametrize("value", [False, "no", "false"])
def test_build_false_is_never_changed(display, value):
    module = Module(missing=["one"])
    result = run(module, build=value).run()
    assert result["changed"] is False
    assert module.built == set()


def test_lacking_programs_are_told_before_the_first_step(display):
    result = run(Module(missing=["one"], lacking=["buildah"])).run()
    assert result["failed"] is True
    assert result["msg"] == "buildah not found"
    assert display.lines == []


def test_a_failing_plan_is_passed_on(display):
    assert run(Module(bad_plan=True)).run()["msg"] == "No step is called x."


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0s"), (59.9, "59s"), (60, "1m00s"), (130.2, "2m10s")])
def test_clock(seconds, text):
    assert action.clock(seconds) == text


def test_a_long_step_is_heard_of():
    shown = Display()
    with action.Progress(shown, "[3/12] Kubernetes", heartbeat=0.02) as progress:
        while len(shown.lines) < 3:
            pass
        progress.end("done")
        count = len(shown.lines)
    assert shown.lines[:2] == ["[3/12] Kubernetes …", "[3/12] Kubernetes … 0s"]
    assert shown.lines[-1] == "[3/12] Kubernetes: done in 0s"
    assert len(shown.lines) == count


def test_an_exception_ends_the_heartbeat():
    shown = Display()
    progress = action.Progress(shown, "x", heartbeat=0.01)
    with pytest.raises(RuntimeError), progress:
        raise RuntimeError
    assert not progress._thread.is_alive()
