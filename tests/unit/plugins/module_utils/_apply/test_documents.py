# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply import (
    DocumentError,
    parse_all,
    read_source,
)
from ansible_collections.mesh.workshop.plugins.module_utils._apply.documents import (
    check_document,
    checked,
    clean,
    find_duplicate,
    flatten,
)

Json = dict[str, t.Any]


def test_a_list_is_its_items() -> None:
    item = {"kind": "ConfigMap"}
    assert list(flatten([{"kind": "List", "items": [item, {"kind": "PodList", "items": [item]}]}])) == [item, item]


def test_errors_in_files_name_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("a: 1\nb: [\n")
    with pytest.raises(DocumentError, match=r"bad\.yaml is not valid YAML at line 3, column 1"):
        parse_all([read_source(str(path))])


def test_definitions_of_any_form() -> None:
    assert parse_all({"a": 1}) == [{"a": 1}]
    assert parse_all("a: 1") == [{"a": 1}]
    assert parse_all(["a: 1\n---\nb: 2", {"c": 3}, [{"d": 4}], None]) == [{"a": 1}, {"b": 2}, {"c": 3}, {"d": 4}]


@pytest.mark.parametrize("definitions", ["", "# nothing\n", ["---\n", "# Source: lab.yml\n\n"]])
def test_texts_without_a_document_are_refused(definitions: t.Any) -> None:
    with pytest.raises(DocumentError, match="there is no document in the definitions"):
        parse_all(definitions)


def test_an_empty_file_beside_others_is_none_to_refuse() -> None:
    assert parse_all(["# Source: a.yml\n", "# Source: b.yml\na: 1\n"]) == [{"a": 1}]


def test_an_empty_file_is_named() -> None:
    with pytest.raises(DocumentError, match=r"there is no document in labs/a\.yml; correct the path"):
        parse_all("# Source: labs/a.yml\n---\n")


def test_an_empty_list_of_definitions_is_nothing_to_do() -> None:
    assert parse_all([]) == []


def test_lists_of_definitions_that_contain_themselves_are_refused() -> None:
    definitions: list[t.Any] = []
    definitions.append(definitions)
    with pytest.raises(DocumentError, match="contain themselves; flatten them"):
        parse_all(definitions)


@pytest.mark.parametrize(
    ("doc", "message"),
    [
        ({"kind": "List", "metadata": {}}, "a document of kind List has no items; give it a list of documents."),
        ({"kind": "PodList"}, "a document of kind PodList has no items; give it a list of documents."),
        ({"kind": "List", "items": {}}, "a document of kind List has an object as items"),
        ({"kind": "PodList", "items": "pods"}, "a document of kind PodList has a string as items"),
        (["x"], "a document is a list; it must be an object with apiVersion and kind."),
        (None, "a document is null; it must be"),
        (7, "a document is a number; it must be"),
    ],
)
def test_what_is_no_document(doc: t.Any, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        list(flatten([doc]))


def test_an_empty_list_holds_nothing_and_a_kind_may_be_called_a_list() -> None:
    allow = {"kind": "AllowList", "metadata": {"name": "friends"}}
    empty = {"apiVersion": "v1", "kind": "List"}
    assert list(flatten([{**empty, "items": []}, {**empty, "items": None}, allow])) == [allow]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metadata": ["x"]}, "document 3 (Secret): metadata is a list; it must be an object."),
        (
            {"metadata": {"name": 7}},
            "document 3 (Secret): metadata.name is a number; it must be a string, so quote it.",
        ),
        ({"metadata": {"name": "a", "namespace": True}}, "document 3 (Secret): metadata.namespace is a boolean; "),
        ({"metadata": {"name": "a", "labels": "x=y"}}, "document 3 (Secret): metadata.labels is a string; "),
        ({"metadata": {"name": "a", "annotations": []}}, "document 3 (Secret): metadata.annotations is a list; "),
        ({"kind": ["Secret"]}, "document 3: kind is a list; it must be a string."),
        ({"apiVersion": 1}, "document 3 (Secret): apiVersion is a number; it must be a string."),
        ({"stringData": ["x"]}, "document 3 (Secret): stringData is a list; it must be an object."),
        ({"data": "x"}, "document 3 (Secret): data is a string; it must be an object."),
        ({"metadata": {"name": "größe"}}, "Secret: 'größe' is not a valid name; "),
        ({"metadata": None}, "document 3 (Secret) has no metadata; give it metadata.name."),
        ({"metadata": {"name": "a", "labels": {"x": ["y"]}}}, "Secret a: metadata.labels.x is ['y']; quote it, "),
    ],
)
def test_a_document_of_the_wrong_form_is_refused_by_name(changes: Json, message: str) -> None:
    doc: Json = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, **changes}
    with pytest.raises(DocumentError, match=f"^{re.escape(message)}"):
        check_document(doc, 3)


@pytest.mark.parametrize("spec", [["x"], {"group": "x", "names": "y"}])
def test_a_definition_of_a_kind_of_the_wrong_form_is_refused(spec: t.Any) -> None:
    doc = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a.b"}}
    with pytest.raises(DocumentError, match=r"document 1 \(CustomResourceDefinition\): spec"):
        check_document({**doc, "spec": spec}, 1)


def test_the_same_object_in_another_version_is_a_duplicate() -> None:
    one = {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "a", "namespace": "b"}}
    other = {**one, "apiVersion": "networking.istio.io/v1alpha3"}
    assert find_duplicate([one]) is None
    assert str(find_duplicate([one, other])) == "Gateway b/a"


def test_what_only_the_server_sets_is_not_sent() -> None:
    meta = {"name": "a", "uid": "1", "resourceVersion": "2", "managedFields": [], "creationTimestamp": None}
    assert clean({"kind": "ConfigMap", "metadata": {**meta, "labels": {"x": "y"}}, "status": {}}) == {
        "kind": "ConfigMap",
        "metadata": {"name": "a", "labels": {"x": "y"}},
    }


def test_string_data_is_sent_as_data() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "eA=="}}
    sent = clean({**secret, "stringData": {"b": "y", "a": "z"}})
    assert sent["data"] == {"a": base64.b64encode(b"z").decode(), "b": base64.b64encode(b"y").decode()}
    assert "stringData" not in sent


@pytest.mark.parametrize(
    ("kind", "spec", "fault"),
    [
        ("Gateway", {"servers": {"a": 1}}, "Gateway a: spec.servers is an object; it must be a list."),
        ("Gateway", {"servers": [None]}, "Gateway a: spec.servers[0] is null; it must be an object."),
        ("Gateway", {"servers": [{"hosts": "x"}]}, "Gateway a: spec.servers[0].hosts is a string; it must be a list."),
        ("VirtualService", {"hosts": 5}, "VirtualService a: spec.hosts is a number; it must be a list."),
        (
            "Sidecar",
            {"workloadSelector": {"labels": ["a"]}},
            "Sidecar a: spec.workloadSelector.labels is a list;",
        ),
        ("Telemetry", {"selector": ["q"]}, "Telemetry a: spec.selector is a list; it must be an object."),
    ],
)
def test_a_list_where_an_object_belongs_is_named_by_its_place(kind: str, spec: t.Any, fault: str) -> None:
    document = {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    with pytest.raises(DocumentError) as caught:
        checked([document], "desired")
    assert str(caught.value).startswith(f"desired: {fault}")


@pytest.mark.parametrize("spec", [None, {}, {"servers": None, "selector": {"matchLabels": "a label of that name"}}])
def test_what_is_not_set_is_no_fault(spec: t.Any) -> None:
    document = {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "a"}, "spec": spec}
    assert checked([document], "desired") == [document]
