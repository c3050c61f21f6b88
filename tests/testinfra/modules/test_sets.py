# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of documents: all or nothing, pruned by labels, other owners respected, nothing of the past, nothing secret."""

from __future__ import annotations

import base64
import copy
import typing as t

import pytest

Json = dict[str, t.Any]
NETWORKING = "networking.istio.io/v1"
SECRETS = {"password": "first-of-two-secrets", "token": "which-stays-as-it-is"}
CHANGED_SECRETS = {**SECRETS, "password": "second-of-two-secrets"}


def document(kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": NETWORKING, "kind": kind, "metadata": {"name": name}, "spec": spec}


def entry(name: str) -> Json:
    ports = [{"number": 8080, "name": "http", "protocol": "HTTP"}]
    return document("ServiceEntry", name, {"hosts": [f"{name}.example"], "ports": ports, "resolution": "DNS"})


def rule(*versions: str) -> Json:
    named = [{"name": version, "labels": {"version": version}} for version in versions]
    return document("DestinationRule", "server", {"host": "server", "subsets": named})


def route(subset: str, **fields: t.Any) -> Json:
    one = {"route": [{"destination": {"host": "server", "subset": subset}, **fields}]}
    return document("VirtualService", "server", {"hosts": ["server"], "http": [one]})


def served_by(version: str) -> Json:
    return {
        "name": f"all from {version}",
        "from": "client",
        "deadline": 5,
        "request": {"url": "http://server:8080/"},
        "expect": {"status": 200, "served_by": {version: 100}},
    }


def actions(result: Json) -> dict[str, str]:
    return {f"{one['kind']} {one['name']}": one["action"] for one in result["results"]}


@pytest.fixture(name="routed")
def routed_fixture(world):
    """All of server's requests go to v1."""
    definitions = [rule("v1", "v2"), route("v1")]
    (result,) = world.play(world.task("apply", definitions=definitions, verify=[served_by("v1")]))
    assert not result["failed"], result["msg"]
    yield definitions
    world.remove(*definitions, entry("new"))


def contents(world):
    """What is there but for what tells that it was touched; who owns which field belongs to it."""
    found = {}
    for plural in ("destinationrules", "virtualservices", "serviceentries"):
        for name in ("server", "new"):
            one = copy.deepcopy(world.find(NETWORKING, plural, name))
            if one:
                for field in ("resourceVersion", "generation"):
                    del one["metadata"][field]
                found[plural, name] = one
    return found


def test_a_set_is_checked_applied_unchanged_and_removed(world):
    definitions = [route("v2"), entry("new"), rule("v1", "v2")]
    before = world.snapshot()
    (checked,) = world.play(world.task("apply", check=True, definitions=definitions, verify=[served_by("v2")]))
    assert set(actions(checked).values()) == {"created"}
    assert len(checked["diff"]) == len(definitions)
    assert world.snapshot() == before
    created, again, removed, gone = world.play(
        world.task("apply", definitions=definitions, verify=[served_by("v2")]),
        world.task("apply", definitions=definitions),
        world.task("apply", definitions=definitions, state="absent"),
        world.task("apply", definitions=definitions, state="absent"),
    )
    assert not created["failed"], created["msg"]
    assert set(actions(created).values()) == {"created"}
    assert set(actions(again).values()) == {"unchanged"}
    assert set(actions(removed).values()) == {"deleted"}
    assert set(actions(gone).values()) == {"absent"}
    assert [result["changed"] for result in (created, again, removed, gone)] == [True, False, True, False]
    assert set(world.snapshot()) == set(before)


def test_a_set_that_fails_is_put_back(world, routed):
    before = contents(world)
    definitions = [rule("v1", "v2", "v3"), entry("new"), route("v2", wieght=100)]
    failed, verified = world.play(
        world.task("apply", definitions=definitions, atomic=True), world.verify(served_by("v1"))
    )
    assert failed["failed"]
    assert not failed["changed"]
    assert "spec.http[0].route[0].wieght" in failed["msg"]
    assert "put back" in failed["msg"]
    undone = {one["kind"]: one.get("put_back") for one in failed["results"]}
    assert undone == {"DestinationRule": "reverted", "ServiceEntry": "removed again", "VirtualService": None}
    assert contents(world) == before
    assert not verified["failed"], verified["msg"]


def test_a_set_whose_verification_fails_is_put_back(world, routed):
    before = contents(world)
    definitions = [entry("new"), route("v2")]
    failed, verified = world.play(
        world.task("apply", definitions=definitions, atomic=True, verify=[served_by("v1")]),
        world.verify(served_by("v1")),
    )
    assert failed["failed"]
    assert not failed["changed"]
    assert [check["passed"] for check in failed["checks"]] == [False]
    assert contents(world) == before
    assert not verified["failed"], verified["msg"]


def test_without_atomic_the_report_says_what_was_applied_and_what_was_not(world, routed):
    """And a rerun of the corrected set finishes the work."""
    gateway = document("Gateway", "late", {"selector": {"istio": "ingressgateway"}, "servers": []})
    wrong = [rule("v1", "v2", "v3"), entry("new"), route("v2", wieght=100)]
    right = [*wrong[:2], route("v2")]
    failed, finished, removed = world.play(
        world.task("apply", definitions=wrong),
        world.task("apply", definitions=right),
        world.task("apply", definitions=[gateway], state="absent"),
    )
    assert failed["failed"]
    assert failed["changed"]
    assert actions(failed) == {
        "DestinationRule server": "changed",
        "ServiceEntry new": "created",
        "VirtualService server": "failed",
    }
    assert not finished["failed"], finished["msg"]
    assert actions(finished) == {
        "DestinationRule server": "unchanged",
        "ServiceEntry new": "unchanged",
        "VirtualService server": "changed",
    }
    assert not removed["changed"]


def test_only_what_carries_the_labels_is_pruned(world):
    ours = {"attendee": "of-modules-a", "lab": "canary"}
    first, second, others, bare = entry("first"), entry("second"), entry("others"), entry("bare")
    prepared = world.play(
        world.task("apply", definitions=[first, second], **ours),
        world.task("apply", definitions=[others], attendee="of-modules-b", lab="canary"),
        world.task("apply", definitions=[bare]),
    )
    assert not any(result["failed"] for result in prepared)
    before = world.snapshot()
    (checked,) = world.play(world.task("apply", check=True, definitions=[first], prune=True, **ours))
    assert world.snapshot() == before
    (pruned,) = world.play(world.task("apply", definitions=[first], prune=True, **ours))
    for result in (checked, pruned):
        assert not result["failed"], result["msg"]
        assert actions(result) == {"ServiceEntry first": "unchanged", "ServiceEntry second": "deleted"}
        assert [diff["after"] for diff in result["diff"]] == [""]
    lost = set(before) - set(world.snapshot())
    assert lost == {f"/apis/{NETWORKING} serviceentries second"}
    labels = world.find(NETWORKING, "serviceentries", "first")["metadata"]["labels"]
    assert labels == {"mesh.workshop/attendee": "of-modules-a", "mesh.workshop/lab": "canary"}
    world.remove(first, others, bare)


@pytest.mark.parametrize("module", ["apply", "virtual_service"])
def test_fields_of_another_manager_are_named_and_taken_only_when_asked(world, kube, module):
    theirs = document("VirtualService", "owned", {"hosts": ["server"], "http": [{"timeout": "3s", **plain()}]})
    kube.custom.create_namespaced_custom_object(
        "networking.istio.io", "v1", world.namespace, "virtualservices", theirs, field_manager="somebody"
    )
    before = world.snapshot()
    spec = {"hosts": ["server"], "http": [{"timeout": "7s", **plain()}]}
    arguments: Json = {"definitions": [document("VirtualService", "owned", spec)]}
    if module != "apply":
        arguments = {"name": "owned", "spec": spec}
    (refused,) = world.play(world.task(module, **arguments))
    assert refused["failed"]
    assert not refused["changed"]
    for part in ("VirtualService", "owned", "somebody", "spec.http", "force"):
        assert part in refused["msg"], refused["msg"]
    assert world.snapshot() == before
    forced, removed = world.play(
        world.task(module, force=True, **arguments), world.task("virtual_service", name="owned", state="absent")
    )
    assert not forced["failed"], forced["msg"]
    assert actions(forced) == {"VirtualService owned": "changed"}
    assert removed["changed"]


def plain() -> Json:
    return {"route": [{"destination": {"host": "server"}}]}


def test_what_istiod_refuses_is_told_in_its_words(world):
    before = world.snapshot()
    (result,) = world.play(
        world.task("virtual_service", name="empty", spec={"hosts": ["server"], "http": [{"timeout": "1s"}]})
    )
    assert result["failed"]
    assert "route" in result["msg"]
    assert world.snapshot() == before


@pytest.mark.parametrize(
    ("api_version", "kind", "now"),
    [
        ("rbac.istio.io/v1alpha1", "ServiceRole", "AuthorizationPolicy"),
        ("authentication.istio.io/v1alpha1", "Policy", "PeerAuthentication"),
        ("config.istio.io/v1alpha2", "rule", "EnvoyFilter"),
    ],
)
def test_what_istio_has_removed_is_refused_with_a_pointer(world, api_version, kind, now):
    """Before anything else of the set is applied."""
    before = world.snapshot()
    old = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "old"}, "spec": {}}
    (result,) = world.play(world.task("apply", definitions=[entry("new"), old]))
    assert result["failed"]
    for part in (kind, "old", api_version.partition("/")[0], now):
        assert part in result["msg"]
    assert world.snapshot() == before


def test_diffs_show_which_secret_changes_and_not_to_what(world):
    def secret(values: dict[str, str]) -> Json:
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hidden"}, "stringData": values}

    def task(values: dict[str, str], *, check: bool, state: str) -> Json:
        return world.task("apply", check=check, definitions=[secret(values)], state=state)

    results, output = world.play_and_look(
        task(SECRETS, check=True, state="present"),
        task(SECRETS, check=False, state="present"),
        task(CHANGED_SECRETS, check=True, state="present"),
        task(CHANGED_SECRETS, check=False, state="present"),
        task(CHANGED_SECRETS, check=True, state="absent"),
        task(CHANGED_SECRETS, check=False, state="absent"),
    )
    assert [actions(result)["Secret hidden"] for result in results] == [
        *("created", "created", "changed", "changed", "deleted", "deleted")
    ]
    for value in (*SECRETS.values(), *CHANGED_SECRETS.values()):
        for text in (value, base64.b64encode(value.encode()).decode()):
            assert text not in output
            assert text not in str(results)
    (diff,) = results[3]["diff"]
    changed = [name for name in SECRETS if lines(diff["before"])[name] != lines(diff["after"])[name]]
    assert changed == ["password"]


def lines(text: str) -> dict[str, str]:
    return dict(line.strip().split(": ", 1) for line in text.splitlines() if ": " in line)
