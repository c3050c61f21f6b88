# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import io
import json
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.quiet import QuietModule

SECRET = {"kind": "Secret", "stringData": {"password": "hunter2", "tls.key": "-----BEGIN KEY-----\nabc\n"}}
GIVEN: dict[str, t.Any] = {
    "definitions": [SECRET],
    "kubeconfig": {"users": [{"name": "me", "user": {"token": "s3cr3t"}}]},
    "namespace": "bookinfo",
}
SPEC: dict[str, t.Any] = {"definitions": {"type": "raw"}, "kubeconfig": {"type": "raw"}, "namespace": {"type": "str"}}


# ansible-core 2.22 and later leave the invocation out of a result unless the controller asks for it.
ASKED = {"_ansible_inject_invocation": True} if "inject_invocation" in basic.PASS_VARS else {}


@pytest.fixture(name="log")
def log_fixture(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    logged: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "log", lambda self, msg, log_args=None: logged.append(f"{msg} {log_args}"))
    return logged


@pytest.mark.parametrize("definitions", [GIVEN["definitions"], json.dumps(SECRET)])
def test_the_log_says_only_that_documents_were_given(log: list[str], definitions: object) -> None:
    with patch_module_args({**GIVEN, "definitions": definitions}):
        module = QuietModule(argument_spec=SPEC)
    (line,) = log
    assert "hunter2" not in line
    assert "abc" not in line
    assert "s3cr3t" not in line
    assert "namespace=bookinfo" in line
    assert module.params["definitions"] == definitions, "the module itself has all of it"


def test_nothing_is_logged_by_an_ansible_core_that_logs_options_in_another_way(
    log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = QuietModule._log_invocation
    # Under another name: the constructor calls what nobody has taken the place of.
    monkeypatch.delattr(QuietModule, "_log_invocation")
    with patch_module_args(GIVEN):
        module = QuietModule(argument_spec=SPEC)
    module.warn("This may repeat an option.")
    assert log == []
    # From elsewhere than `params`.
    theirs = basic.AnsibleModule._log_invocation
    monkeypatch.setattr(basic.AnsibleModule, "_log_invocation", lambda self, _options: theirs(self))
    monkeypatch.setattr(QuietModule, "_log_invocation", lambda self: own(self, self.params), raising=False)
    with patch_module_args(GIVEN):
        QuietModule(argument_spec=SPEC)
    assert log == []


@pytest.mark.parametrize("end", [lambda module: module.exit_json(), lambda module: module.fail_json(msg="no")])
def test_the_result_has_neither_documents_nor_the_kubeconfigs_content(
    log: list[str], end: t.Callable[[QuietModule], None]
) -> None:
    printed = io.StringIO()
    with patch_module_args({**GIVEN, **ASKED}), contextlib.redirect_stdout(printed):
        module = QuietModule(argument_spec=SPEC)
        with pytest.raises(SystemExit):
            end(module)
    told = json.loads(printed.getvalue())["invocation"]["module_args"]
    assert told == {"definitions": "...", "kubeconfig": "...", "namespace": "bookinfo"}


def test_a_kubeconfigs_path_is_shown(log: list[str]) -> None:
    printed = io.StringIO()
    with (
        patch_module_args({"kubeconfig": "~/.kube/config", **ASKED}),
        contextlib.redirect_stdout(printed),
        pytest.raises(SystemExit),
    ):
        QuietModule(argument_spec=SPEC).exit_json()
    assert json.loads(printed.getvalue())["invocation"]["module_args"]["kubeconfig"] == "~/.kube/config"
    assert "kubeconfig=~/.kube/config" in log[0]


def test_every_module_that_talks_to_a_cluster_is_quiet() -> None:
    folder = Path(__file__).parents[5] / "plugins"
    paths = [*folder.glob("modules/*.py"), folder / "module_utils" / "_ansible" / "module.py"]
    texts = {path.name: path.read_text() for path in paths}
    loud = [name for name, text in texts.items() if "AUTH_ARG_SPEC" in text and "AnsibleModule" in text]
    assert loud == []


def test_what_an_interrupted_module_says_has_no_secrets() -> None:
    with patch_module_args({"token": "s3cr3t"}):
        module = QuietModule(argument_spec={"token": {"type": "str", "no_log": True}})
    module.recorder()({"kind": "Secret", "namespace": "", "name": "of-s3cr3t", "action": "created"})
    said = module._interrupted()
    assert "s3cr3t" not in said
    assert json.loads(said)["results"][0]["action"] == "created"


def test_only_a_module_that_records_its_changes_says_that_there_are_none() -> None:
    with patch_module_args({}):
        module = QuietModule(argument_spec={})
    assert json.loads(module._interrupted())["msg"] == "The task did not finish."
    tell = module.recorder()
    assert json.loads(module._interrupted())["msg"] == "Nothing was changed. The task did not finish."
    tell({"kind": "Secret", "namespace": "", "name": "a", "action": "created"})
    assert module.recorder() == tell
    assert json.loads(module._interrupted())["msg"] == "The task did not finish."
