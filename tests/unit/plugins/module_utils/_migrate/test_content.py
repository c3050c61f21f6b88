# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing of a file is lost: it is kept as it is, converted, or refused as a whole."""

from __future__ import annotations

import json
import typing as t

import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import Options, Result, migrate, report_json
from ansible_collections.mesh.workshop.plugins.module_utils._migrate.report import markdown

Json = dict[str, t.Any]

SWITCH = "apiVersion: rbac.istio.io/v1alpha1\nkind: ClusterRbacConfig\nmetadata: {name: default}\nspec: {mode: 'ON'}\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}   # kept\n"
ROUTE = """\
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: v}
spec:
  hosts: [a]
  http:
  - mirrorPercent: 5 # few
    route: [{destination: {host: a}}]
"""
ROUTE_FLOW = json.dumps(yaml.safe_load(ROUTE))


def converted(text: str, name: str = "a.yaml") -> Result:
    return migrate([(name, text.encode())], Options())


def written(result: Result) -> list[Json]:
    return [doc for doc in yaml.safe_load_all(result.files[0].text() or "") if doc]


def item(text: str) -> str:
    return "- " + text.replace("\n", "\n  ").rstrip() + "\n"


@pytest.mark.parametrize("lead", ["", "# of the file\n"])
def test_a_document_on_the_line_of_its_separator_is_one(lead: str) -> None:
    other = ROUTE_FLOW.replace('"v"', '"w"')
    result = converted(f"{lead}--- {ROUTE_FLOW}\n--- {{a: b}}\n--- {other}  # last\n")
    found = written(result)
    assert [doc.get("kind") for doc in found] == ["VirtualService", None, "VirtualService"]
    assert [doc["spec"]["http"][0]["mirrorPercentage"] for doc in (found[0], found[2])] == [{"value": 5}] * 2
    text = result.files[0].text() or ""
    assert text.startswith(lead)
    assert "--- {a: b}\n" in text
    assert "# last\n" in text
    assert converted(text).files[0].text() == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '// a comment\n{"compilerOptions": {"strict": true}}\n'),
        ("a.json", '[{"a": 1}, {"b": [2]}]'),
        ("a.yaml", "- hosts: localhost\n  tasks: []   # none\n"),
        ("a.yaml", "{{- if .Values.on }}\n" + CONFIG + "---\n" + CONFIG + "{{- end }}\n"),
        ("a.yaml.tpl", "metadata: {name: {{ .Release.Name }}}\n"),
        ("a.yaml", "\ufeff" + CONFIG),
    ],
)
def test_what_has_nothing_of_istio_passes_byte_for_byte(name: str, text: str) -> None:
    result = converted(text, name)
    assert result.refusals() == []
    assert result.files[0].text() == text
    assert {doc.status for doc in result.docs} == {"unchanged"}


@pytest.mark.parametrize("text", [f"// why\n{ROUTE_FLOW}", f"[{ROUTE_FLOW}]", f"{ROUTE_FLOW}\n{{}}\n"])
def test_a_json_file_that_is_refused_is_not_written(text: str) -> None:
    result = converted(text, "a.json")
    assert len(result.refusals()) == 1
    assert result.files[0].text() is None


def test_a_template_whose_block_spans_documents_is_refused_as_a_whole() -> None:
    text = "{{- if .Values.rbac }}\n" + CONFIG + "---\n" + SWITCH + "---\n" + CONFIG + "{{- end }}\n"
    result = converted(text)
    assert len(result.refusals()) == 3
    assert "a block of a template spans several documents" in result.refusals()[1]
    assert written(result) == []
    # A block within one document leaves the others alone.
    alone = "---\n{{- if .Values.a }}\n" + CONFIG + "{{- end }}\n"
    result = converted(SWITCH + alone)
    assert result.refusals() == []
    assert (result.files[0].text() or "").endswith(alone)


def test_the_items_of_a_list_keep_their_comments_and_the_list_is_named() -> None:
    head = (
        "# of the file\napiVersion: v1\nkind: List\nmetadata: {resourceVersion: '1', labels: {a: b}}  # of the list\n"
    )
    text = head + "items:\n# about one\n" + item(SWITCH) + "# about two\n" + item(CONFIG) + item(ROUTE)
    result = converted(text)
    out = result.files[0].text() or ""
    assert [doc["kind"] for doc in written(result)] == ["AuthorizationPolicy", "ConfigMap", "VirtualService"]
    assert "# about two\n" + CONFIG in out
    assert "mirrorPercentage:  # few\n" in out
    assert "# of the file\n# of the list\n# about one\n" in out
    assert ["metadata.labels of the List" in note.text for note in result.docs[0].notes] == [True]
    assert converted(out).files[0].text() == out
    # Where no item changes the List stays as it is, whatever it holds.
    for same in (head + "items:\n" + item(CONFIG), "kind: List\nitems:\n- 1\n", "kind: List\nitems: []\n"):
        assert converted(same).files[0].text() == same


def test_lists_in_lists_and_lists_of_one_kind_are_their_items() -> None:
    inner = "apiVersion: v1\nkind: List\nitems:\n" + item(SWITCH) + item(CONFIG)
    assert [doc["kind"] for doc in written(converted("kind: List\nitems:\n" + item(inner)))] == [
        "AuthorizationPolicy",
        "ConfigMap",
    ]
    text = "items:\n" + item(SWITCH.partition("kind: ClusterRbacConfig\n")[2]) + "kind: ClusterRbacConfigList\n"
    text += "apiVersion: rbac.istio.io/v1alpha1\n"
    assert [doc["kind"] for doc in written(converted(text))] == ["AuthorizationPolicy"]
    assert "items[1] is not a document" in converted("kind: List\nitems:\n" + item(SWITCH) + "- a\n").refusals()[0]


def test_the_report_counts_in_words() -> None:
    assert "\n1 document in 1 file: 0 converted" in markdown(report_json(converted(SWITCH)))
    both = migrate([(name, f"{SWITCH}---\n{CONFIG}".encode()) for name in ("a.yaml", "b.yaml")], Options())
    assert "\n4 documents in 2 files: " in markdown(report_json(both))
