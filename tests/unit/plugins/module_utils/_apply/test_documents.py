# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply import (
    DocumentError,
    list_sources,
    parse_all,
    parse_yaml,
    read_source,
)
from ansible_collections.mesh.workshop.plugins.module_utils._apply.documents import clean, flatten


def test_yaml_is_read_as_kubernetes_reads_it() -> None:
    text = "date: 2020-01-01\nports: 9080:80\noctal: 0644\non: yes\nversion: 1.10\nbig: 10\n"
    assert parse_yaml(text) == [
        {"date": "2020-01-01", "ports": "9080:80", "octal": 420, True: True, "version": 1.1, "big": 10}
    ]


def test_several_documents_empty_ones_and_lists() -> None:
    assert parse_yaml("---\n---\na: 1\n---\n- b: 2\n- c: 3\n") == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_a_list_is_its_items() -> None:
    item = {"kind": "ConfigMap"}
    assert list(flatten([{"kind": "List", "items": [item, {"kind": "PodList", "items": [item]}]}])) == [item, item]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "the definitions is not valid YAML at line"),
        ("a: 1\na: 2\n", "line 2, column 1: the key a is there twice"),
        ("a: !!python/object:x {}", "could not determine a constructor"),
        ("a: \x07", "not valid YAML"),
    ],
)
def test_yaml_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        parse_yaml(text)


def test_anchors_and_merges_still_work() -> None:
    text = "base: &b {x: 1}\nmore: {<<: *b, y: 2}\n"
    assert parse_yaml(text)[0]["more"] == {"x": 1, "y": 2}


def test_errors_in_files_name_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("a: 1\nb: [\n")
    with pytest.raises(DocumentError, match=r"bad\.yaml is not valid YAML at line 3, column 1"):
        parse_all([read_source(str(path))])


def test_definitions_of_any_form() -> None:
    assert parse_all({"a": 1}) == [{"a": 1}]
    assert parse_all("a: 1") == [{"a": 1}]
    assert parse_all(["a: 1\n---\nb: 2", {"c": 3}, [{"d": 4}], None]) == [{"a": 1}, {"b": 2}, {"c": 3}, {"d": 4}]


def test_sources(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.json", "note.txt"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d.yaml").write_text("{}")
    names = [path.removeprefix(f"{tmp_path}/") for path in list_sources(str(tmp_path))]
    assert names == ["a.yml", "b.yaml", "c.json"]
    assert list_sources(f"{tmp_path}/b.yaml") == [f"{tmp_path}/b.yaml"]
    assert list_sources(f"{tmp_path}/**/*.yaml") == [f"{tmp_path}/b.yaml", f"{tmp_path}/sub/d.yaml"]


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="holds no .yaml, .yml or .json file"):
        list_sources(str(tmp_path))
    with pytest.raises(DocumentError, match="nothing is found at"):
        list_sources(f"{tmp_path}/*.yaml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DocumentError, match="it is not UTF-8 text"):
        read_source(str(path))


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
