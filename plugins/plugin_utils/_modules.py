# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What our actions have in common: they start their module without the delays that Ansible has by default."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
import typing as t
from pathlib import Path

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.plugins.action import ActionBase

try:
    from ansible.executor.module_common import _BuiltModule
except ImportError:  # it is Ansible's own; without it, modules are packed
    _BuiltModule = None

COLLECTION = Path(__file__).resolve().parents[2]
OURS = "mesh.workshop."
# How Ansible writes a module's arguments, and the module its result: plain JSON.
PROFILE = "legacy"
SUDO_ENDED = "waiting for become success"


@contextlib.contextmanager
def without_collector() -> t.Iterator[None]:
    """Keep the garbage collector from running.

    To pack a module, Ansible parses all of its imports. Every few files that sets off the garbage collector, which
    walks through all that the worker has inherited; it took 0.3 s of the 0.5 s that packing took. The worker ends with
    this task, so nothing is left to collect.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class ModuleAction(ActionBase):
    """An action that runs a module: that of the task, where it names no other."""

    _supports_check_mode = True

    def _runs_here(self, task_vars: t.Mapping[str, t.Any]) -> bool:
        """Whether the module would run on this machine, as this user, and in the Python that runs Ansible."""
        if self._connection.transport != "local" or self._connection.become or self._task.delegate_to:
            return False
        # To keep the file that was sent is for taking the archive apart.
        if self._task.async_val or constants.DEFAULT_KEEP_REMOTE_FILES or _BuiltModule is None:
            return False
        wanted = constants.config.get_config_value("INTERPRETER_PYTHON", variables=task_vars)
        try:
            return bool(self._templar.template(wanted) == sys.executable)
        except AnsibleError:
            return False  # Ansible has its own words for what cannot be made out, or a Python to fall back to

    def _configure_module(self, module_name: str, module_args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> t.Any:
        """What Ansible sends to the interpreter, and the module's path.

        By default that is an archive of the module and all that it imports, 0.2 s to pack and 0.2 s to compile each
        time. A module that runs here is there already: what is sent are a few lines that start it.
        """
        name = module_name.removeprefix(OURS)
        if name == module_name or not self._runs_here(task_vars):
            return super()._configure_module(module_name, module_args, task_vars)
        encoder = get_module_encoder(PROFILE, Direction.CONTROLLER_TO_MODULE)
        arguments = json.dumps({"ANSIBLE_MODULE_ARGS": module_args}, cls=encoder).encode()
        launcher = (COLLECTION / "plugins" / "plugin_utils" / "_launcher.py").read_text(encoding="utf-8")
        paths = [path for path in sys.path if isinstance(path, str) and os.path.isabs(path)]
        call = f"launch({str(COLLECTION)!r}, {name!r}, {arguments!r}, {paths!r})"
        sent = _BuiltModule(
            b_module_data=f"{launcher}\n\n{call}\n".encode(),
            module_style="new",
            shebang=f"#!{sys.executable}",
            serialization_profile=PROFILE,
        )
        return sent, str(COLLECTION / "plugins" / "modules" / f"{name}.py")

    def run_module(
        self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any] | None, module: str | None = None
    ) -> dict[str, t.Any]:
        """What the module returns. Raises AnsibleActionFail where root's rights are needed and cannot be had."""
        if self._connection.transport == "local" and self._connection.become is None:
            # The module goes to Python's standard input, not first into a file by four shells one after another.
            # Ansible leaves that off for what sudo is configured like, and here is no sudo.
            self._connection.set_option("pipelining", True)
        wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
        try:
            with without_collector():
                result: dict[str, t.Any] = self._execute_module(
                    module_name=module, module_args=arguments, task_vars=task_vars, wrap_async=wrap_async
                )
        except AnsibleError as error:
            # What sudo itself says is in the user's language; with a password given it would say something else.
            become = self._connection.become
            if become is None or become.get_option("become_pass") or SUDO_ENDED not in str(error):
                raise
            said = str(error).strip().splitlines()[-1]
            raise AnsibleActionFail(
                f"{self._task.get_name()}: this needs root's rights, and they were not to be had without a password "
                f"({said}): run the playbook again with --ask-become-pass, or as root."
            ) from None
        return result


class PlainAction(ModuleAction):
    """An action that runs the module of its own name and does nothing besides."""

    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """The module's result."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        result.update(self.run_module(dict(self._task.args), task_vars))
        return result
