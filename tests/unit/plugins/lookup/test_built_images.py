# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleError
from ansible_collections.mesh.workshop.plugins.lookup import built_images


def looked_up(step: str, cache: str = "") -> list[t.Any]:
    plugin = built_images.LookupModule()
    plugin.set_options = lambda **_given: None
    plugin.get_option = {"cache": cache}.__getitem__
    return list(plugin.run([step]))


def test_steps_are_looked_up_in_the_cache_and_never_built(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, t.Any]] = []

    def build_steps(**given: t.Any) -> dict[str, t.Any]:
        asked.append(given)
        return {"artifacts": {"images": {"probe": {"ref": "a:1"}}}}

    monkeypatch.setattr(built_images, "build_steps", build_steps)
    assert looked_up("image_base") == looked_up("image_base", "/srv/cache") == [{"probe": {"ref": "a:1"}}]
    assert [(one["cache"], one["only"], one["dry"]) for one in asked] == [
        ("/var/cache/mesh-workshop", ["image_base"], True),
        ("/srv/cache", ["image_base"], True),
    ]


def test_an_unknown_step_is_told() -> None:
    with pytest.raises(AnsibleError, match="nonsense"):
        looked_up("nonsense")
