# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop import reset_plan

OURS = "mesh-workshop"


def thing(kind: str, name: str, api_version: str = "v1", namespace: str = "room", **more: object) -> dict:
    metadata = {"name": name, "namespace": namespace, **more.pop("metadata", {})}  # type: ignore[dict-item]  # a mapping
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def owner(manager: str, operation: str = "Update", **fields: object) -> dict:
    return {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsV1": fields}


def removed(*found: dict, documents: tuple = (), elsewhere: tuple = ()) -> list[str]:
    plan = reset_plan.plan_reset(documents=documents, found=found, elsewhere=elsewhere, manager=OURS)
    return [f"{obj['kind']} {obj['metadata']['name']}" for obj in plan.remove]


def test_a_namespace_that_is_not_ours_is_refused_in_one_sentence() -> None:
    text = reset_plan.change_refusal("kube-system", {"metadata": {"name": "kube-system", "labels": {}}})
    assert "kube-system is not the workshop's" in text
    assert "does not exist" in reset_plan.change_refusal("room", None)
    assert reset_plan.change_refusal("room", {"metadata": {"labels": {"mesh.workshop/managed": "true"}}}) == ""


@pytest.mark.parametrize(
    "own",
    [
        thing("ConfigMap", "kube-root-ca.crt"),
        thing("ConfigMap", "istio-ca-root-cert"),
        thing("ServiceAccount", "default"),
        thing(
            "Secret",
            "default-token-x",
            type="kubernetes.io/service-account-token",
            metadata={"annotations": {"kubernetes.io/service-account.name": "default"}},
        ),
        thing("Secret", "kept", metadata={"labels": {"mesh.workshop/managed": "true"}}),
        thing("ReplicaSet", "mine-1", "apps/v1", metadata={"ownerReferences": [{"controller": True}]}),
        thing("Service", "going", metadata={"deletionTimestamp": "now"}),
    ],
)
def test_what_the_cluster_has_put_there_stays(own: dict) -> None:
    assert removed(own) == []


@pytest.mark.parametrize(
    "extra",
    [
        thing("VirtualService", "x", "networking.istio.io/v1"),
        thing("ConfigMap", "x"),
        thing("Secret", "x", type="Opaque"),
        thing("Deployment", "x", "apps/v1"),
        thing("Pod", "x"),
        thing(
            "Secret",
            "x",
            type="kubernetes.io/service-account-token",
            metadata={"annotations": {"kubernetes.io/service-account.name": "mine"}},
        ),
    ],
)
def test_what_a_person_has_added_goes(extra: dict) -> None:
    assert removed(extra) == [f"{extra['kind']} x"]


def test_a_token_of_an_account_of_baseline_stays() -> None:
    account = thing("ServiceAccount", "bookinfo-reviews")
    token = thing(
        "Secret",
        "t",
        type="kubernetes.io/dockercfg",
        metadata={"annotations": {"openshift.io/internal-registry-auth-token.service-account": "bookinfo-reviews"}},
    )
    assert removed(account, token, documents=(account,)) == []


def test_another_api_version_of_an_object_of_baseline_is_that_object() -> None:
    live = thing("Gateway", "way-in", "networking.istio.io/v1beta1")
    assert removed(live, documents=(thing("Gateway", "way-in", "networking.istio.io/v1"),)) == []


def test_what_others_wrote_becomes_ours_so_that_the_apply_drops_it() -> None:
    ours = owner(OURS, "Apply", **{"f:spec": {"f:replicas": {}}})
    by_hand = owner("kubectl-edit", **{"f:spec": {"f:paused": {}}, "f:metadata": {"f:labels": {"f:by": {}}}})
    status = {**owner("kube-controller-manager", **{"f:status": {}}), "subresource": "status"}
    live = thing("Deployment", "a", "apps/v1", metadata={"managedFields": [ours, by_hand, status]})
    fields, managers = reset_plan.owners_afterwards(live, OURS)
    assert managers == ["kubectl-edit"]
    assert fields == [
        {
            **ours,
            "fieldsV1": {"f:spec": {"f:replicas": {}, "f:paused": {}}, "f:metadata": {"f:labels": {"f:by": {}}}},
        },
        status,
    ]
    untouched = thing("Deployment", "a", "apps/v1", metadata={"managedFields": [ours, status]})
    assert reset_plan.owners_afterwards(untouched, OURS) == ([], [])


def test_what_cannot_be_changed_in_place_is_made_anew() -> None:
    wanted = thing("Deployment", "a", "apps/v1", spec={"selector": {"matchLabels": {"app": "a"}}})
    other = thing("Deployment", "a", "apps/v1", spec={"selector": {"matchLabels": {"app": "b"}}})
    headless = thing("Service", "s", spec={"clusterIP": "None"})
    service = thing("Service", "s", spec={"ports": []})
    assert removed(other, headless, documents=(wanted, service)) == ["Deployment a", "Service s"]


CONTROLLED = {"ownerReferences": [{"controller": True}]}


@pytest.mark.parametrize(
    ("pod", "touched"),
    [
        ({"spec": {}}, False),
        ({"metadata": {"managedFields": [owner("kube-controller-manager")]}}, False),
        ({"metadata": {"managedFields": [owner("kubectl-label")]}}, True),
        ({"spec": {"ephemeralContainers": [{"name": "mesh-workshop-probe-2"}]}}, False),
        ({"spec": {"ephemeralContainers": [{"name": "debugger-x"}]}}, True),
        ({"metadata": {"labels": {"sidecar.istio.io/inject": "true"}}, "spec": {"containers": [{"name": "a"}]}}, True),
        (
            {
                "metadata": {"labels": {"sidecar.istio.io/inject": "true"}},
                "spec": {"initContainers": [{"name": "istio-proxy"}]},
            },
            False,
        ),
    ],
)
def test_a_pod_that_is_not_as_its_workload_makes_it_is_replaced(pod: dict, touched: bool) -> None:
    live = thing("Pod", "p", metadata={**CONTROLLED, **pod.get("metadata", {})}, spec=pod.get("spec", {}))
    assert removed(live) == (["Pod p"] if touched else [])


def test_elsewhere_goes_what_is_ours_but_nothing_of_another_workshop_namespace() -> None:
    rooms = [
        {
            "metadata": {
                "name": name,
                "labels": {"mesh.workshop/managed": "true"},
                "annotations": {"mesh.workshop/host": "x"},
            }
        }
        for name in ("room", "other")
    ]
    objects = [
        thing("Secret", "cert", namespace="istio-system"),
        thing("Secret", "theirs", namespace="other"),
        thing("Secret", "here"),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "site"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "room"}},
    ]
    assert [obj["metadata"]["name"] for obj in reset_plan.outside(objects, "room", rooms)] == ["cert", "site"]


HOME = {"kind": "Namespace", "metadata": {"name": "room", "labels": {"istio-injection": "enabled"}}}


def home(**labels: str) -> dict:
    return {"kind": "Namespace", "metadata": {"name": "room", "labels": {"istio-injection": "enabled", **labels}}}


def test_labels_of_the_mesh_go_and_those_of_the_platform_stay() -> None:
    live = home(**{"istio.io/rev": "x", "team": "y"})
    assert reset_plan.labels_to_drop(live, [HOME]) == ["istio.io/rev"]
    assert reset_plan.labels_to_drop(live, []) == [], "nothing says what baseline has"


def test_the_namespace_is_written_to_only_where_that_changes_it() -> None:
    secret = thing("Secret", "x")
    assert reset_plan.changes_of_home(home(team="y"), [HOME, secret]) == ([], [])
    assert reset_plan.changes_of_home(home(**{"istio.io/rev": "x"}), [HOME, secret]) == ([HOME], ["istio.io/rev"])
    bare = {"kind": "Namespace", "metadata": {"name": "room"}}
    assert reset_plan.changes_of_home(bare, [HOME, secret]) == ([HOME], [])


def test_a_label_that_the_namespace_loses_is_a_change_of_it() -> None:
    results = [{"kind": kind, "action": "unchanged"} for kind in ("Namespace", "Secret")]
    assert reset_plan.with_dropped(results, []) == results
    first, second = reset_plan.with_dropped(results, ["istio.io/rev"])
    assert (first["action"], first["labels_dropped"], second) == ("changed", ["istio.io/rev"], results[1])


def test_what_a_role_has_installed_says_so() -> None:
    deployment = thing("Deployment", "limits", "apps/v1")
    results = [
        {"api_version": version, "kind": "Deployment", "namespace": "room", "name": name, "action": "deleted"}
        for version, name in (("apps/v1", "limits"), ("apps/v1", "other"))
    ]
    first, second = reset_plan.with_installers(results, {"ratelimit": [deployment]})
    assert (first["installed_by"], second) == ("ratelimit", results[1])


def test_extra_pods_go_first_and_are_not_waited_for() -> None:
    extra, secret = thing("Pod", "extra"), thing("Secret", "x")
    replaced = thing("Pod", "replaced", metadata={**CONTROLLED})
    namespace = {"kind": "Namespace", "metadata": {"name": "site"}}
    found = reset_plan.removals([secret, extra, replaced, namespace])
    assert found == [([extra, namespace], False), ([secret, replaced], True)]
    assert reset_plan.removals([]) == []


def test_groups_of_the_mesh() -> None:
    assert reset_plan.is_mesh_group("networking.istio.io")
    assert reset_plan.is_mesh_group("gateway.networking.k8s.io")
    assert not reset_plan.is_mesh_group("networking.k8s.io")
    assert not reset_plan.is_mesh_group("notistio.io")


def test_the_listing_says_what_would_go() -> None:
    results = [
        {"kind": "Secret", "namespace": "room", "name": "x", "action": "deleted"},
        {"kind": "Deployment", "namespace": "room", "name": "a", "action": "changed", "written_by": ["kubectl-edit"]},
        {"kind": "Service", "namespace": "room", "name": "b", "action": "unchanged"},
    ]
    assert reset_plan.listing(results, check=True).splitlines() == [
        "would remove  Secret room/x",
        "would restore Deployment room/a (written to by kubectl-edit)",
    ]
    assert reset_plan.listing([], check=False).startswith("Nothing to do")


def test_what_lies_beside_a_stage_is_named_briefly() -> None:
    some = [{"kind": "VirtualService", "metadata": {"name": f"v{number}"}} for number in range(7)]
    said = reset_plan.beside_sentence(some, "room")
    assert "no lab has applied: VirtualService v0, VirtualService v1," in said
    assert "VirtualService v4 and 2 more. It stays" in said
    assert reset_plan.beside_sentence([], "room") == ""
