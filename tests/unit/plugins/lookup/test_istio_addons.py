# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible_collections.mesh.workshop.plugins.lookup import istio_addons
from ansible_collections.mesh.workshop.plugins.plugin_utils import _addons


def looked_up(folder: Path) -> list[t.Any]:
    plugin = istio_addons.LookupModule()
    plugin.set_options = lambda **_given: None
    plugin.get_option = {"namespace": "home", "prometheus": "http://prometheus:9090"}.__getitem__
    return list(plugin.run([str(folder)]))


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)


def test_the_documents_of_both_files_are_adapted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_addons, "CHANGES", {})
    documents = [{"kind": "Service", "metadata": {"name": name}} for name in ("kiali", "grafana")]
    write(tmp_path, kiali=f"---\n{yaml.safe_dump(documents[0])}...\n---\n", grafana=yaml.safe_dump(documents[1]))
    assert looked_up(tmp_path) == [{**one, "metadata": {**one["metadata"], "namespace": "home"}} for one in documents]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"kiali": "{}"}, "grafana.yaml cannot be read"),
        ({"kiali": "a: [", "grafana": ""}, "kiali.yaml cannot be read as YAML"),
        ({"kiali": "", "grafana": ""}, "have no ClusterRole kiali any more"),
    ],
)
def test_what_is_no_sample_is_told(tmp_path: Path, files: dict[str, str], said: str) -> None:
    write(tmp_path, **files)
    with pytest.raises(AnsibleError, match=said):
        looked_up(tmp_path)
