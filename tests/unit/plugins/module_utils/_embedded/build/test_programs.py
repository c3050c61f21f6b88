# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import context, failures, programs, steps

JAR = b"what the repository serves"


@pytest.fixture
def maven(tmp_path, monkeypatch):
    """A Maven that serves JAR, and a step that wants it."""
    commands = []

    def run(_context, _title, command, cwd=None, environment=None):
        commands.append(command)
        (folder,) = [part.partition("=")[2] for part in command if part.startswith("-DoutputDirectory=")]
        os.makedirs(folder)
        with open(os.path.join(folder, "tool-1.0.jar"), "wb") as stream:
            stream.write(JAR)
        return ""

    def step(digest):
        recipe = {"plugin": "p:1", "artifact": "org.example:tool:1.0:jar", "sha256": digest, "file": "tool.jar"}
        return steps.Planned(steps.Step("tool", "Tool: fetching it", "maven", "bin/tool-{key}", recipe), "1")

    monkeypatch.setattr(context.Context, "run", run)
    return context.Context(str(tmp_path / "cache"), "/s", "/b"), step, commands


def test_maven_fetches_one_file(maven, tmp_path):
    here, step, commands = maven
    programs.fetch_maven(here, step(hashlib.sha256(JAR).hexdigest()), str(tmp_path), str(tmp_path / "result"))
    assert (tmp_path / "result" / "tool.jar").read_bytes() == JAR
    assert commands[0][0] == "mvn"
    assert "-Dartifact=org.example:tool:1.0:jar" in commands[0]


def test_maven_refuses_another_file(maven, tmp_path):
    here, step, _commands = maven
    with pytest.raises(failures.BuildError, match="Tool was not built: tool-1.0.jar .* not the one that is pinned"):
        programs.fetch_maven(here, step("0" * 64), str(tmp_path), str(tmp_path / "result"))
    assert not (tmp_path / "result").exists()


def test_npm_takes_files_out_of_what_the_lock_file_pins(tmp_path, monkeypatch):
    def run(_context, _title, command, cwd=None, environment=None):
        assert command[:3] == ["npm", "ci", "--ignore-scripts"]
        assert sorted(os.listdir(cwd)) == ["package-lock.json", "package.json"]
        os.makedirs(os.path.join(cwd, "node_modules", "lines", "dist"))
        with open(os.path.join(cwd, "node_modules", "lines", "dist", "lines.min.js"), "w", encoding="utf-8") as stream:
            stream.write("draw()")
        return ""

    monkeypatch.setattr(context.Context, "run", run)
    (tmp_path / "role" / "npm").mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        (tmp_path / "role" / "npm" / name).write_text("{}")
    recipe = {"directory": "npm", "files": {"lines.js": "lines/dist/lines.min.js"}}
    item = steps.Planned(steps.Step("pages", "Libraries: fetching", "npm", "bin/pages-{key}", recipe), "1")
    here = context.Context(str(tmp_path / "cache"), str(tmp_path / "role"), "/b")
    programs.fetch_npm(here, item, str(tmp_path), str(tmp_path / "result"))
    assert (tmp_path / "result" / "lines.js").read_text() == "draw()"


def test_programs_named_like_their_packages_are_built_together(tmp_path, monkeypatch):
    commands = []
    module = tmp_path / "module"
    module.mkdir()
    (module / "file.json").write_text("{}")

    def run(_context, _title, command, cwd=None, environment=None):
        commands.append(command)
        return f"{module}\n"

    monkeypatch.setattr(context.Context, "run", run)
    monkeypatch.setattr(programs, "find_go", lambda *_arguments: "/go")
    recipe = {
        "directory": "go/x",
        "builds": {"a": "./cmd/a", "b": "./cmd/b", "server": "example.org/v3"},
        "flags": ["-mod=readonly"],
        "ldflags": "-s",
        "module": "example.org",
        "module_files": {"kept.json": "file.json"},
        "links": {"alias": "a"},
    }
    item = steps.Planned(steps.Step("x", "X: building", "go", "bin/x-{key}", recipe), "1")
    result = tmp_path / "result"
    programs.build_go(context.Context(str(tmp_path), "/s", "/b"), item, str(tmp_path), str(result))
    assert [command[6:] for command in commands[:2]] == [["./cmd/a", "./cmd/b"], ["example.org/v3"]] or [
        command[command.index("-o") + 1 :] for command in commands[:2]
    ] == [[f"{result}/", "./cmd/a", "./cmd/b"], [f"{result}/server", "example.org/v3"]]
    assert (result / "kept.json").read_text() == "{}"
    assert os.readlink(result / "alias") == "a"
