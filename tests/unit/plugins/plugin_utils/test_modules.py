# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import gc
import json
import os
import subprocess
import sys
import types
import typing as t
from pathlib import Path

import pytest
from ansible import constants
from ansible.errors import AnsibleError
from ansible.executor import module_common
from ansible.module_utils.common import json as json_common
from ansible.plugins.action import ActionBase
from ansible_collections.mesh.workshop.plugins.action import embedded_node
from ansible_collections.mesh.workshop.plugins.action.apply import ActionModule
from ansible_collections.mesh.workshop.plugins.plugin_utils import _modules
from ansible_collections.mesh.workshop.plugins.plugin_utils._modules import without_collector

ENDED = "Task failed: Premature end of stream waiting for become success.\n>>> Standard Error\n" + (
    "sudo: a password is required"
)


def action_on(transport: str, become: t.Any, execute: t.Callable[..., t.Any], asynchronous: int = 0) -> ActionModule:
    """The action of mesh.workshop.apply, with an `execute` of the test's own."""
    action = object.__new__(ActionModule)
    action.options = {}
    set_option = action.options.__setitem__
    action._connection = types.SimpleNamespace(
        transport=transport, become=become, set_option=set_option, has_native_async=False
    )
    action._task = types.SimpleNamespace(get_name=lambda: "Build it", async_val=asynchronous)
    action._execute_module = execute
    return action


@pytest.mark.parametrize(
    ("transport", "become", "piped"), [("local", None, True), ("local", "sudo", False), ("ssh", None, False)]
)
def test_modules_on_this_machine_are_piped_to_python(transport: str, become: str | None, piped: bool) -> None:
    collecting = []

    def execute(**given: t.Any) -> dict[str, t.Any]:
        collecting.append(gc.isenabled())
        return given

    action = action_on(transport, become, execute)
    given = action.run_module({"name": "x"}, {})
    assert given == {"module_name": None, "module_args": {"name": "x"}, "task_vars": {}, "wrap_async": False}
    assert action.options == ({"pipelining": True} if piped else {})
    assert collecting == [False]
    assert gc.isenabled()


HERE = {"ansible_python_interpreter": sys.executable}


def unchanged(value: t.Any) -> t.Any:
    return value


def omitted(_value: t.Any) -> t.NoReturn:
    raise AnsibleError("A template was resolved to an Omit scalar.")


def placed(**changes: t.Any) -> ActionModule:
    """The action of a task on this machine, where nothing stands against running its module from its file."""
    action = object.__new__(ActionModule)
    action._connection = types.SimpleNamespace(transport="local", become=None)
    action._task = types.SimpleNamespace(delegate_to=None, async_val=0)
    action._templar = types.SimpleNamespace(template=unchanged)
    for name, value in changes.items():
        (holder,) = (one for one in (action._connection, action._task, action._templar) if hasattr(one, name))
        setattr(holder, name, value)
    return action


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modules that Ansible was asked to pack."""
    names: list[str] = []

    def pack(_self: t.Any, module_name: str, module_args: t.Any, task_vars: t.Any) -> None:
        names.append(module_name)

    assert _modules.private_parts_known()
    monkeypatch.setattr(ActionBase, "_configure_module", pack)
    return names


def test_a_module_that_runs_here_is_not_packed(packed: list[str]) -> None:
    sent, path = placed()._configure_module("mesh.workshop.apply", {"src": "x"}, HERE)
    assert packed == []
    assert Path(path).name == "apply.py"
    assert Path(path).is_file()
    assert (sent.module_style, sent.shebang) == ("new", f"#!{sys.executable}")


@pytest.mark.parametrize(
    ("action", "name", "variables"),
    [
        (placed(transport="ssh"), "mesh.workshop.apply", HERE),
        (placed(become="sudo"), "mesh.workshop.apply", HERE),
        (placed(delegate_to="there"), "mesh.workshop.apply", HERE),
        (placed(async_val=10), "mesh.workshop.apply", HERE),
        (placed(template=omitted), "mesh.workshop.apply", HERE),
        (placed(), "mesh.workshop.apply", {"ansible_python_interpreter": "/usr/bin/another-python"}),
        (placed(), "mesh.workshop.apply", {}),
        (placed(), "ansible.builtin.copy", HERE),
        (placed(), "apply", HERE),
    ],
)
def test_any_other_is_packed_by_ansible(
    packed: list[str], action: ActionModule, name: str, variables: dict[str, str]
) -> None:
    action._configure_module(name, {}, variables)
    assert packed == [name]


def test_where_the_archive_is_wanted_it_is_packed(monkeypatch: pytest.MonkeyPatch, packed: list[str]) -> None:
    monkeypatch.setattr(constants, "DEFAULT_KEEP_REMOTE_FILES", True)
    placed()._configure_module("mesh.workshop.apply", {}, HERE)
    assert packed == ["mesh.workshop.apply"]


@pytest.fixture
def anew() -> t.Iterator[None]:
    """Private parts are examined for this test, and once more for the next."""
    _modules.private_parts_known.cache_clear()
    yield
    _modules.private_parts_known.cache_clear()


@dataclasses.dataclass
class OtherPayload:
    """A payload of an ansible-core that does not exist yet."""

    b_module_data: bytes
    module_style: str
    shebang: str
    serialization_profile: str
    signature: str


def other_signature(_self: t.Any, module_name: str, module_args: t.Any, task_vars: t.Any, host: t.Any) -> None:
    """What an ansible-core that does not exist yet might want."""


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (_modules, "ansible_version", "2.18.19"),
        (_modules, "ansible_version", "2.23.0.dev0"),
        (_modules, "ansible_version", "unknown"),
        (module_common, "_BuiltModule", OtherPayload),
        (module_common, "_BuiltModule", None),
        (ActionBase, "_configure_module", other_signature),
    ],
)
def test_with_an_ansible_that_was_not_tried_nothing_private_is_used(
    monkeypatch: pytest.MonkeyPatch, owner: t.Any, name: str, value: t.Any
) -> None:
    assert _modules.private_parts_known()
    _modules.private_parts_known.cache_clear()
    monkeypatch.setattr(owner, name, value)
    assert not _modules.private_parts_known()
    assert placed()._direct("mesh.workshop.apply", {}, HERE) is None


def test_on_any_surprise_it_is_packed(monkeypatch: pytest.MonkeyPatch, packed: list[str]) -> None:
    def surprise(*_arguments: t.Any) -> t.NoReturn:
        raise RuntimeError("something new")

    monkeypatch.setattr(json_common, "get_module_encoder", surprise)
    placed()._configure_module("mesh.workshop.apply", {}, HERE)
    assert packed == ["mesh.workshop.apply"]


def test_arguments_that_nobody_knows_reach_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[t.Any] = []
    monkeypatch.setattr(ActionBase, "_configure_module", lambda *args, **kwargs: given.append((args[1:], kwargs)))
    placed()._configure_module("mesh.workshop.apply", {}, HERE, host="there")
    assert given == [(("mesh.workshop.apply", {}, HERE), {"host": "there"})]


def launched(
    module: str, arguments: dict[str, t.Any], folder: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    sent, _path = placed()._configure_module(f"mesh.workshop.{module}", arguments, HERE)
    return subprocess.run(
        [sent.shebang.removeprefix("#!")],
        input=sent.b_module_data.decode(),
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_module_reads_its_arguments_and_nothing_from_where_the_playbook_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("__future__", "json", "runpy", "types", "yaml", "ansible"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('of the playbook')\n")
    # What others have put into the list here, Python itself passes over.
    monkeypatch.setattr(sys, "path", ["", Path("/nowhere"), *sys.path])
    done = launched("apply", {"src": "a", "template": "b"}, tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    said = "parameters are mutually exclusive: definitions|src|template"
    assert json.loads(done.stdout)["msg"] == said


def test_a_task_may_say_where_python_finds_more(tmp_path: Path) -> None:
    (tmp_path / "tempfile.py").write_text("raise SystemExit('of the task')\n")
    done = launched("apply", {"src": "a", "template": "b"}, Path("/"), PYTHONPATH=str(tmp_path))
    assert done.stderr == "of the task\n"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a module `other`, in a collection of this test's own."""
    plugins = tmp_path / "plugins"
    (plugins / "modules").mkdir(parents=True)
    (plugins / "plugin_utils").symlink_to(Path(_modules.__file__).parent)
    monkeypatch.setattr(_modules, "COLLECTION", tmp_path)
    return plugins / "modules" / "other.py"


def test_a_module_that_is_not_there_is_left_to_ansible(packed: list[str]) -> None:
    placed()._configure_module("mesh.workshop.no_such_module", {}, HERE)
    assert packed == ["mesh.workshop.no_such_module"]


def test_a_defect_is_told_in_a_sentence(tmp_path: Path, module: Path) -> None:
    module.write_text("import no_such_library\n")
    done = launched("other", {}, tmp_path)
    result = json.loads(done.stdout)
    assert (done.returncode, result["failed"], done.stderr) == (1, True, "")
    assert result["msg"].startswith("mesh.workshop.other has a defect: ModuleNotFoundError: ")
    assert "Traceback" in result["exception"]
    assert "Traceback" not in result["msg"]


def test_a_module_that_ends_without_a_result_has_a_defect(tmp_path: Path, module: Path) -> None:
    module.touch()
    done = launched("other", {}, tmp_path)
    said = "mesh.workshop.other has a defect: RuntimeError: it ended without a result. Please report it."
    assert json.loads(done.stdout)["msg"] == said


def test_tasks_may_be_asynchronous() -> None:
    assert action_on("ssh", None, lambda **given: given, asynchronous=60).run_module({}, {})["wrap_async"] is True
    assert ActionModule._supports_async


@pytest.mark.parametrize(
    ("text", "password", "said"),
    [
        (ENDED, "", r"password \(sudo: a password is required\): run the playbook again with --ask-become-pass"),
        (ENDED, "secret", "Premature end"),
        ("The interpreter is missing.", "", "The interpreter is missing"),
    ],
)
def test_a_password_that_sudo_wants_is_asked_for_in_a_sentence(text: str, password: str, said: str) -> None:
    def execute(**_options: t.Any) -> t.NoReturn:
        raise AnsibleError(text)

    become = types.SimpleNamespace(get_option={"become_pass": password}.get)
    with pytest.raises(AnsibleError, match=said):
        action_on("local", become, execute).run_module({}, {})


def test_a_plain_action_runs_the_module_of_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {"invocation": 1})
    action = object.__new__(embedded_node.ActionModule)
    action._task = types.SimpleNamespace(args={"name": "x"})
    action.run_module = lambda arguments, task_vars: {"given": arguments, "vars": task_vars}
    assert action.run(None, {"a": 1}) == {"invocation": 1, "given": {"name": "x"}, "vars": {"a": 1}}
    assert (action._supports_check_mode, action._supports_async) == (True, True)


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with without_collector():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
