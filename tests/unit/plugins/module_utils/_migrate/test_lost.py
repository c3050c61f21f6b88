# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs a document that was refused says so, and where; it is not told that the document is missing."""

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import Options, Result, migrate
from ansible_collections.mesh.workshop.plugins.module_utils._migrate.files import Elsewhere

from .conftest import facts

RBAC = "rbac.istio.io/v1alpha1"
MIXER = "config.istio.io/v1alpha2"


def document(api: str, kind: str, name: str, spec: str) -> str:
    return f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}, namespace: default}}\nspec: {spec}\n"


DOCUMENTS = {
    "role": document(RBAC, "ServiceRole", "r", "{rules: [{services: ['*']}]}"),
    "binding": document(
        RBAC, "ServiceRoleBinding", "b", "{subjects: [{user: x}], roleRef: {kind: ServiceRole, name: r}}"
    ),
    "switch": document(RBAC, "ClusterRbacConfig", "default", "{mode: 'ON'}"),
    "denier": document(MIXER, "denier", "d", "{}"),
    "checknothing": document(MIXER, "checknothing", "c", "{}"),
    "listchecker": document(MIXER, "listchecker", "l", "{overrides: [a], blacklist: true}"),
    "listentry": document(MIXER, "listentry", "e", "{value: 'request.headers[\"x\"]'}"),
    "denying": document(MIXER, "rule", "d", "{actions: [{handler: d.denier, instances: [c.checknothing]}]}"),
    "listing": document(MIXER, "rule", "l", "{actions: [{handler: l.listchecker, instances: [e.listentry]}]}"),
    "memquota": document(
        MIXER, "memquota", "h", "{quotas: [{name: q.quota.default, maxAmount: 5, validDuration: 1s}]}"
    ),
    "quota": document(MIXER, "quota", "q", "{dimensions: {a: 'request.headers[\"x\"]'}}"),
    "rule": document(MIXER, "rule", "u", "{actions: [{handler: h.memquota, instances: [q.quota]}]}"),
    "spec": document(MIXER, "QuotaSpec", "s", "{rules: [{quotas: [{charge: 1, quota: q}]}]}"),
    "bound": document(MIXER, "QuotaSpecBinding", "b", "{quotaSpecs: [{name: s}], services: [{name: ratings}]}"),
}
QUOTA = ("memquota", "quota", "rule", "spec", "bound")
BREAKS = {
    "template": ("spec: {", "spec: {{{ .Values.x }}, "),
    "no YAML": ("spec: {", "spec: {{[, "),
    "no mapping": ("spec: {", "spec: 7  # {"),
}


def converted(names: tuple[str, ...], broken: str, way: str) -> Result:
    texts = {name: DOCUMENTS[name] for name in names}
    texts[broken] = texts[broken].replace(*BREAKS[way])
    return migrate([(f"{name}.yaml", text.encode()) for name, text in texts.items()], Options(), [facts()])


@pytest.mark.parametrize("way", BREAKS)
@pytest.mark.parametrize(
    ("names", "broken", "needing"),
    [
        (("switch", "role", "binding"), "role", "binding"),
        (("switch", "role", "binding"), "binding", "role"),
        (("switch", "role", "binding"), "switch", "role"),
        (("denier", "checknothing", "denying"), "denier", "denying"),
        (("listchecker", "listentry", "listing"), "listentry", "listing"),
        (QUOTA, "memquota", "bound"),
        (QUOTA, "quota", "memquota"),
        (QUOTA, "rule", "memquota"),
        (QUOTA, "spec", "memquota"),
        (QUOTA, "bound", "memquota"),
    ],
)
def test_what_needs_a_refused_document_says_where_that_is(
    names: tuple[str, ...], broken: str, needing: str, way: str
) -> None:
    result = converted(names, broken, way)
    told = [line for line in result.refusals() if line.startswith(f"{needing}.yaml, ")]
    assert len(told) == 1
    assert "is refused" in told[0]
    assert f"({broken}.yaml, line 4)" in told[0] or broken == "switch"
    assert not any("not in the input" in line or "has no ClusterRbacConfig" in line for line in result.refusals())
    # Nothing is written on the assumption that it was never there.
    assert not any(doc.outputs for doc in result.docs if doc.kind not in ("ClusterRbacConfig",))
    own = next(doc for doc in result.docs if doc.file == f"{broken}.yaml")
    assert (own.name, own.namespace) == (DOCUMENTS[broken].partition("name: ")[2].partition(",")[0], "default")
    assert f"kind: {own.kind}\n" in DOCUMENTS[broken]


def test_a_document_that_was_never_there_is_told_as_missing() -> None:
    for names, reason in ((("binding",), "not in the input"), (("spec", "bound"), "no memquota or redisquota")):
        texts = [(f"{name}.yaml", DOCUMENTS[name].encode()) for name in names]
        assert reason in migrate(texts, Options(), [facts()]).refusals()[0]


@pytest.mark.parametrize(
    ("names", "hidden", "text"),
    [
        (("binding",), "role", "the ServiceRole default/r is not in the input; add its document. It may be in"),
        (("role",), "binding", "No binding in the input names the role"),
        (("role", "binding"), "switch", "The input has no ClusterRbacConfig"),
        (("denying", "checknothing"), "denier", "the handler d.denier is not in the input"),
        (("listing", "listchecker"), "listentry", "names an instance that is not in the input"),
        (("spec", "bound"), "memquota", "the input has no memquota or redisquota"),
        (("memquota", "quota", "spec", "bound"), "rule", "No rule in the input uses the handler"),
    ],
)
def test_a_file_that_is_refused_as_a_whole_is_named_where_something_is_missing(
    names: tuple[str, ...], hidden: str, text: str
) -> None:
    sources: list[tuple[str, bytes | str]] = [(f"{name}.yaml", DOCUMENTS[name].encode()) for name in names]
    alone = said(migrate(sources, Options(), [facts()]))
    assert any(text.removesuffix(" It may be in") in line for line in alone)
    assert not any("refused as a whole" in line for line in alone)
    found = said(migrate([*sources, (f"{hidden}.yaml", b"\xff" + DOCUMENTS[hidden].encode())], Options(), [facts()]))
    assert any(text in line and f"It may be in {hidden}.yaml, refused as a whole." in line for line in found), found


def said(result: Result) -> list[str]:
    """All refusals and differences."""
    return [*result.refusals(), *(note.text for doc in result.docs for note in doc.differences)]


def test_files_that_are_refused_as_a_whole_are_counted_and_links_are_none() -> None:
    sources: list[tuple[str, bytes | str]] = [("binding.yaml", DOCUMENTS["binding"].encode())]
    sources += [("a.yaml", b"\xff"), ("b.yaml", "it is not a regular file."), ("c.yaml", b"\xff")]
    assert "It may be in a.yaml and 2 more files, refused as a whole." in str(migrate(sources, Options()).refusals())
    sources[1:] = [("link", Elsewhere("the link leads to b."))]
    assert "refused as a whole" not in str(migrate(sources, Options()).refusals())
