# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mends a finding makes it go and brings no other; where only people can choose, the remedy says among what."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._explain.effects import effects_of
from ansible_collections.mesh.workshop.plugins.module_utils._explain.effects.mend import (
    Mend,
    Patch,
    append,
    moved,
    pointer,
    put,
    remove,
)
from ansible_collections.mesh.workshop.plugins.module_utils._explain.mesh import Mesh, origin_for
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._explain.test_effects import (
    FAULTS,
    PROBED,
    mesh_with,
    route,
)

Json = dict[str, t.Any]


def patched(document: Json, operations: t.Iterable[t.Mapping[str, t.Any]]) -> Json:
    """RFC 6902, as far as these operations go."""
    found = copy.deepcopy(document)

    def place(path: str) -> tuple[t.Any, t.Any]:
        *parts, last = [one.replace("~1", "/").replace("~0", "~") for one in path.split("/")[1:]]
        inside: t.Any = found
        for one in parts:
            inside = inside[int(one)] if isinstance(inside, list) else inside[one]
        if not isinstance(inside, list):
            return inside, last
        return inside, len(inside) if last == "-" else int(last)

    for one in operations:
        inside, key = place(one["path"])
        if one["op"] == "move":
            source, index = place(one["from"])
            value = source.pop(index)
            inside.insert(key - 1, value)
        elif one["op"] == "remove":
            del inside[key]
        elif one["op"] == "replace" or not isinstance(inside, list):
            assert one["op"] == "add" or key in inside or isinstance(inside, list)
            inside[key] = one["value"]
        else:
            inside.insert(key, one["value"])
    return found


def mended(mesh: Mesh, mend: Mend) -> Mesh:
    objects = {kind: list(found) for kind, found in mesh.objects.items()}
    if isinstance(mend, Patch):
        group = objects[mend.origin.kind]
        (index,) = [n for n, one in enumerate(group) if origin_for(mend.origin.kind, one) == mend.origin]
        group[index] = patched(t.cast(Json, group[index]), mend.operations)
    else:
        for origin in mend.removes:
            objects[origin.kind] = [one for one in objects[origin.kind] if origin_for(origin.kind, one) != origin]
        for document in mend.documents:
            objects[document["kind"]].append(document)
    return Mesh({kind: tuple(found) for kind, found in objects.items()})


MORE = [
    route("http: [{match: [{uri: {exact: '/a*'}}], route: [{destination: {host: reviews}}]}]"),
    route("http: [{route: [{destination: {host: reviews, subset: v2}}]}]")
    + "---\nkind: Pod\nmetadata: {name: reviews-v2-a-b, labels: {app: reviews, version: v2}}\nspec: {}",
    "kind: DestinationRule\nmetadata: {name: ratings}\nspec: {host: rating, subsets: [{name: v1}]}\n---\n"
    + route("http: [{route: [{destination: {host: ratings, subset: v1}}]}]", "ratings", "[ratings]"),
    "kind: DestinationRule\nmetadata: {name: ratings, namespace: other}\nspec: {host: ratings, subsets: [{name: v1}]}\n"
    "---\n" + route("http: [{route: [{destination: {host: ratings, subset: v1}}]}]", "ratings", "[ratings]"),
    "kind: AuthorizationPolicy\nmetadata: {name: x}\nspec: {rules: [{to: [{operation: {ports: ['80']}}]}], "
    "selector: {matchLabels: {app: ratings}}}",
]


@pytest.mark.parametrize("text", [*(text for text, _sentence in FAULTS), *MORE])
def test_what_mends_a_finding_makes_it_go(text: str) -> None:
    mesh = mesh_with(text)
    before = effects_of(mesh)
    assert before
    for one in before:
        if one.mend is None:
            assert " or " in one.remedy or one.remedy.startswith(("Correct", "Apply it in", "Remove the annotation")), (
                one.remedy
            )
            continue
        if isinstance(one.mend, Patch) and one.mend.origin.kind == "Deployment":
            continue
        after = [other.sentence for other in effects_of(mended(mesh, one.mend))]
        assert one.sentence not in after
        assert set(after) < {other.sentence for other in before}, "nothing else is wrong then"


UNAMBIGUOUS = (
    *("does not exist; the Gateway for", "literally", "sends copies", "for the host revews", "percentage", "of 0 %"),
    *(
        "takes every request",
        "raw TCP",
        "selects istio=gateway",
        "selects app=review",
        "where none runs",
    ),
    *("whose Service bookinfo/reviews has port 9080", "which no caller has", "which no request has", "tls mode"),
    *("demands mTLS on port 80", "(there is none)"),
)


@pytest.mark.parametrize(("text", "sentence"), FAULTS)
def test_where_there_is_no_choice_there_is_a_change(text: str, sentence: str) -> None:
    (found,) = effects_of(mesh_with(text))
    if any(part in sentence for part in UNAMBIGUOUS):
        assert found.mend is not None


def test_a_deployment_loses_the_annotation_that_its_template_has() -> None:
    owned = PROBED.replace("labels: {app: shelf}\n", "labels: {app: shelf}\n  ownerReferences: [{kind: ReplicaSet}]\n")
    (found,) = effects_of(mesh_with(owned))
    assert isinstance(found.mend, Patch)
    assert str(found.mend.origin) == "Deployment bookinfo/shelf-v1"
    path = "/spec/template/metadata/annotations/sidecar.istio.io~1rewriteAppHTTPProbers"
    assert found.mend.operations == ({"op": "remove", "path": path},)
    assert effects_of(mesh_with(PROBED))[0].mend is None, "of no Deployment"


def test_operations_are_those_of_rfc_6902() -> None:
    assert pointer(("spec", "a/b~c", 0)) == "/spec/a~1b~0c/0"
    assert put(("a", "b"), 1) == {"op": "add", "path": "/a/b", "value": 1}
    assert put(("a", 0), 1) == {"op": "replace", "path": "/a/0", "value": 1}
    assert append(("a",), 1) == {"op": "add", "path": "/a/-", "value": 1}
    assert remove(("a",)) == {"op": "remove", "path": "/a"}


def test_what_is_moved_keeps_nothing_of_the_server() -> None:
    meta = {
        "name": "x",
        "namespace": "a",
        "uid": "1",
        "resourceVersion": "2",
        "labels": {"k": "v"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }
    found = moved("Sidecar", {"metadata": meta, "spec": {"egress": []}, "status": {"x": 1}}, "b")
    assert found.documents == (
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Sidecar",
            "metadata": {"name": "x", "namespace": "b", "labels": {"k": "v"}},
            "spec": {"egress": []},
        },
    )
    assert [str(one) for one in found.removes] == ["Sidecar a/x"]
