# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import tarfile
import time

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded import artifacts, build

STEP = artifacts.Step(
    name="thing",
    title="Thing 1: making it",
    kind="test",
    target="bin/thing-{key}",
    recipe={},
    contents=("file",),
)


@pytest.fixture
def item():
    return artifacts.Planned(STEP, "0123456789ab")


@pytest.fixture
def builder(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    source = tmp_path / "files"
    source.mkdir()
    return build.Builder(str(tmp_path / "cache"), str(source), str(tmp_path / "bookinfo"))


def make(builder, action):
    builder._actions["test"] = action


def good(item, work, result):
    os.makedirs(result)
    with open(os.path.join(result, "file"), "w", encoding="utf-8") as stream:
        stream.write("content")


# -- inputs


def test_digest_follows_names_contents_and_modes(tmp_path):
    (tmp_path / "a").write_text("1")
    first = build.digest_of(str(tmp_path))
    (tmp_path / "a").chmod(0o755)
    second = build.digest_of(str(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    third = build.digest_of(str(tmp_path))
    (tmp_path / "b").write_text("2")
    fourth = build.digest_of(str(tmp_path))
    assert len({first, second, third, fourth}) == 4


def test_digest_ignores_what_python_leaves(tmp_path):
    (tmp_path / "a.py").write_text("1")
    before = build.digest_of(str(tmp_path))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    (tmp_path / "b.pyc").write_text("x")
    assert build.digest_of(str(tmp_path)) == before


def test_a_missing_input_is_named(builder):
    with pytest.raises(
        build.BuildError, match=r"requirements-envoy.txt could not be read: it does not exist; .* src\."
    ):
        builder.plan(["envoy"])


def test_an_unknown_step_is_a_sentence(builder):
    with pytest.raises(build.BuildError, match="No step is called x; the steps are kubernetes"):
        builder.plan(["x"])


# -- one step


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
    def bad(item, work, result):
        good(item, work, result)
        builder._run("Thing 1", ["sh", "-c", "echo main.go:1: broken >&2; exit 3"])

    make(builder, bad)
    with pytest.raises(build.BuildError) as caught:
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


def test_commands_get_the_proxies_and_registries_of_the_environment(builder, tmp_path, monkeypatch):
    for name in ("https_proxy", "GOPROXY", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, f"https://mirror/{name}")
    builder._log = str(tmp_path / "log")
    said = builder._run("Thing", ["env"], environment=builder._go_environment("/go"))
    assert {f"{name}=https://mirror/{name}" for name in ("https_proxy", "GOPROXY", "PIP_INDEX_URL")} <= set(
        said.split()
    )


def test_commands_die_with_the_module(builder, tmp_path):
    pid_file = tmp_path / "pid"
    child = os.fork()
    if child == 0:
        os.makedirs(builder.cache)
        builder._log = str(tmp_path / "log")
        builder._run("Thing", ["sh", "-c", f"echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 60"])
        os._exit(0)
    while not pid_file.exists():
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    command = pathlib.Path("/proc", pid_file.read_text().strip(), "stat")
    for _attempt in range(200):
        # Where nobody reaps orphans, a killed one stays as a zombie.
        if not command.exists() or command.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.01)
    else:
        pytest.fail("the command outlived the module")


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
    item = artifacts.Planned(dataclasses.replace(STEP, inputs=("input",)), "0123456789ab")
    builder._digests = {"input": build.digest_of(str(path))}
    make(builder, lambda *arguments: (good(*arguments), path.write_text("2")))
    with pytest.raises(build.BuildError, match="changed meanwhile; run it again"):
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
    with pytest.raises(build.BuildError, match=r"^Thing 1 was not built: this needs root; run it with become\.$"):
        builder.build(item)


def test_without_its_tools(builder):
    item = artifacts.Planned(dataclasses.replace(STEP, tools=("no-such-tool", "sh")), "0123456789ab")
    with pytest.raises(
        build.BuildError, match="Thing 1 cannot be built: no-such-tool not found; install it with apt-get"
    ):
        builder.build(item)


def test_a_full_disk_is_a_sentence(builder, item):
    def full(item, work, result):
        raise OSError(28, "No space left on device", result)

    make(builder, full)
    with pytest.raises(build.BuildError, match="Thing 1 was not built: the disk is full .*; free some space"):
        builder.build(item)


def test_tools_are_counted_up_in_words():
    assert build.lacking_tools("It", ["a", "b", "c"]).startswith(
        "It cannot be built: a, b and c not found; install them"
    )


# -- deleting


def test_remove_takes_files_trees_and_links_but_not_their_targets(tmp_path):
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    build.remove(str(tmp_path / "tree"))
    build.remove(str(tmp_path / "tree"))
    assert os.listdir(tmp_path) == ["kept"]


def test_remove_stops_at_a_mount(tmp_path, monkeypatch):
    tree = tmp_path / "tree"
    tree.mkdir()
    mounts = f"1 2 0:1 / / rw - ext4 d rw\n3 1 0:2 / {tree}/dev rw - devtmpfs d rw\n"
    monkeypatch.setattr(build, "open", lambda *a, **k: io.StringIO(mounts), raising=False)
    with pytest.raises(build.BuildError, match="dev is mounted there"):
        build.remove(str(tree))
    assert tree.exists()


@pytest.mark.parametrize(("kind", "driver"), [("ext4", "overlay"), ("overlay", "vfs"), ("tmpfs", "vfs")])
def test_storage_driver(monkeypatch, kind, driver):
    monkeypatch.setattr(build.machine, "file_system", lambda folder: kind)
    assert build.storage_driver("/data/tmp") == driver


# -- file systems


def test_finish_rootfs_makes_what_the_scripts_would(tmp_path):
    root = tmp_path / "root"
    (root / "usr/sbin").mkdir(parents=True)
    for action in ("", "-save", "-restore"):
        (root / f"usr/sbin/ip6tables-nft{action}").symlink_to("xtables-nft-multi")
    (root / "usr/share/doc/x").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc/hostname").write_text("builder")
    (root / "etc/resolv.conf").write_text("nameserver 192.0.2.1")
    certificates = root / "usr/share/ca-certificates/mozilla"
    certificates.mkdir(parents=True)
    (certificates / "b.crt").write_text("B")
    (certificates / "a.crt").write_text("A\n")
    recipe = {"drop": ["usr/share/doc"], "users": {"root": 0, "app": 1000}, "iptables": "nft"}
    build.Builder._finish_rootfs(str(root), recipe)
    build.Builder._finish_rootfs(str(root), recipe)
    assert os.readlink(root / "usr/sbin/ip6tables-restore") == "ip6tables-nft-restore"
    assert not os.path.lexists(root / "usr/sbin/iptables")  # not among the packages
    assert (root / "etc/ssl/certs/ca-certificates.crt").read_text() == "A\nB\n"
    assert (root / "etc/resolv.conf").read_text() == ""
    assert not (root / "etc/hostname").exists()
    assert not (root / "usr/share/doc").exists()
    assert "app:x:1000:1000:" in (root / "etc/passwd").read_text()
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777


# -- images


def docker_archive(path, layers, config=None):
    """What buildah pushes."""
    members = {}
    digests = []
    for content in layers:
        digest = hashlib.sha256(content).hexdigest()
        digests.append(digest)
        members[f"{digest}.tar"] = content
    text = json.dumps({**(config or {}), "rootfs": {"diff_ids": [f"sha256:{digest}" for digest in digests]}}).encode()
    members["config.json"] = text
    manifest = [{"Config": "config.json", "RepoTags": [], "Layers": [f"{digest}.tar" for digest in digests]}]
    members["manifest.json"] = json.dumps(manifest).encode()
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def blob(layout, digest):
    return layout / "blobs" / digest.replace(":", "/")


def test_oci_layout_is_consistent(tmp_path):
    docker_archive(tmp_path / "a.tar", [b"base", b"top", b"top"], {"os": "linux"})
    build.oci_layout(str(tmp_path / "a.tar"), str(tmp_path / "a"))
    (descriptor,) = json.loads((tmp_path / "a/index.json").read_text())["manifests"]
    manifest = json.loads(blob(tmp_path / "a", descriptor["digest"]).read_text())
    assert json.loads(blob(tmp_path / "a", manifest["config"]["digest"]).read_text())["os"] == "linux"
    assert len(manifest["layers"]) == 3
    for part in (descriptor, manifest["config"], *manifest["layers"]):
        content = blob(tmp_path / "a", part["digest"]).read_bytes()
        assert part["digest"] == "sha256:" + hashlib.sha256(content).hexdigest()
        assert part["size"] == len(content)


def test_layers_of_the_base_are_kept_once(tmp_path):
    docker_archive(tmp_path / "base.tar", [b"base"])
    docker_archive(tmp_path / "top.tar", [b"base", b"top"])
    build.oci_layout(str(tmp_path / "base.tar"), str(tmp_path / "base"))
    build.oci_layout(str(tmp_path / "top.tar"), str(tmp_path / "top"), str(tmp_path / "base"))
    shared = "sha256:" + hashlib.sha256(b"base").hexdigest()
    assert blob(tmp_path / "base", shared).samefile(blob(tmp_path / "top", shared))


def test_bundle_holds_each_blob_once_and_every_reference(tmp_path):
    docker_archive(tmp_path / "base.tar", [b"base"])
    docker_archive(tmp_path / "top.tar", [b"base", b"top"])
    layouts = {}
    for name, refs in {"base": ["r/base:1"], "top": ["r/top:1", "r/also:1"]}.items():
        build.oci_layout(str(tmp_path / f"{name}.tar"), str(tmp_path / name))
        layouts[str(tmp_path / name)] = refs
    build.bundle(layouts, str(tmp_path / "all.tar"))
    with tarfile.open(tmp_path / "all.tar") as tar:
        names = tar.getnames()
        index = json.load(tar.extractfile("index.json"))
    assert len(names) == len(set(names))
    assert sum(name.startswith("blobs/") for name in names) == 6  # two layers, two configs, two manifests
    assert [entry["annotations"]["io.containerd.image.name"] for entry in index["manifests"]] == [
        "r/base:1",
        "r/top:1",
        "r/also:1",
    ]
    assert index["manifests"][1]["digest"] == index["manifests"][2]["digest"]
    assert not (tmp_path / "all.tar.parts").exists()


# -- the whole


@pytest.fixture
def envoy(builder, monkeypatch, tmp_path):
    (tmp_path / "files" / "requirements-envoy.txt").write_text("envoy")

    def wheel(self, title, requirements, target):
        os.makedirs(os.path.join(target, "envoy", "_bin"))
        with open(os.path.join(target, "envoy", "_bin", "envoy"), "w", encoding="utf-8") as stream:
            stream.write("#!/bin/sh\n")

    monkeypatch.setattr(build.Builder, "_pip", wheel)
    return {"cache": builder.cache, "source": builder.source, "bookinfo": builder.bookinfo, "only": ["envoy"]}


def test_build_steps(envoy):
    def states():
        return [step["state"] for step in build.build_steps(**envoy, dry=True)["steps"]]

    assert states() == ["missing"]
    assert not os.path.exists(envoy["cache"])
    first = build.build_steps(**envoy, dry=False)
    assert [step["state"] for step in first["steps"]] == ["built"]
    assert states() == ["cached"]
    path = first["artifacts"]["bin"]["envoy"]
    assert os.access(os.path.join(path, "envoy"), os.X_OK)


JAR = b"what the repository serves"


@pytest.fixture
def maven(builder, monkeypatch):
    """A Maven that serves JAR, and a step that wants it."""
    commands = []

    def run(self, title, command, cwd=None, environment=None):
        commands.append(command)
        (folder,) = [part.partition("=")[2] for part in command if part.startswith("-DoutputDirectory=")]
        os.makedirs(folder)
        with open(os.path.join(folder, "tool-1.0.jar"), "wb") as stream:
            stream.write(JAR)
        return ""

    def step(digest):
        recipe = {"plugin": "p:1", "artifact": "org.example:tool:1.0:jar", "sha256": digest, "file": "tool.jar"}
        return artifacts.Planned(artifacts.Step("tool", "Tool: fetching it", "maven", "bin/tool-{key}", recipe), "1")

    monkeypatch.setattr(build.Builder, "_run", run)
    return builder, step, commands


def test_maven_fetches_one_file(maven, tmp_path):
    builder, step, commands = maven
    builder._maven(step(hashlib.sha256(JAR).hexdigest()), str(tmp_path), str(tmp_path / "result"))
    assert (tmp_path / "result" / "tool.jar").read_bytes() == JAR
    assert commands[0][0] == "mvn"
    assert "-Dartifact=org.example:tool:1.0:jar" in commands[0]


def test_maven_refuses_another_file(maven, tmp_path):
    builder, step, _commands = maven
    with pytest.raises(build.BuildError, match="Tool was not built: tool-1.0.jar .* not the one that is pinned"):
        builder._maven(step("0" * 64), str(tmp_path), str(tmp_path / "result"))
    assert not (tmp_path / "result").exists()


def test_lacking_tools_are_told_before_the_first_step(envoy, monkeypatch):
    monkeypatch.setattr(build.Builder, "missing_tools", lambda self, steps: ["buildah"])
    assert build.build_steps(**envoy, dry=True)["lacking"] == ["buildah"]
    with pytest.raises(build.BuildError, match="cannot be built: buildah not found"):
        build.build_steps(**envoy, dry=False)
