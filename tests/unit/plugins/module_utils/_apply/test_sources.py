# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply.sources import (
    DocumentError,
    list_sources,
    read_source,
)


def test_sources(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.json", "note.txt"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d.yaml").write_text("{}")
    names = [path.removeprefix(f"{tmp_path}/") for path in list_sources(str(tmp_path))]
    assert names == ["a.yml", "b.yaml", "c.json"]
    assert list_sources(f"{tmp_path}/b.yaml") == [f"{tmp_path}/b.yaml"]
    assert list_sources(f"{tmp_path}/**/*.yaml") == [f"{tmp_path}/b.yaml", f"{tmp_path}/sub/d.yaml"]


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="holds no .yaml, .yml or .json file"):
        list_sources(str(tmp_path))
    with pytest.raises(DocumentError, match="nothing is found at"):
        list_sources(f"{tmp_path}/*.yaml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DocumentError, match="it is not UTF-8 text"):
        read_source(str(path))


@pytest.mark.parametrize("src", ["a\0b", "a\0b/*.yaml", "/tmp/[\0]"])
def test_a_path_that_cannot_be_is_named(src: str) -> None:
    with pytest.raises(DocumentError, match="has a character that no path can have; correct src"):
        list_sources(src)


def test_a_directory_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: str) -> list[str]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.listdir", refused)
    with pytest.raises(DocumentError, match="cannot be read .Permission denied.; correct its rights or src"):
        list_sources(str(tmp_path))
