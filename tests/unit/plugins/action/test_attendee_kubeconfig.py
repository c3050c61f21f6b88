# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import time
import types
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mesh.workshop.plugins.action import attendee_kubeconfig
from ansible_collections.mesh.workshop.plugins.module_utils._kube import connect
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

Json = dict[str, t.Any]
ACCOUNTS = "mesh-workshop-attendees"


def token(uid: str, hours: float) -> str:
    now = int(time.time())
    body = {"kubernetes.io": {"serviceaccount": {"uid": uid}}, "iat": now, "exp": now + int(hours * 3600)}
    return f"a.{base64.urlsafe_b64encode(json.dumps(body).encode()).decode()}.c"


class Tokens:
    """An API server that grants tokens, and counts them."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self.settings = connect({"host": api.url, "api_key": "x"}).settings
        self.asked: list[Json] = []

    def get(self, *_where: str) -> Json | None:
        return self.account

    account: Json | None = {"metadata": {"uid": "u1"}}

    def request(self, method: str, path: str, *, body: Json) -> t.Any:
        assert (method, path) == ("POST", f"/api/v1/namespaces/{ACCOUNTS}/serviceaccounts/ada/token")
        self.asked.append(body)
        granted = {"status": {"token": token("u1", body["spec"]["expirationSeconds"] / 3600)}}
        return types.SimpleNamespace(json=lambda: granted)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Tokens]:
    server = FakeApi()
    granting = Tokens(server)
    monkeypatch.setattr(attendee_kubeconfig, "connect", lambda _options: granting)
    yield granting
    server.stop()


def run(monkeypatch: pytest.MonkeyPatch, path: Path, *, check: bool = False, **given: t.Any) -> Json:
    defaults = {name: spec.get("default") for name, spec in attendee_kubeconfig.OPTIONS.items()}
    options = {**defaults, "name": "ada", "path": str(path), **given}
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    monkeypatch.setattr(ActionBase, "validate_argument_spec", lambda *_arguments: ({}, options))
    action = object.__new__(attendee_kubeconfig.ActionModule)
    action._task = types.SimpleNamespace(check_mode=check)
    return action.run()


def test_a_file_is_written_once_for_its_owner_alone(
    monkeypatch: pytest.MonkeyPatch, tokens: Tokens, tmp_path: Path
) -> None:
    path = tmp_path / "handouts" / "ada"
    assert run(monkeypatch, path, check=True) == {"changed": True, "path": str(path)}
    assert not path.parent.exists()
    first = run(monkeypatch, path)
    assert first["changed"]
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    written = yaml.safe_load(path.read_text())["users"][0]["user"]["token"]
    assert written not in str(first), "a result shows no token"
    assert run(monkeypatch, path) == {**first, "changed": False}
    path.chmod(0o644)
    assert run(monkeypatch, path)["changed"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(tokens.asked) == 1
    assert run(monkeypatch, path, hours=1)["changed"], "it holds longer than it may"
    assert tokens.asked[1]["spec"] == {"expirationSeconds": 3600}
    assert [one.name for one in path.parent.iterdir()] == ["ada"]


@pytest.mark.parametrize("there", [b"\xff", b"- {", b"5", b""])
def test_whatever_is_there_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tokens: Tokens, tmp_path: Path, there: bytes
) -> None:
    path = tmp_path / "ada"
    path.write_bytes(there)
    assert run(monkeypatch, path)["changed"]
    assert len(tokens.asked) == 1
    assert yaml.safe_load(path.read_text())["kind"] == "Config"


def test_removing_it_takes_the_folder_with_the_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "handouts"
    folder.mkdir()
    for name in ("ada", "bob"):
        (folder / name).touch()
    assert run(monkeypatch, folder / "ada", state="absent", check=True)["changed"]
    for name in ("ada", "bob"):
        assert (folder / name).exists()
        assert run(monkeypatch, folder / name, state="absent")["changed"]
    assert not folder.exists()
    assert not run(monkeypatch, folder / "bob", state="absent")["changed"]


def test_what_cannot_be_is_told(monkeypatch: pytest.MonkeyPatch, tokens: Tokens, tmp_path: Path) -> None:
    for path, given, said in (
        (tmp_path / "ada", {"hours": 0}, "hours is 0: an attendee's token lasts from 1 to 48 hours."),
        (Path("/proc/nowhere/ada"), {}, "/proc/nowhere/ada cannot be written (No such file or directory)"),
    ):
        with pytest.raises(AnsibleActionFail) as caught:
            run(monkeypatch, path, **given)
        assert said in str(caught.value)
    tokens.account = None
    with pytest.raises(AnsibleActionFail, match="Attendee ada has no ServiceAccount in namespace"):
        run(monkeypatch, tmp_path / "ada")
