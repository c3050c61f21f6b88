# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import context, failures, files, steps


def test_digest_follows_names_contents_and_modes(tmp_path):
    (tmp_path / "a").write_text("1")
    first = files.digest_of(str(tmp_path))
    (tmp_path / "a").chmod(0o755)
    second = files.digest_of(str(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    third = files.digest_of(str(tmp_path))
    (tmp_path / "b").write_text("2")
    fourth = files.digest_of(str(tmp_path))
    assert len({first, second, third, fourth}) == 4


def test_digest_ignores_what_python_leaves(tmp_path):
    (tmp_path / "a.py").write_text("1")
    before = files.digest_of(str(tmp_path))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    (tmp_path / "b.pyc").write_text("x")
    assert files.digest_of(str(tmp_path)) == before


def test_remove_takes_files_trees_and_links_but_not_their_targets(tmp_path):
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    files.remove(str(tmp_path / "tree"))
    files.remove(str(tmp_path / "tree"))
    assert os.listdir(tmp_path) == ["kept"]


def test_remove_stops_at_a_mount(tmp_path, monkeypatch):
    tree = tmp_path / "tree"
    tree.mkdir()
    mounts = f"1 2 0:1 / / rw - ext4 d rw\n3 1 0:2 / {tree}/dev rw - devtmpfs d rw\n"
    (tmp_path / "mountinfo").write_text(mounts)
    monkeypatch.setattr(files, "MOUNTS", str(tmp_path / "mountinfo"))
    with pytest.raises(failures.BuildError, match="dev is mounted there"):
        files.remove(str(tree))
    assert tree.exists()


def test_a_build_context_holds_inputs_results_and_links(tmp_path):
    (tmp_path / "files" / "app").mkdir(parents=True)
    (tmp_path / "files" / "app" / "main.py").write_text("x")
    (tmp_path / "files" / "app" / "main.py").chmod(0o600)
    (tmp_path / "files" / "app" / "main.pyc").write_text("x")
    (tmp_path / "cache" / "bin-1").mkdir(parents=True)
    (tmp_path / "cache" / "bin-1" / "tool").write_text("tool")
    here = context.Context(str(tmp_path / "cache"), str(tmp_path / "files"), "/b")
    here.planned = {"bin": steps.Planned(steps.Step("bin", "Bin", "test", "bin-{key}", {}), "1")}
    recipe = {"context": {"app": "app", "usr/tool": "bin:tool"}, "links": {"usr/link": "tool"}}
    item = steps.Planned(steps.Step("image", "Image", "image", "image-{key}", recipe, inputs=("app",)), "2")
    files.lay_out(here, item, str(tmp_path / "out"))
    assert sorted(os.listdir(tmp_path / "out" / "app")) == ["main.py"]
    assert (tmp_path / "out" / "app" / "main.py").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "out" / "usr" / "link").read_text() == "tool"
    assert (tmp_path / "out" / "usr" / "tool").samefile(tmp_path / "cache" / "bin-1" / "tool")
