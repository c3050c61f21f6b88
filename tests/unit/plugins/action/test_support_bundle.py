# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible.release import __version__
from ansible_collections.mesh.workshop.plugins.action import support_bundle as subject
from ansible_collections.mesh.workshop.plugins.plugin_utils._modules import PlainAction


def versions(monkeypatch: pytest.MonkeyPatch, collection: Path, **arguments: t.Any) -> dict[str, str]:
    monkeypatch.setattr(subject, "COLLECTION", collection)
    monkeypatch.setattr(PlainAction, "run_module", lambda _self, arguments, task_vars, module: arguments)
    action = object.__new__(subject.ActionModule)
    found: dict[str, str] = action.run_module(arguments, {})["versions"]
    return found


def test_the_module_is_told_the_versions_of_what_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert versions(monkeypatch, tmp_path) == {"mesh.workshop": "a work tree", "ansible-core": __version__}
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"collection_info": {"version": "1.2.3"}}))
    found = versions(monkeypatch, tmp_path, versions={"Debian": "12"})
    assert found == {"mesh.workshop": "1.2.3", "ansible-core": __version__, "Debian": "12"}
