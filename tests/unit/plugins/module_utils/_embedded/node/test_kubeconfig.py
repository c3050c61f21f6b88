# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError, Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import kubeconfig
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.desired import Request
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.settings import Settings


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ADMIN = f"""apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {encoded("authority")}
    server: https://172.30.0.2:6443
  name: dev
users:
- name: kubernetes-admin
  user:
    client-certificate-data: {encoded("certificate")}
    client-key-data: {encoded("key")}
"""


def test_user_kubeconfig_is_under_the_clusters_own_names() -> None:
    text = kubeconfig.user_kubeconfig(ADMIN, "dev", "https://172.30.0.2:6443")
    assert "current-context: dev\n" in text
    assert "tls-server-name: kubernetes\n" in text
    assert f"client-key-data: {encoded('key')}\n" in text
    assert "kubernetes-admin" not in text
    assert kubeconfig.credentials(text) == kubeconfig.Credentials(b"authority", b"certificate", b"key")


@pytest.mark.parametrize("admin", ["", "certificate-authority-data: x", ADMIN.replace(encoded("key"), "***")])
def test_an_incomplete_administrators_file_is_named(admin: str) -> None:
    with pytest.raises(EmbeddedError, match="incomplete"):
        kubeconfig.credentials(admin)


def written(tmp_path: Path, **options: t.Any) -> kubeconfig.KubeconfigFile:
    """The file of a configured cluster."""
    layout = Layout("units", data_root=tmp_path / "data", run_root=tmp_path / "run", cache=tmp_path / "cache")
    settings = Settings(layout)
    settings.save(subnet="172.30.4.0/24")
    layout.admin_kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    layout.admin_kubeconfig.write_text(ADMIN)
    return kubeconfig.KubeconfigFile(layout, Request(artifacts={}, **options), settings)


def test_the_file_is_written_for_its_owner_and_remembered(tmp_path: Path) -> None:
    path = tmp_path / "home" / "config"
    file = written(tmp_path, kubeconfig=str(path))
    assert not file.is_written()
    file.write()
    assert file.is_written()
    assert "server: https://172.30.4.2:6443\n" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert written(tmp_path).own() == [path]
    path.chmod(0o644)
    assert not file.is_written()


def test_none_is_written_where_none_is_wanted(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write()
    assert file.is_written()
    assert file.own() == []


def test_a_kubeconfig_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "config"
    mine.write_text("current-context: production\n")
    file = written(tmp_path, kubeconfig=str(mine))
    settings = tmp_path / "data" / "units" / "cluster.json"
    settings.write_text(json.dumps({"subnet": "172.30.4.0/24", "kubeconfig": str(mine)}))
    with pytest.raises(EmbeddedError, match="is not the kubeconfig of cluster units"):
        file.write()
    assert file.own() == []
    assert mine.read_text() == "current-context: production\n"
