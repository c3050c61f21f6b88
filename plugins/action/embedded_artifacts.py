# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the module one step at a time, and say meanwhile what it is doing.

What a module prints arrives when its task ends; a first build takes ten
minutes. So each missing step is a module call of its own, and this side keeps
the time.
"""

from __future__ import annotations

import os
import threading
import time
import typing as t

from ansible.utils.display import Display
from ansible_collections.mesh.workshop.plugins.plugin_utils._modules import ModuleAction

HEARTBEAT = 15.0

ROLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "roles")


def clock(seconds: float) -> str:
    """A duration for people: 48s, 2m10s."""
    whole = int(seconds)
    return f"{whole // 60}m{whole % 60:02d}s" if whole >= 60 else f"{whole}s"


class Progress:
    """Lines for one step: at its start, every 15 seconds, at its end."""

    def __init__(self, display: t.Any, label: str, heartbeat: float = HEARTBEAT) -> None:
        self._display = display
        self._label = label
        self._heartbeat = heartbeat
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)
        self._start = 0.0

    def __enter__(self) -> Progress:
        self._start = time.monotonic()
        self._display.display(f"{self._label} …")
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def end(self, word: str) -> None:
        self._over.set()
        self._thread.join()
        self._display.display(f"{self._label}: {word} in {clock(time.monotonic() - self._start)}")

    def _tell(self) -> None:
        while not self._over.wait(self._heartbeat):
            self._display.display(f"{self._label} … {clock(time.monotonic() - self._start)}")


class ActionModule(ModuleAction):
    """Action of mesh.workshop.embedded_artifacts."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        arguments.setdefault("src", os.path.join(ROLES, "cluster", "files"))
        arguments.setdefault("bookinfo", os.path.join(ROLES, "bookinfo", "files", "app"))

        plan = self._call(arguments, task_vars, build=False)
        if plan.get("failed"):
            return plan
        missing = [step for step in plan["steps"] if step["state"] == "missing"]
        if not missing or self._task.check_mode or not self._wants_build(arguments):
            return {**plan, "changed": bool(missing) and self._wants_build(arguments)}
        if plan["lacking"]:
            # The module says it in a sentence, before the first long step.
            return self._call(arguments, task_vars)

        display = Display()
        built: dict[str, dict[str, t.Any]] = {}
        for number, step in enumerate(missing, 1):
            label = f"[{number}/{len(missing)}] {step['title']}"
            with Progress(display, label) as progress:
                result = self._call({**arguments, "only": [step["name"]]}, task_vars)
                progress.end("failed" if result.get("failed") else "done")
            if result.get("failed"):
                return {**result, "steps": self._merged(plan["steps"], built)}
            built.update({done["name"]: done for done in result["steps"] if done["state"] == "built"})

        # As a rule this builds nothing; files that were edited meanwhile need another turn.
        final = self._call(arguments, task_vars)
        if final.get("failed"):
            return final
        return {**final, "changed": bool(built), "steps": self._merged(final["steps"], built)}

    def _call(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any] | None, **more: t.Any) -> dict[str, t.Any]:
        return self.run_module({**arguments, **more}, task_vars, "mesh.workshop.embedded_artifacts")

    @staticmethod
    def _wants_build(arguments: dict[str, t.Any]) -> bool:
        return str(arguments.get("build", True)).lower() not in ("false", "no", "off", "0", "n", "f")

    @staticmethod
    def _merged(steps: list[dict[str, t.Any]], built: dict[str, dict[str, t.Any]]) -> list[dict[str, t.Any]]:
        """What this task built counts as built, though the last call found it cached."""
        return [built.get(step["name"], step) for step in steps]
