# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the module, and show what it is doing as it comes: what was applied, and the verdict of each check."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
import typing as t

from ansible import constants
from ansible.errors import AnsibleError
from ansible.utils.display import Display
from ansible_collections.mesh.workshop.plugins.plugin_utils._interruption import SIGNALS
from ansible_collections.mesh.workshop.plugins.plugin_utils._modules import ModuleAction

PAUSE = 0.2


class Tail:
    """Shows the lines of a file as they are appended."""

    def __init__(self, display: t.Any) -> None:
        self._display = display
        self._over = threading.Event()
        self._rest = ""
        # Ansible removes that folder when it ends, also where it ends early.
        handle, self.path = tempfile.mkstemp(prefix="mesh-workshop-", dir=constants.DEFAULT_LOCAL_TMP)
        self._file = os.fdopen(handle, encoding="utf-8", errors="replace")
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Tail:
        # The thread inherits this mask. A signal that it took would not wake the main thread, which runs the handlers.
        former = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, former)
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self._file.close()
        os.unlink(self.path)

    def _follow(self) -> None:
        while not self._over.wait(PAUSE):
            self._show()
        self._show()

    def _show(self) -> None:
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        for line in lines:
            self._display.display(line, color=constants.COLOR_ERROR if "  FAILED  " in line else None)


class ActionModule(ModuleAction):
    """The action of mesh.workshop.lab_stage, and of mesh.workshop.reset."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the module; on this machine it has a file to tell its progress in."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        alone = len((task_vars or {}).get("ansible_play_hosts_all") or ()) < 2
        if not alone:
            self._take_own_name()
        # Of several hosts, which are served side by side, the lines would be mixed.
        if not alone or not self._tells(arguments):
            result.update(self.run_module(arguments, task_vars))
            return result
        with Tail(Display()) as tail:
            arguments["progress"] = tail.path
            result.update(self.run_module(arguments, task_vars))
        return result

    def _take_own_name(self) -> None:
        """Name the task by this host's variables: Ansible names it once for all hosts, by those of the first."""
        written = (self._task.get_ds() or {}).get("name")
        with contextlib.suppress(AnsibleError):  # a name that lacks a variable stays as it is
            self._task.name = str(self._templar.template(written or self._task.name))

    def _tells(self, arguments: dict[str, t.Any]) -> bool:
        """Whether the module can tell its progress to this side, and may."""
        return self._connection.transport == "local" and not self._task.no_log and not arguments.get("progress")
