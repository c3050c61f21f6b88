# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube.objects import (
    Ref,
    first_few,
    home_of,
    key_of,
    labels_of,
    matches,
    name_of,
    ref_of,
    spec_of,
    subject_of,
)

DOC = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "shop"}}


def test_what_a_document_is_about() -> None:
    ref = ref_of(DOC)
    assert ref == Ref("apps/v1", "Deployment", "shop", "a")
    assert (ref.group, str(ref)) == ("apps", "Deployment shop/a")
    assert str(Ref("v1", "Namespace", "", "shop")) == "Namespace shop"
    assert Ref("v1", "Namespace", "", "shop").group == ""


def test_two_versions_of_an_object_are_the_same() -> None:
    assert ref_of({**DOC, "apiVersion": "apps/v2"}).identity == ref_of(DOC).identity
    assert ref_of({**DOC, "apiVersion": "other/v1"}).identity != ref_of(DOC).identity


@pytest.mark.parametrize("doc", [{}, {"metadata": None}, {"metadata": {"name": None}}])
def test_what_is_missing_is_empty(doc: dict[str, object]) -> None:
    assert key_of(doc) == ("", "")
    assert ref_of(doc) == Ref("", "", "", "")
    assert (name_of(doc), home_of(doc), labels_of(doc), spec_of(doc)) == ("", "", {}, {})


def test_what_an_object_says_of_itself() -> None:
    labels = {"app": "reviews", "version": "v1"}
    pod = {"metadata": {"name": "a", "namespace": "shop", "labels": labels}, "spec": {"nodeName": "n"}}
    assert (name_of(pod), home_of(pod), labels_of(pod), spec_of(pod)) == ("a", "shop", labels, {"nodeName": "n"})


@pytest.mark.parametrize(
    ("selector", "fits"),
    [({}, True), ({"app": "reviews"}, True), ({"app": "reviews", "version": "v2"}, False), ({"tier": "a"}, False)],
)
def test_a_selector_wants_all_its_labels(selector: dict[str, str], fits: bool) -> None:
    assert matches(selector, {"app": "reviews", "version": "v1"}) is fits


def test_subjects_of_messages() -> None:
    assert subject_of("Pod", "a", "shop") == "Pod shop/a"
    assert subject_of("Node", "a") == "Node a"
    assert subject_of("Pod", None, "shop") == "Pod in shop"
    assert subject_of("Pod", None) == "Pod"


def test_of_many_names_the_first_few_are_said() -> None:
    assert [first_few(names, 2) for names in ((), ("a",), ("a", "b"), ("a", "b", "c", "d"))] == [
        "",
        "a",
        "a, b",
        "a, b and 2 more",
    ]
