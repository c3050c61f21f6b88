# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import (
    Refused,
    Target,
    changed_targets,
    check_places,
    read_sources,
    write,
)
from ansible_collections.mesh.workshop.plugins.module_utils._migrate.reader import MAX_FILE


def places(src: Path, dest: Path) -> str:
    """Why these cannot be source and destination; empty if they can."""
    try:
        check_places([str(src)], str(dest))
    except Refused as why:
        return str(why)
    return ""


def test_source_and_destination_lie_apart(tmp_path: Path) -> None:
    src = tmp_path / "a"
    (src / "b").mkdir(parents=True)
    file = src / "x.yaml"
    file.write_text("")
    link = tmp_path / "link"
    link.symlink_to(src / "b")
    assert places(src, tmp_path / "new" / "deep") == places(src, tmp_path / "ab") == places(file, tmp_path) == ""
    assert "nothing at" in places(tmp_path / "c", tmp_path)
    assert "is a file" in places(src, file)
    assert "same directory" in places(src, src)
    assert "lies in src" in places(src, src / "new")
    assert "lies in src" in places(src, link)
    assert "lies in dest" in places(src / "b", src)
    assert "would be" in places(file, src)


def test_several_sources_keep_what_tells_them_apart(tmp_path: Path) -> None:
    for name in ("in/roles/a.yaml", "in/bindings/a.yaml", "in/b.yaml", "in/c.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    roles, bindings, file = (str(tmp_path / "in" / name) for name in ("roles", "bindings", "b.yaml"))
    assert [name for name, _data in read_sources(roles, bindings, file)] == [
        "roles/a.yaml",
        "bindings/a.yaml",
        "b.yaml",
    ]
    assert [name for name, _data in read_sources(roles, f"{roles}/a.yaml")] == ["a.yaml"]
    assert [name for name, _data in read_sources(file, str(tmp_path / "in" / "c.yaml"))] == ["b.yaml", "c.yaml"]
    check_places([roles, file], str(tmp_path / "in" / "new"))
    for sources, dest, reason in (
        ([roles, bindings], bindings, "same directory"),
        ([roles, file], str(tmp_path / "in"), "lies in dest"),
        ([file, f"{roles}/a.yaml"], str(tmp_path / "in"), "would be"),
        ([roles, f"{roles}/none"], str(tmp_path / "new"), "nothing at"),
        ([], str(tmp_path / "new"), "names nothing"),
    ):
        with pytest.raises(Refused, match=reason):
            check_places(sources, dest)


def test_files_beneath_a_directory_are_read_once(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for name in ("b/x.yaml", "a.yml", "a.json", "c.yaml.tmpl", "notes.txt", "migration-report.json"):
        (src / name).parent.mkdir(parents=True, exist_ok=True)
        (src / name).write_text(name)
    other = tmp_path / "other"
    other.mkdir()
    (other / "y.yaml").write_text("y")
    (src / "linked.yaml").symlink_to(other / "y.yaml")
    (src / "more").symlink_to(other)
    (src / "b" / "loop").symlink_to(src)
    (src / "again").symlink_to(src / "b")
    (other / "back").symlink_to(other)
    (other / "deep").symlink_to(other / "z")
    (other / "z").mkdir()
    (other / "z" / "z.yaml").write_text("z")
    found = read_sources(str(src))
    assert [name for name, data in found if isinstance(data, bytes)] == [
        *("a.json", "a.yml", "c.yaml.tmpl", "linked.yaml", "b/x.yaml", "more/y.yaml", "more/deep/z.yaml"),
    ]
    # A link that is not followed is told of.
    links = {name: str(data).partition(",")[0] for name, data in found if not isinstance(data, bytes)}
    assert links == {
        "again": "the link leads to b",
        "b/loop": "the link leads to src itself",
        "more/back": "the link leads to more",
        "more/z": "the link leads to more/deep",
    }
    assert read_sources(str(src / "notes.txt")) == [("notes.txt", b"notes.txt")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused, match=r"holds no \.yaml"):
        read_sources(str(tmp_path / "empty"))


def test_what_cannot_be_read_is_told_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.yaml")
    with (tmp_path / "large.yaml").open("wb") as handle:
        handle.truncate(MAX_FILE + 1)
    scandir = os.scandir

    def closed(path: str) -> t.Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    found = dict(read_sources(str(tmp_path)))
    assert {name: str(data).partition(";")[0] for name, data in found.items()} == {
        "closed": "it cannot be read (Permission denied)",
        "gone.yaml": "it leads to nothing: mend the link or leave it out.",
        "pipe.yaml": "it is not a regular file.",
        "large.yaml": "it has 16 MiB, more than 16",
    }


def test_nothing_is_overwritten_unless_forced(tmp_path: Path) -> None:
    same, other, new = (Target(str(tmp_path / name), b"now") for name in ("same", "other", "sub/new"))
    (tmp_path / "same").write_text("now")
    (tmp_path / "other").write_text("now, and more")
    with pytest.raises(Refused, match="other would be overwritten"):
        changed_targets([same, other, new], force=False)
    assert changed_targets([same, new], force=False) == [new]
    changed = changed_targets([same, other, new], force=True)
    assert changed == [other, new]
    write(changed)
    assert [(tmp_path / name).read_text() for name in ("same", "other", "sub/new")] == ["now"] * 3
    assert changed_targets([same, other, new], force=False) == []
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["new", "other", "same", "sub"]


def test_a_link_or_a_directory_in_the_way_is_never_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("keep")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "folder").mkdir()
    for name, reason in (("link", "is a link"), ("folder", "is a directory")):
        with pytest.raises(Refused, match=reason):
            changed_targets([Target(str(tmp_path / name), b"new")], force=True)
    assert (tmp_path / "target").read_text() == "keep"


def test_a_file_that_cannot_be_completed_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("before")

    def fail(_source: str, _target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        write([Target(str(tmp_path / "a"), b"after")])
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "before"
