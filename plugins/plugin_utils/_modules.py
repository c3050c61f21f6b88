# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How our actions start their module: without packing it, where it would run on this machine anyway.

What is used of ansible-core's private parts stands in `_direct`. It is used with the versions that it was tried with,
and Ansible packs the module as usual with all others and on any surprise.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import inspect
import json
import os
import sys
import typing as t
from pathlib import Path

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.release import __version__ as ansible_version
from ansible.utils.display import Display
from ansible_collections.mesh.workshop.plugins.plugin_utils._interruption import Interruption, tell

COLLECTION = Path(__file__).resolve().parents[2]
OURS = "mesh.workshop."
# The first and the last minor version of ansible-core that the tests passed with, see docs/architecture.md.
TRIED = ((2, 19), (2, 22))
# How Ansible writes a module's arguments, and the module its result: plain JSON.
PROFILE = "legacy"
SUDO_ENDED = "waiting for become success"


@contextlib.contextmanager
def without_collector() -> t.Iterator[None]:
    """Switch off the garbage collector.

    Ansible packs a module by parsing all of its imports. Every few files that triggers the garbage collector, which
    walks through everything that the worker inherited; it took 0.3 s of 0.5 s. The worker ends with this task, so
    there is nothing to collect.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def minor_version(text: str) -> tuple[int, int]:
    """Major and minor of ansible-core's version, such as (2, 22) for 2.22.0rc1."""
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


@functools.cache
def private_parts_known() -> bool:
    """Whether this ansible-core was tried, and its private parts have the form that they had then."""
    try:
        from ansible.executor.module_common import _BuiltModule

        fields = {field.name for field in dataclasses.fields(_BuiltModule) if field.default is dataclasses.MISSING}
        parameters = set(inspect.signature(ActionBase._configure_module).parameters)
        return (
            TRIED[0] <= minor_version(ansible_version) <= TRIED[1]
            and fields == {"b_module_data", "module_style", "shebang", "serialization_profile"}
            and parameters == {"self", "module_name", "module_args", "task_vars"}
        )
    except (ImportError, TypeError, ValueError):
        return False


class ModuleAction(ActionBase):
    """An action that runs a module: the task's own unless another is named."""

    _supports_check_mode = True

    def _runs_here(self, task_vars: t.Mapping[str, t.Any]) -> bool:
        """Whether the module would run on this machine, as this user, and in the Python that runs Ansible."""
        if self._connection.transport != "local" or self._connection.become or self._task.delegate_to:
            return False
        # ANSIBLE_KEEP_REMOTE_FILES is for looking into the archive.
        if self._task.async_val or constants.DEFAULT_KEEP_REMOTE_FILES:
            return False
        wanted = constants.config.get_config_value("INTERPRETER_PYTHON", variables=task_vars)
        return bool(self._templar.template(wanted) == sys.executable)

    def _configure_module(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        """What Ansible sends to the interpreter, and the module's path.

        By default that is an archive of the module and all that it imports, which takes time to pack and to compile. A
        module that runs here is already installed here: a few lines that start it are sent instead.
        """
        try:
            direct = self._direct(*args, **kwargs)
        except Exception as error:
            # Whatever it is, Ansible's own way does without, or has words of its own for it.
            Display().vvv(f"The module is packed, because it cannot be started directly: {error!r}")
            direct = None
        return super()._configure_module(*args, **kwargs) if direct is None else direct

    def _direct(self, *args: t.Any, **kwargs: t.Any) -> tuple[t.Any, str] | None:
        """A payload that runs the module from its file, and that file; None where Ansible has to pack the module."""
        if not private_parts_known():
            return None
        given = inspect.signature(ActionBase._configure_module).bind(self, *args, **kwargs).arguments
        name = given["module_name"].removeprefix(OURS)
        file = COLLECTION / "plugins" / "modules" / f"{name}.py"
        if name == given["module_name"] or not file.is_file() or not self._runs_here(given["task_vars"]):
            return None
        from ansible.executor.module_common import _BuiltModule
        from ansible.module_utils.common.json import Direction, get_module_encoder

        encoder = get_module_encoder(PROFILE, Direction.CONTROLLER_TO_MODULE)
        arguments = json.dumps({"ANSIBLE_MODULE_ARGS": given["module_args"]}, cls=encoder).encode()
        launcher = (COLLECTION / "plugins" / "plugin_utils" / "_launcher.py").read_text(encoding="utf-8")
        paths = [path for path in sys.path if isinstance(path, str) and os.path.isabs(path)]
        call = f"launch({str(COLLECTION)!r}, {name!r}, {arguments!r}, {paths!r})"
        payload = _BuiltModule(
            b_module_data=f"{launcher}\n\n{call}\n".encode(),
            module_style="new",
            shebang=f"#!{sys.executable}",
            serialization_profile=PROFILE,
        )
        return payload, str(file)

    def run_module(
        self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any] | None, module: str | None = None
    ) -> dict[str, t.Any]:
        """The module's result. Raises AnsibleActionFail where sudo refuses root's rights."""
        if self._connection.transport == "local" and self._connection.become is None:
            # The module goes to Python's standard input, not into a file by way of four shells.
            # Ansible does not do so by default because of some configurations of sudo, and there is no sudo here.
            self._connection.set_option("pipelining", True)
        wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
        result: dict[str, t.Any] = {}

        def said() -> str:
            return tell(str(self._task.name or self._task.action), result, bool(self._task.no_log))

        try:
            with Interruption(said), without_collector():
                result = self._execute_module(
                    module_name=module, module_args=arguments, task_vars=task_vars, wrap_async=wrap_async
                )
        except AnsibleError as error:
            # sudo's own message is in the user's language, and differs once a password was given.
            become = self._connection.become
            if become is None or become.get_option("become_pass") or SUDO_ENDED not in str(error):
                raise
            last_line = str(error).strip().splitlines()[-1]
            raise AnsibleActionFail(
                f"{self._task.get_name()}: this needs root's rights, and sudo grants none without a password "
                f"({last_line}): run the playbook again with --ask-become-pass, or as root."
            ) from None
        return result


class PlainAction(ModuleAction):
    """An action that only runs the module of its own name."""

    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """The module's result."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        result.update(self.run_module(dict(self._task.args), task_vars))
        return result
