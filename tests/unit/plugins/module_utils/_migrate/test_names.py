# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import Options, migrate

from .conftest import Converter, facts
from .quotas import old
from .test_mixer import denier
from .test_rbac import ON, role

POLICY = """\
apiVersion: authentication.istio.io/v1alpha1
kind: Policy
metadata: {name: default, namespace: default}
spec: {peers: [{mtls: {}}]}
"""
PEER = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: PERMISSIVE}}
"""
ROUTE = """\
apiVersion: config.istio.io/v1alpha2
kind: RouteRule
metadata: {name: NAME, namespace: default}
spec: {destination: {name: reviews}, precedence: 1, route: [{labels: {version: v1}}]}
"""
SERVICE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
"""


def test_a_denial_and_a_role_of_one_name_are_both_written(converter: Converter) -> None:
    roles = role("[{services: ['*']}]").replace("name: viewer", "name: deny")
    result = converter.result(denier("'source.namespace == \"x\"'") + "---\n" + roles)
    written = [(out["metadata"]["name"], out["spec"].get("action")) for doc in result.docs for out in doc.outputs]
    assert written == [("deny", "DENY"), ("deny-2", None)]
    fates = {doc.kind: doc.moved_to for doc in result.docs if doc.moved_to}
    assert fates["handler"] == ["AuthorizationPolicy deny"]
    assert fates["ServiceRoleBinding"] == ["AuthorizationPolicy deny-2"]
    assert "ServiceRole" in next(doc.kind for doc in result.docs if "has the name deny too" in str(doc.notes))


def test_a_role_does_not_take_the_place_of_what_denies_all(converter: Converter) -> None:
    roles = role("[{services: ['*']}]").replace("name: viewer", "name: allow-nothing")
    found = converter.outputs(ON + roles, root_namespace="default")
    assert [doc["metadata"]["name"] for doc in found][:2] == ["allow-nothing", "allow-nothing-productpage"]
    one = roles.replace("'*'", "ratings.default.svc.cluster.local")
    found = converter.outputs(ON + one, root_namespace="default")
    assert [doc["metadata"]["name"] for doc in found] == ["allow-nothing", "allow-nothing-2"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_current_document_keeps_its_name(converter: Converter, order: int) -> None:
    current = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: deny}\nspec: {}\n"
    found = converter.outputs("---\n".join([current, denier("'source.namespace == \"x\"'")][::order]))
    assert {doc["metadata"]["name"]: doc["spec"].get("action") for doc in found} == {"deny": None, "deny-2": "DENY"}


def test_two_policies_for_one_namespace_are_refused_with_both_places(converter: Converter) -> None:
    found = converter.refusal(PEER, POLICY)
    assert found.startswith("file1.yaml, line 1, Policy default/default, metadata.name: it becomes PeerAuthentication")
    assert "PeerAuthentication default (file0.yaml, line 1)" in found


def test_policies_for_other_workloads_get_names_of_their_own(converter: Converter) -> None:
    ours = POLICY.replace("spec: {", "spec: {targets: [{name: ratings}], ").replace("name: default", "name: r")
    theirs = PEER.replace("spec: {", "spec: {selector: {matchLabels: {app: x}}, ").replace("name: default", "name: r")
    names = {
        str(doc["spec"]["selector"]["matchLabels"]): doc["metadata"]["name"] for doc in converter.outputs(ours, theirs)
    }
    assert len(set(names.values())) == 2


def test_a_route_rule_beside_a_virtual_service_of_its_host_is_refused(converter: Converter) -> None:
    text = (
        ROUTE.replace("NAME", "one") + "---\n" + ROUTE.replace("NAME", "two").replace("precedence: 1", "precedence: 2")
    )
    result = converter.result(SERVICE, text)
    assert [doc.status for doc in result.docs] == ["unchanged", "refused", "refused"]
    assert "VirtualService default/reviews (file0.yaml, line 1)" in result.refusals()[0]


def test_quotas_of_two_directories_do_not_take_each_others_place() -> None:
    one, two = old(), old().replace("handler", "other").replace("maxAmount: 500", "maxAmount: 400")
    result = migrate([("a/q.yaml", one.encode()), ("b/q.yaml", two.encode())], Options(), [facts()])
    assert any("ConfigMap ratelimit-config" in line and "a/q.yaml" in line for line in result.refusals())


def test_examples_in_two_directories_name_each_other() -> None:
    files = [
        (f"{name}/r.yaml", ROUTE.replace("NAME", name).replace("v1}", f"{name}}}").encode()) for name in ("a", "b")
    ]
    result = migrate(files, Options(), [facts()])
    for doc, other in zip(result.docs, ("b/r.yaml", "a/r.yaml"), strict=True):
        assert any(f"({other}, line 1)" in note.text for note in doc.notes)


def test_variants_in_two_files_keep_their_names() -> None:
    files = [(f"{name}/q.yaml", POLICY.encode()) for name in ("a", "b")]
    result = migrate(files, Options(), [facts()])
    assert [out["metadata"]["name"] for doc in result.docs for out in doc.outputs] == ["default", "default"]
