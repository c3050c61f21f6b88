# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's own catalogue and baseline."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import LabError, lab_names, own, parse_lab
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.own import own_baseline, own_catalogue


def namespace(**annotations: str) -> dict[str, t.Any]:
    return {"metadata": {"name": "bookinfo", "annotations": annotations}}


def test_the_own_catalogue_holds_the_labs() -> None:
    assert {"request_routing", "tls"} <= set(lab_names(own_catalogue()))


def test_a_module_without_the_collection_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "__file__", "/nowhere/a/b/c/d.py")
    with pytest.raises(LabError, match="give catalogue and baseline"):
        own_catalogue()


def test_the_own_baseline_is_for_the_host_that_setup_has_noted() -> None:
    baseline = parse_lab("baseline", own_baseline(namespace(**{"mesh.workshop/host": "books.example"}))).stages[0]
    hosts = [
        server["hosts"] for one in baseline.resources if one["kind"] == "Gateway" for server in one["spec"]["servers"]
    ]
    assert hosts == [["books.example"]]
    assert any(check["request"]["url"].startswith("http://books.example/") for check in baseline.checks)


@pytest.mark.parametrize("home", [namespace(), {"metadata": {"name": "bookinfo", "annotations": None}}])
def test_without_a_host_there_is_no_baseline(home: dict[str, t.Any]) -> None:
    with pytest.raises(LabError, match="Namespace bookinfo has no annotation mesh.workshop/host"):
        own_baseline(home)


def test_the_catalogue_is_where_the_role_has_it() -> None:
    assert Path(own_catalogue()).parts[-3:] == ("roles", "lab", "catalogue")
