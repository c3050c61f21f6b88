# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module reports about its own call: in the system's log, and as `invocation` in its result."""

from __future__ import annotations

import json
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values

from .lifetime import end_with_parent, ignore_signals
from .options import Idle, idle_fault, value_fault

# Documents as they are given may be Secrets, or hold keys and tokens; they are long besides.
_DOCUMENTS = frozenset(("baseline", "bookinfo", "definition", "definitions"))
_GIVEN = "..."


def for_log(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The options as the log may have them: only that it was given for anything but a plain value.

    Ansible's masking looks for a secret as it is, and would miss it in the text of a structure, which escapes it.
    """
    return {
        name: _GIVEN if value and (name in _DOCUMENTS or isinstance(value, (dict, list))) else _printable(value)
        for name, value in params.items()
    }


def _printable(value: t.Any) -> t.Any:
    """Texts without halves of surrogate pairs, which AnsibleModule cannot write."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def for_result(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The options as the result may have them: all but documents, and a kubeconfig that is not a path."""
    hidden = {name for name in _DOCUMENTS if params.get(name)}
    if isinstance(params.get("kubeconfig"), dict):
        hidden.add("kubeconfig")
    return {name: _GIVEN if name in hidden else value for name, value in params.items()}


class QuietModule(AnsibleModule):  # type: ignore[misc]  # ansible-core comes without types
    """An AnsibleModule that shows nothing of what it was given that may be secret, and ends with ansible-playbook."""

    params: dict[str, t.Any]
    _taken = False
    """Whether the options have passed all checks; until then nobody has looked for secrets in structures."""
    _ends_on_signals = False
    _log_is_safe = False
    """Whether the call has been logged as `_log_invocation` below has it; until then nothing is logged."""

    def __init__(self, argument_spec: dict[str, dict[str, t.Any]], **kwargs: t.Any) -> None:
        try:
            super().__init__(argument_spec, **kwargs)
        except OverflowError:  # Ansible's own conversion of an infinite number
            self._refuse_values()
            raise
        self._refuse_values()
        self._taken = True
        self._changes: list[dict[str, t.Any]] | None = None
        self.standing = "The task did not finish."
        """How things stand if the module ends now, in one sentence that holds with changes and without."""
        self._ends_on_signals = end_with_parent(self._interrupted)

    def _interrupted(self) -> str:
        """The result of a module that a signal ends."""
        changes = list(self._changes or ())  # a request that outlasts the grace may still add to it
        said = self.standing if changes or self._changes is None else f"Nothing was changed. {self.standing}"
        result = {"failed": True, "interrupted": True, "changed": bool(changes), "results": changes, "msg": said}
        return json.dumps(remove_values(result, self.no_log_values))

    def recorder(self) -> t.Callable[[dict[str, t.Any]], None]:
        """What is to hear of each object that is created, changed or deleted, in the form of ``results``.

        Threads may call it. A module that does not ask for it cannot say that nothing was changed.
        """
        if self._changes is None:
            self._changes = []
        return self._changes.append

    def refuse_idle(self, rules: t.Iterable[Idle]) -> None:
        """End the module where an option is given that has no effect; one that has its default is not given."""
        fault = idle_fault(self.params, rules, self.argument_spec)
        if fault:
            self.fail_json(msg=fault)

    def _refuse_values(self) -> None:
        fault = value_fault(self.params, self.argument_spec)
        if fault:
            self.fail_json(msg=fault)

    def _log_invocation(self, *args: t.Any, **kwargs: t.Any) -> None:
        """A private part of ansible-core: its constructor calls it to log the options, which it takes from `params`."""
        if args or kwargs:  # it takes them from elsewhere
            return
        params, self.params = self.params, for_log(self.params)
        self._log_is_safe = True
        try:
            super()._log_invocation()
        finally:
            self.params = params

    def log(self, msg: str, log_args: dict[str, t.Any] | None = None) -> None:
        """As AnsibleModule.log(), but silent where the constructor logs the options in a way that is not known here."""
        if self._log_is_safe:
            super().log(msg, log_args)

    def exit_json(self, **kwargs: t.Any) -> t.NoReturn:
        """As AnsibleModule.exit_json()."""
        super().exit_json(**self._told(kwargs))
        raise AssertionError("exit_json() does not return")

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        """As AnsibleModule.fail_json()."""
        super().fail_json(msg, **self._told(kwargs))
        raise AssertionError("fail_json() does not return")

    def _told(self, kwargs: dict[str, t.Any]) -> dict[str, t.Any]:
        if self._ends_on_signals:
            ignore_signals()  # of two results Ansible could read none
        return {"invocation": {"module_args": (for_result if self._taken else for_log)(self.params)}, **kwargs}
