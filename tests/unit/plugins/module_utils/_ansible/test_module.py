# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of apply and of the resource modules mean."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.module import (
    prune_selector,
    read_documents,
    resource_document,
    texts,
)
from ansible_collections.mesh.workshop.plugins.module_utils._apply import DocumentError
from ansible_collections.mesh.workshop.plugins.module_utils._kube.labels import ATTENDEE, LAB


@pytest.mark.parametrize(
    ("lab", "attendee", "selector"),
    [
        ("tls", "ada", {ATTENDEE: "ada", LAB: None}),
        (None, "ada", {ATTENDEE: "ada"}),
        ("tls", None, {LAB: "tls"}),
        (None, None, {}),
    ],
)
def test_what_is_pruned(lab: str | None, attendee: str | None, selector: dict[str, str | None]) -> None:
    assert prune_selector(lab, attendee) == selector


def test_labels_are_texts() -> None:
    assert texts({"a": 1, "b": True, "c": "x"}) == {"a": "1", "b": "True", "c": "x"}
    assert texts(None) == {}


@pytest.mark.parametrize(
    ("given", "document"),
    [
        ({"spec": {"x": 1}}, {"metadata": {"name": "a"}, "spec": {"x": 1}}),
        ({"spec": {}, "namespace": "b"}, {"metadata": {"name": "a", "namespace": "b"}, "spec": {}}),
        ({"state": "absent", "spec": {"x": 1}}, {"metadata": {"name": "a"}}),
        (
            {"labels": {"v": 1}, "annotations": {}, "spec": {}},
            {"metadata": {"name": "a", "labels": {"v": "1"}}, "spec": {}},
        ),
    ],
)
def test_the_document_of_a_resource_module(given: dict[str, t.Any], document: dict[str, t.Any]) -> None:
    params = {
        "name": "a",
        "namespace": None,
        "labels": None,
        "annotations": None,
        "state": "present",
        "spec": None,
        **given,
    }
    assert resource_document("v1", "X", params) == {"apiVersion": "v1", "kind": "X", **document}


def test_documents_come_from_definitions_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("a: 1\n")
    assert read_documents({"definitions": "a: 1"}) == read_documents({"src": str(path)}) == [{"a": 1}]


def test_an_empty_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("# nothing\n")
    with pytest.raises(DocumentError, match=r"there is no document in .*a\.yml"):
        read_documents({"src": str(path)})


def test_a_template_is_for_the_action_to_render() -> None:
    with pytest.raises(DocumentError, match="rendered by the action plugin"):
        read_documents({"template": "a.j2"})
