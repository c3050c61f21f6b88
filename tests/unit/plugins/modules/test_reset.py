# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module from its arguments to its exit: what it takes away, and what it leaves alone."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.conftest import of_lab, room

Json = dict[str, t.Any]


@pytest.mark.parametrize("lab", ["", "tls"])
def test_what_lies_in_another_workshop_namespace_stays(run: t.Callable[..., Json], api: FakeApi, lab: str) -> None:
    api.put(room("second"))
    for place in ("bookinfo", "istio-system", "second"):
        api.put(of_lab("Secret", "credentials", place, lab="tls"))
    result = run("reset", lab=lab)
    assert not result.get("failed"), result
    assert api.find("Secret", "credentials", "second") is not None
    assert api.find("Secret", "credentials", "bookinfo") is None
    assert api.find("Secret", "credentials", "istio-system") is None


def test_labels_of_the_mesh_on_the_namespace_are_listed_and_go(run: t.Callable[..., Json], api: FakeApi) -> None:
    document = room("bookinfo")
    assert run("reset", bookinfo=[document])["changed"]
    assert not run("reset", bookinfo=[document])["changed"]
    live = api.find("Namespace", "bookinfo")
    assert live is not None
    live["metadata"]["labels"]["istio.io/rev"] = "x"
    api.put(live)
    before = api.versions()
    would = run("reset", check=True, bookinfo=[document])
    assert api.versions() == before
    assert would["changed"]
    assert would["listing"] == "would restore Namespace bookinfo (without istio.io/rev)"
    result = run("reset", bookinfo=[document])
    assert result["changed"]
    assert result["listing"] == "restored      Namespace bookinfo (without istio.io/rev)"
    live = api.find("Namespace", "bookinfo")
    assert live is not None
    assert "istio.io/rev" not in live["metadata"]["labels"]
    assert not run("reset", bookinfo=[document])["changed"]
