# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.host import files
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError

MOUNTINFO = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:5 / /d/dev rw - overlay overlay rw
31 30 0:6 / /d/dev/a\\040b/c rw - tmpfs tmpfs rw
32 22 0:7 / /d/device rw - tmpfs tmpfs rw
"""


def test_mounts_below_are_the_innermost_first() -> None:
    assert files.mounts_below(MOUNTINFO, Path("/d/dev")) == ["/d/dev/a b/c", "/d/dev"]
    assert files.mounts_below(MOUNTINFO, Path("/elsewhere")) == []


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/data/tmp", "ext4"),
        ("/other", "overlay"),
        ("/data/shm/x/not/yet", "tmpfs"),
        ("/", "overlay"),
        ("/a b/c", "xfs"),
        ("/twice", "xfs"),
    ],
)
def test_the_file_system_that_a_folder_is_or_would_be_on(tmp_path: Path, folder: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 0:1 / / rw - overlay o rw\n"
        "2 1 8:1 / /data rw shared:1 - ext4 /dev/x rw\n"
        "3 2 0:3 / /data/shm rw - tmpfs t rw\n"
        "4 1 8:2 / /a\\040b rw - xfs /dev/y rw\n"
        "5 1 8:2 / /twice rw - ext4 /dev/y rw\n"
        "6 5 8:2 / /twice rw - xfs /dev/y rw\n"
    )
    assert files.file_system(folder, str(mounts)) == kind


def test_a_file_is_written_with_its_mode_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "file"
    files.write(path, "one", 0o600)
    files.write(path, "two", 0o600)
    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_leftover_of_an_interrupted_write_is_in_nobodys_way(tmp_path: Path) -> None:
    secret = tmp_path / "other"
    secret.write_text("keep")
    (tmp_path / ".file.new").symlink_to(secret)
    files.write(tmp_path / "file", "text", 0o600)
    assert secret.read_text() == "keep"


def test_reading_what_is_not_there(tmp_path: Path) -> None:
    assert files.read(tmp_path / "none") is None


def test_a_tree_is_removed_once(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "a").mkdir(parents=True)
    assert files.remove_tree(tree) is True
    assert files.remove_tree(tree) is False


def test_entries_of_a_directory_go_and_the_rest_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    (tmp_path / "kept").mkdir()
    (tmp_path / "a-1" / "deep").mkdir(parents=True)
    (tmp_path / "a-2").symlink_to(tmp_path / "kept")
    files.remove_entries(tmp_path, ["a-[0-9]", "none"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "mine"]


def test_an_entry_with_a_mount_in_it_stays_with_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "disk").mkdir(parents=True)
    mounted = tmp_path / "b" / "disk"
    monkeypatch.setattr(files, "mounts_below", lambda _text, entry: [str(mounted)] if entry in mounted.parents else [])
    with pytest.raises(EmbeddedError, match="disk is mounted there: unmount it"):
        files.remove_entries(tmp_path, ["a", "b"])
    assert (tmp_path / "a" / "disk").is_dir()
    assert mounted.is_dir()


def test_a_lock_whose_file_was_removed_keeps_others_out_again(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    waiting = threading.Event()
    inside: list[str] = []

    def second() -> None:
        waiting.set()
        with files.lock(path):
            inside.append("second")
            assert path.exists()

    with files.lock(path):
        thread = threading.Thread(target=second)
        thread.start()
        waiting.wait(5)
        inside.append("first")
        path.unlink()
    thread.join(5)
    assert inside == ["first", "second"]
