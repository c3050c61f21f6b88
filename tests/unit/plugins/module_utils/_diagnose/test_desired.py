# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check that comes with the documents that it belongs to: what of them is not there is named, and nothing else."""

from __future__ import annotations

import copy
import typing as t

import pytest

from .worlds import NOT_FOUND, PAGE, REFUSED, RESET, Json, pod, record, said, thing, world

LABELS = {"mesh.workshop/lab": "routing", "mesh.workshop/stage": "all_v1", "mesh.workshop/attendee": "main"}


def document(kind: str, name: str, **spec: t.Any) -> Json:
    return {"apiVersion": "x/v1", "kind": kind, **thing(name, labels=LABELS, spec=spec)}


ROUTE = document(
    "VirtualService", "details", hosts=["details"], http=[{"route": [{"destination": {"host": "details"}}]}]
)
VIEWER = document("AuthorizationPolicy", "viewer", selector={"matchLabels": {"app": "reviews"}})
STRICT = document("PeerAuthentication", "strict", mtls={"mode": "STRICT"})
JASON: Json = {"source": "productpage", "url": "http://reviews:9080/", "served": ("v2",), "expected_versions": ("v1",)}


def of(kind: str, name: str, **spec: t.Any) -> Json:
    """What the world has, as a stage has it, with another spec."""
    (found,) = [copy.deepcopy(one) for one in world()[kind] if one["metadata"]["name"] == name]
    found["metadata"]["labels"] = LABELS
    return {"kind": kind, **found, "spec": {**found["spec"], **spec}}


def explained(objects: dict[str, list[Json]], *seen: Json, **parts: t.Any) -> tuple[str, str, str]:
    found = said(objects, *seen, **parts)
    assert found is not None
    return found.sentence, found.remedy, found.change


def test_what_is_missing_is_named_with_what_follows_and_the_commands() -> None:
    objects = world()
    objects["VirtualService"] = objects["VirtualService"][:1]
    sentence, remedy, change = explained(objects, PAGE, **JASON, desired=(of("VirtualService", "reviews"),))
    assert sentence == (
        "VirtualService bookinfo/reviews of stage all_v1 of lab routing is missing, and no VirtualService routes "
        "reviews."
    )
    assert remedy == "Apply the stage: ansible-playbook mesh.workshop.lab -e lab=routing -e stage=all_v1."
    assert change.startswith("kubectl apply --server-side --force-conflicts -f - <<'END'\n")
    for part in ("kind: VirtualService\n", "  name: reviews\n  namespace: bookinfo\n", "subset: v1\n", "\nEND"):
        assert part in change


@pytest.mark.parametrize(
    ("labels", "remedy"),
    [
        (LABELS, "Apply the stage: ansible-playbook mesh.workshop.lab -e lab=routing -e stage=all_v1 -e attendee=ada."),
        (
            {**LABELS, "mesh.workshop/lab": "baseline", "mesh.workshop/stage": "baseline"},
            "Reset to the baseline: ansible-playbook mesh.workshop.reset -e attendee=ada.",
        ),
    ],
)
def test_where_there_are_several_attendees_the_command_names_whose_it_is(labels: dict[str, str], remedy: str) -> None:
    objects, wanted = world(), of("VirtualService", "reviews")
    objects["VirtualService"] = objects["VirtualService"][:1]
    wanted["metadata"]["labels"] = labels
    _sentence, said, _change = explained(objects, PAGE, **JASON, desired=(wanted,), attendee="ada")
    assert said == remedy


def test_what_is_other_is_named_by_its_first_fields() -> None:
    route = [{"destination": {"host": "reviews", "subset": "v3"}}]
    desired = (of("VirtualService", "reviews", http=[{"route": route}]),)
    sentence, _remedy, _change = explained(world(), PAGE, **JASON, desired=desired)
    assert sentence == (
        "VirtualService bookinfo/reviews is not as in stage all_v1 of lab routing: "
        "spec.http[0].route[0].destination.subset is v1 and should be v3."
    )


def test_what_another_stage_has_left_is_named_and_its_removal_shown() -> None:
    objects = world()
    left = thing("deny-all", labels={"mesh.workshop/lab": "rbac", "mesh.workshop/attendee": "main"}, spec={})
    objects["AuthorizationPolicy"] = [left]
    denied = {**PAGE, "status": 403}
    sentence, _remedy, change = explained(objects, denied, desired=(of("Gateway", "gate"),))
    assert sentence == (
        "AuthorizationPolicy bookinfo/deny-all of lab rbac is there and not in stage all_v1 of lab routing."
    )
    assert change == "kubectl -n bookinfo delete authorizationpolicy deny-all"


def test_what_somebody_has_put_beside_it_is_not_accused() -> None:
    objects = world()
    objects["AuthorizationPolicy"] = [thing("mine", spec={})]
    found = said(objects, {**PAGE, "status": 403}, desired=(of("Gateway", "gate"),))
    assert found is None or "is there and not in" not in found.sentence


def test_without_a_stage_it_is_what_is_desired() -> None:
    plain = document("VirtualService", "reviews", hosts=["reviews"])
    del plain["metadata"]["labels"]
    objects = world()
    objects["VirtualService"] = objects["VirtualService"][:1]
    sentence, remedy, _change = explained(objects, PAGE, **JASON, desired=(plain,))
    assert sentence.startswith("VirtualService bookinfo/reviews of the desired documents is missing")
    assert remedy == "Apply it as it should be."


def test_a_secret_is_named_and_never_shown() -> None:
    objects = world()
    objects["Gateway"][0]["spec"]["servers"][0]["tls"] = {"credentialName": "key"}
    objects["Secret"] = [thing("key", data={"tls.crt": "b3RoZXI="})]
    gate = {"kind": "Secret", **thing("key", labels=LABELS, data={"tls.crt": "c2VjcmV0"})}
    sentence, _remedy, change = explained(objects, RESET, desired=(gate,), expects_refusal=True)
    assert sentence == "Secret bookinfo/key is not as in stage all_v1 of lab routing: data.tls.crt differs."
    assert "c2VjcmV0" not in sentence + change


MATRIX: dict[str, tuple[Json, Json, dict[str, t.Any], str]] = {
    "no way in": (of("Gateway", "gate"), REFUSED, {}, "Gateway bookinfo/gate"),
    "no route there": (of("VirtualService", "bookinfo"), NOT_FOUND, {}, "VirtualService bookinfo/bookinfo"),
    "denied": (VIEWER, {**PAGE, "status": 403}, {"source": "productpage", "url": "http://reviews:9080/"}, "viewer"),
    "denied inside": (VIEWER, PAGE, {"records": (record("", "rbac_access_denied_matched_policy[none]"),)}, "viewer"),
    "let in": (
        STRICT,
        PAGE,
        {"source": "no_sidecar", "url": "http://reviews.bookinfo:9080/", "expects_refusal": True},
        "PeerAuthentication bookinfo/strict",
    ),
    "wrong version": (of("VirtualService", "reviews"), PAGE, JASON, "VirtualService bookinfo/reviews"),
    "no quota": (
        document("EnvoyFilter", "quota"),
        PAGE,
        {"source": "productpage", "url": "http://reviews:9080/", "expects_quota": True, "answers": 9},
        "EnvoyFilter bookinfo/quota",
    ),
    "no traces": (
        {"kind": "Telemetry", **thing("tracing", "istio-system", LABELS, spec={"tracing": [{}]})},
        PAGE,
        {"expects_traces": True, "answers": 9},
        "Telemetry istio-system/tracing",
    ),
}


@pytest.mark.parametrize("case", MATRIX)
@pytest.mark.parametrize("other", [*MATRIX, "details"])
def test_of_all_that_is_missing_only_what_can_decide_is_accused(case: str, other: str) -> None:
    """Two things are missing at once, and only one of them makes this answer wrong."""
    wanted, seen, parts, name = MATRIX[case]
    second = ROUTE if other == "details" else MATRIX[other][0]
    objects = world()
    for one in (wanted, second):
        names = one["kind"], one["metadata"]["name"]
        objects[names[0]] = [live for live in objects.get(names[0], []) if live["metadata"]["name"] != names[1]]
    found = said(objects, seen, **parts, desired=(wanted, second))
    assert found is not None
    assert name in found.sentence
    # A 404 may come of either; nothing else may come of several kinds.
    may = {"Gateway", "VirtualService"} if seen is NOT_FOUND else {wanted["kind"]}
    assert {one.partition(" ")[0] for one in found.accused()} <= may
    assert "bookinfo/details" not in found.sentence


def test_a_gap_that_cannot_be_read_is_none() -> None:
    objects = world()
    del objects["AuthorizationPolicy"]
    found = said(objects, {**PAGE, "status": 403}, desired=(VIEWER,), source="productpage", url="http://reviews:9080/")
    assert found is None or "viewer" not in found.sentence


def test_pods_that_do_not_run_come_first() -> None:
    objects = world()
    objects["Pod"][1] = pod("reviews-v1-x", ready=False, app="reviews", version="v1")
    seen = {**PAGE, "status": 503}
    found = said(objects, seen, desired=(STRICT,))
    assert found is not None
    assert "reviews-v1-x" in found.sentence
    assert "strict" not in found.sentence


def test_what_only_the_callees_own_requests_meet_is_the_last_to_be_named() -> None:
    asked: Json = {"source": "productpage", "url": "http://details:9080/", "desired": (VIEWER,)}
    sentence, _remedy, _change = explained(world(), {**PAGE, "status": 200}, **asked)
    assert sentence.startswith("AuthorizationPolicy bookinfo/viewer of stage all_v1 of lab routing is missing")
    assert sentence.endswith("The check's request does not meet it; a request that its callee sends may.")
    refused = said(world(), {**PAGE, "status": 403}, **asked)
    assert refused is None or "viewer" not in refused.sentence


def test_a_document_without_a_spec_is_another_like_any() -> None:
    empty = {**of("VirtualService", "reviews"), "spec": None}
    sentence, _remedy, _change = explained(world(), PAGE, **JASON, desired=(empty,))
    assert sentence
