# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError, Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import settings as subject


def settings_in(tmp_path: Path, name: str = "units") -> subject.Settings:
    return subject.Settings(Layout(name, data_root=tmp_path / "data", run_root=tmp_path / "run"))


def test_changes_are_added_to_what_is_remembered(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert settings.load() == {}
    assert settings.subnet == ""
    settings.save(subnet="172.30.4.0/24")
    settings.save(kubeconfig="/k")
    assert settings.load() == {"subnet": "172.30.4.0/24", "kubeconfig": "/k"}
    assert settings.veth.node_address == "172.30.4.2"


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_settings_file_counts_as_none(tmp_path: Path, text: str) -> None:
    settings = settings_in(tmp_path)
    settings.save(subnet="172.30.4.0/24")
    (tmp_path / "data" / "units" / "cluster.json").write_text(text)
    assert settings.load() == {}


def test_clusters_choose_different_subnets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject.interfaces, "addresses", list)
    monkeypatch.setattr(subject.interfaces, "routes", list)
    first, second = settings_in(tmp_path), settings_in(tmp_path, "second")
    first.choose_subnet("")
    second.choose_subnet("")
    assert (first.subnet, second.subnet) == ("172.30.0.0/24", "172.30.1.0/24")
    first.choose_subnet("")
    assert first.subnet == "172.30.0.0/24"
    with pytest.raises(EmbeddedError, match="taken by cluster second"):
        settings_in(tmp_path, "third").choose_subnet("172.30.1.0/24")


def test_under_a_strict_umask_users_reach_the_cluster_and_not_its_data(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        settings_in(tmp_path).save(subnet="172.30.4.0/24")
    finally:
        os.umask(before)
    data = tmp_path / "data"
    for folder in (data, data / "units"):
        assert folder.stat().st_mode & 0o777 == 0o755, folder
    assert (data / "units" / "volumes").stat().st_mode & 0o777 == 0o700
