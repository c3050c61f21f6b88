# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What istioctl prints becomes messages; where it is looked for; how it is asked, and what happens where it fails."""

from __future__ import annotations

import json
import os
import pathlib
import types
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose import istioctl
from ansible_collections.mesh.workshop.plugins.module_utils._diagnose.istioctl import (
    Analysis,
    Message,
    find_program,
    parse,
)
from ansible_collections.mesh.workshop.plugins.module_utils._kube.credentials import Credentials
from ansible_collections.mesh.workshop.plugins.module_utils._kube.settings import Settings

PRINTED = json.dumps(
    [
        {
            "code": "IST0101",
            "documentationUrl": "https://istio.io/ist0101/?ref=istioctl-analyze",
            "level": "Error",
            "message": 'Referenced host+subset in destinationrule\nnot found: "server+v9"',
            "origin": "VirtualService a/server",
        },
        {"code": "IST0102", "level": "Info", "message": "The namespace is not enabled.", "origin": "Namespace plain"},
        {"code": "IST0139", "level": "Error", "message": "No origin."},
    ]
)


def test_messages_are_read() -> None:
    first, second, third = parse(PRINTED)
    assert first == Message(
        code="IST0101",
        level="Error",
        text='Referenced host+subset in destinationrule not found: "server+v9"',
        kind="VirtualService",
        namespace="a",
        name="server",
        url="https://istio.io/ist0101/",
    )
    assert first.subject == "VirtualService a/server"
    assert (second.kind, second.namespace, second.name) == ("Namespace", "", "plain")
    assert second.subject == "Namespace plain"
    assert (third.kind, third.name, third.subject) == ("", "", "")


@pytest.mark.parametrize("output", ["", "no JSON", "{}", "[1, {}]", "null"])
def test_anything_else_is_no_message(output: str) -> None:
    assert parse(output) == ()


def program(folder: pathlib.Path, text: str = "exit 0") -> pathlib.Path:
    path = folder / "istioctl"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_variable_wins_over_the_path_and_both_over_the_clusters(tmp_path: pathlib.Path) -> None:
    named, on_path, offered, built = (program(tmp_path / name) for name in ("named", "path", "a/one/bin", "cache/x-1"))
    pattern = [str(tmp_path / "a/*/bin/istioctl"), str(tmp_path / "cache/x-*/istioctl")]
    path = {"PATH": str(on_path.parent)}
    assert find_program({**path, "MESH_WORKSHOP_ISTIOCTL": str(named)}, pattern) == str(named)
    assert find_program(path, pattern) == str(on_path)
    assert find_program({"PATH": str(tmp_path)}, pattern) == str(offered)
    offered.unlink()
    assert find_program({"PATH": str(tmp_path)}, pattern) == str(built)
    built.unlink()
    assert find_program({"PATH": str(tmp_path)}, pattern) is None


def test_an_empty_variable_switches_it_off(tmp_path: pathlib.Path) -> None:
    path = {"PATH": str(program(tmp_path).parent)}
    assert find_program({**path, "MESH_WORKSHOP_ISTIOCTL": ""}) is None


def client(**settings: t.Any) -> t.Any:
    values: dict[str, t.Any] = {"server": "https://a:6443", "credentials": Credentials(token="secret")}
    return types.SimpleNamespace(settings=Settings(**{**values, **settings}))


def test_it_is_asked_once_about_our_own_cluster_and_nothing_secret_shows(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/of/another/cluster")
    told = tmp_path / "told"
    script = f"""
echo "$@" >> {told}
env >> {told}
cp "$KUBECONFIG" {tmp_path}/config
cat <<'END'
{PRINTED}
END
exit 79"""
    analysis = Analysis(client(), str(program(tmp_path, script)))
    analysis.begin()
    assert len(analysis.messages()) == 3
    assert len(analysis.messages()) == 3
    said = told.read_text()
    assert said.count("analyze --all-namespaces --output=json --kubeconfig=/dev/fd/") == 1
    assert "secret" not in said
    assert "/of/another/cluster" not in said
    config = json.loads((tmp_path / "config").read_text())
    assert config["users"][0]["user"] == {"token": "secret"}
    assert config["clusters"][0]["cluster"]["server"] == "https://a:6443"


def test_it_acts_as_whoever_we_act_as(tmp_path: pathlib.Path) -> None:
    headers = {"Impersonate-User": "jane", "Impersonate-Group": "a\nb", "Impersonate-Uid": "7"}
    Analysis(client(headers=headers), str(program(tmp_path, f'echo "$@" > {tmp_path}/told'))).messages()
    assert (tmp_path / "told").read_text().endswith(" --as=jane --as-uid=7 --as-group=a --as-group=b\n")


@pytest.mark.parametrize("script", ["exit 1", "exec sleep 60", "echo '[{'"])
def test_an_istioctl_that_does_not_answer_says_nothing(
    script: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(istioctl, "PATIENCE", 0.3)
    written = tmp_path / "pid"
    analysis = Analysis(client(), str(program(tmp_path, f"echo $$ > {written}; {script}")))
    assert analysis.messages() == ()
    assert analysis._thread is not None
    analysis._thread.join(30)
    assert not analysis._thread.is_alive(), "it is ended, not left behind"
    if written.exists() and written.read_text().strip():  # on a busy machine it may have ended before its first line
        with pytest.raises(ProcessLookupError):
            os.kill(int(written.read_text()), 0)


def test_without_istioctl_or_credentials_it_can_use_there_is_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_WORKSHOP_ISTIOCTL", "")
    assert Analysis(client()).messages() == ()
    talks = program(tmp_path, f"echo '{PRINTED}'")
    assert Analysis(client(proxy_headers={"Proxy-Authorization": "x"}), str(talks)).messages() == ()
    assert Analysis(client(), str(tmp_path / "gone")).messages() == ()


def test_without_memory_for_secrets_it_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.delattr(os, "memfd_create")
    assert Analysis(client(), str(program(tmp_path, f"echo '{PRINTED}'"))).messages() == ()
