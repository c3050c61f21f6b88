# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply import DocumentError, Report
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client, connect
from ansible_collections.mesh.workshop.plugins.module_utils._kube.labels import ATTENDEE, LAB
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, status_body
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._apply.sets import (
    Json,
    actions,
    config_map,
    namespace,
    rule,
    run,
    virtual_service,
)


def test_create_keep_change(client: Client) -> None:
    docs = [config_map("a", x="1"), config_map("b")]
    assert actions(run(client, docs)) == {"a": "created", "b": "created"}
    again = run(client, docs)
    assert (again.changed, actions(again)) == (False, {"a": "unchanged", "b": "unchanged"})
    changed = run(client, [config_map("a", x="2"), config_map("b")])
    assert (changed.changed, actions(changed)) == (True, {"a": "changed", "b": "unchanged"})
    assert changed.message == "1 changed, 1 unchanged."


def test_one_list_and_one_patch_per_document(client: Client, api: FakeApi) -> None:
    run(client, [config_map(f"m{number}") for number in range(20)])
    assert len(api.asked("PATCH")) == 20
    assert [path.split("?")[0] for _m, path, _h in api.asked("GET")] == [
        "/api/v1",
        "/api/v1/namespaces/bookinfo/configmaps",
    ]


def test_a_single_document_costs_one_get_and_one_patch(client: Client, api: FakeApi) -> None:
    run(client, [config_map("a")])
    run(client, [config_map("a")])
    assert len(api.asked("GET", "/configmaps/a")) == 2
    assert len(api.asked("PATCH")) == 2


def test_what_is_referred_to_comes_first_and_goes_last(client: Client, api: FakeApi) -> None:
    docs = [virtual_service("v"), rule("d"), config_map("a")]
    run(client, docs)
    assert [path.split("?")[0].rsplit("/", 1)[1] for _m, path, _h in api.asked("PATCH")] == ["a", "d", "v"]
    run(client, docs, state="absent")
    assert [path.rsplit("/", 1)[1] for _m, path, _h in api.asked("DELETE")] == ["v", "d", "a"]


def test_check_mode_changes_nothing_and_says_the_same(client: Client, api: FakeApi) -> None:
    run(client, [config_map("a", x="1"), config_map("b")])
    before = api.versions()
    docs = [config_map("a", x="2"), config_map("b"), config_map("c")]
    expected = run(client, docs, check=True, diff=True)
    assert api.versions() == before
    done = run(client, docs, diff=True)
    assert actions(expected) == actions(done) == {"a": "changed", "b": "unchanged", "c": "created"}
    assert expected.diff == done.diff


def test_check_mode_of_a_removal(client: Client, api: FakeApi) -> None:
    run(client, [config_map("a")])
    before = api.versions()
    report = run(client, [config_map("a")], state="absent", check=True, diff=True)
    assert (report.changed, actions(report)) == (True, {"a": "deleted"})
    assert report.diff[0]["after"] == ""
    assert api.versions() == before


def test_check_mode_of_what_lives_in_what_is_yet_to_come(client: Client, api: FakeApi) -> None:
    inside = {**config_map("a"), "metadata": {"name": "a", "namespace": "new"}}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "books.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Book", "plural": "books"},
            "scope": "Namespaced",
            "versions": [{"name": "v1"}],
        },
    }
    book = {"apiVersion": "example.com/v1", "kind": "Book", "metadata": {"name": "b", "namespace": "new"}}
    docs = [book, inside, crd, namespace("new")]
    before = api.versions()
    assert set(actions(run(client, docs, check=True)).values()) == {"created"}
    assert api.versions() == before
    assert set(actions(run(client, docs)).values()) == {"created"}
    assert not run(client, docs).changed


def test_diff_is_clean_and_masks_secrets(client: Client) -> None:
    def secret(**data: str) -> Json:
        meta = {"name": "s", "namespace": "bookinfo"}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}

    run(client, [secret(a="one", b="two")])
    diff = run(client, [secret(a="other", b="two")], diff=True).diff
    text = str(diff)
    assert "managedFields" not in text
    assert "resourceVersion" not in text
    assert "b3RoZXI" not in text
    assert "other" not in text
    assert "a: <hidden, before>" in diff[0]["before"]
    assert "a: <hidden, changed>" in diff[0]["after"]
    assert "b: <hidden>" in diff[0]["after"]


def test_unchanged_documents_have_no_diff(client: Client) -> None:
    run(client, [config_map("a")])
    assert run(client, [config_map("a")], diff=True).diff == []


def test_conflicts_are_reported_and_forced_only_when_asked(client: Client, api: FakeApi) -> None:
    client.apply(config_map("a", x="theirs"), field_manager="someone")
    report = run(client, [config_map("a", x="ours")])
    assert report.failed
    assert "field manager someone owns data.x" in report.message
    assert actions(run(client, [config_map("a", x="ours")], force=True)) == {"a": "changed"}


def test_prune_removes_only_what_carries_the_labels(client: Client, api: FakeApi) -> None:
    owner = {LAB: "faults", ATTENDEE: "alice"}
    run(client, [config_map("mine"), virtual_service("old")], labels=owner)
    run(client, [config_map("other-attendee")], labels={LAB: "faults", ATTENDEE: "bob"})
    run(client, [config_map("no-lab")], labels={ATTENDEE: "alice"})
    run(client, [config_map("plain")])
    selector = {ATTENDEE: "alice", LAB: None}
    options: Json = {"labels": owner, "prune_selector": selector}
    before = api.versions()
    expected = run(client, [config_map("mine")], check=True, **options)
    assert api.versions() == before
    done = run(client, [config_map("mine")], **options)
    assert actions(expected) == actions(done) == {"mine": "unchanged", "old": "deleted"}
    left = {item["metadata"]["name"] for item in client.list("v1", "ConfigMap", "bookinfo")}
    assert left == {"mine", "other-attendee", "no-lab", "plain"}
    assert not run(client, [config_map("mine")], **options).changed


def test_prune_leaves_what_a_controller_made(client: Client, api: FakeApi) -> None:
    meta = {"name": "p", "namespace": "bookinfo", "labels": {LAB: "x"}, "ownerReferences": [{"controller": True}]}
    api.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta})
    assert not run(client, [], prune_selector={LAB: "x"}).changed


def test_prune_can_be_kept_to_namespaces(client: Client, api: FakeApi) -> None:
    run(client, [namespace("two"), config_map("a")], labels={LAB: "x"})
    run(client, [{**config_map("b"), "metadata": {"name": "b", "namespace": "two"}}], labels={LAB: "x"})
    report = run(client, [], prune_selector={LAB: "x"}, prune_namespaces=["two"])
    assert actions(report) == {"b": "deleted"}


def test_prune_by_anything_but_our_labels_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="own labels only"):
        run(client, [], prune_selector={"app": "reviews"})


def test_nothing_is_pruned_after_a_failure(client: Client) -> None:
    run(client, [config_map("old")], labels={LAB: "x"})
    bad = virtual_service("bad")
    bad["spec"]["htttp"] = []
    assert run(client, [bad], prune_selector={LAB: "x"}).failed
    assert client.get("v1", "ConfigMap", "old", "bookinfo") is not None


def test_what_to_prune_is_found_before_anything_is_changed(client: Client, api: FakeApi) -> None:
    api.fail(403, method="GET", part="labelSelector", body=status_body(403, "Forbidden", "no list"))
    before = api.versions()
    with pytest.raises(ApiError, match="no list"):
        run(client, [config_map("a")], prune_selector={LAB: "x"})
    assert api.versions() == before


def test_what_is_removed_and_could_be_pruned_too_is_reported_once(client: Client) -> None:
    run(client, [config_map("a"), config_map("b")], labels={LAB: "x"})
    options: Json = {"state": "absent", "prune_selector": {LAB: "x"}}
    expected = run(client, [config_map("a")], check=True, **options)
    done = run(client, [config_map("a")], **options)
    for report in (expected, done):
        assert [(one["name"], one["action"]) for one in report.results] == [("a", "deleted"), ("b", "deleted")]


def test_what_is_being_deleted_is_waited_for_and_made_anew(client: Client, api: FakeApi) -> None:
    meta = {"name": "a", "namespace": "bookinfo", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    api.put({**config_map("a"), "metadata": meta})
    threading.Timer(0.2, lambda: api.remove("ConfigMap", "a", "bookinfo")).start()
    assert actions(run(client, [config_map("a", x="1")])) == {"a": "created"}


def test_a_status_that_changes_meanwhile_is_no_change(client: Client, api: FakeApi) -> None:
    run(client, [config_map("a")])
    original = client.list

    def list_then_status(*args: t.Any, **kwargs: t.Any) -> list[Json]:
        found = original(*args, **kwargs)
        live = api.find("ConfigMap", "a", "bookinfo")
        api.put({**live, "status": {"seen": True}})  # type: ignore[dict-item]  # it is there
        return found

    client.list = list_then_status  # type: ignore[method-assign]  # the race is made here
    assert actions(run(client, [config_map("a"), config_map("b")]))["a"] == "unchanged"


def test_without_the_right_to_list_each_object_is_read(client: Client, api: FakeApi) -> None:
    client.resource("v1", "ConfigMap")
    api.fail(403, method="GET", part="/configmaps?", body=status_body(403, "Forbidden", "no list"))
    assert not run(client, [config_map("a"), config_map("b")]).failed


def test_the_api_server_restarts_in_the_middle_of_a_set(client: Client, api: FakeApi) -> None:
    client.resource("v1", "ConfigMap")

    def restart() -> None:
        api.stop()
        api.start()

    threading.Timer(0.05, restart).start()
    report = run(client, [config_map(f"m{number}") for number in range(200)])
    assert not report.failed
    assert len(client.list("v1", "ConfigMap", "bookinfo")) == 200


def test_an_expired_token_is_read_again(api: FakeApi, tmp_path: t.Any) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": api.url}}],
        "users": [{"name": "u", "user": {"tokenFile": str(token)}}],
    }
    made = connect({"kubeconfig": config}, {})
    api.tokens = {"new"}
    with pytest.raises(ApiError, match="does not accept the credentials"):
        made.list("v1", "Pod")
    token.write_text("new")
    report = run(made, [config_map(f"m{number}") for number in range(10)])
    assert not report.failed


@pytest.mark.parametrize(
    ("doc", "sentence"),
    [
        ("text", "a document is a string; it must be an object with apiVersion and kind."),
        ({"kind": "ConfigMap", "metadata": {"name": "a"}}, "document 1 (ConfigMap a) has no apiVersion; add it."),
        ({"apiVersion": "v1", "metadata": {"name": "a"}}, "document 1 (no kind a) has no kind; add it."),
        ({"apiVersion": "v1", "kind": "ConfigMap"}, "document 1 (ConfigMap) has no metadata; give it metadata.name."),
        (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "a-"}},
            "document 1 (Pod) has generateName, which cannot be applied; name it.",
        ),
        (
            {"apiVersion": "rbac.istio.io/v1alpha1", "kind": "ServiceRole", "metadata": {"name": "r"}},
            "ServiceRole r: Istio has removed the API rbac.istio.io; mesh.workshop.migrate converts it to "
            "AuthorizationPolicy.",
        ),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": 1}}},
            "ConfigMap a: metadata.labels.x is 1; quote it, since its value must be a string.",
        ),
    ],
)
def test_bad_documents_are_refused_before_anything_is_sent(
    client: Client, api: FakeApi, doc: t.Any, sentence: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        run(client, [doc])
    assert str(caught.value) == sentence
    assert api.requests == []


def test_the_same_object_twice_is_refused(client: Client) -> None:
    with pytest.raises(DocumentError, match="ConfigMap bookinfo/a appears twice"):
        run(client, [config_map("a"), config_map("a")])


def test_two_runs_at_once_come_to_the_same_end(client: Client, api: FakeApi) -> None:
    docs = [config_map(f"m{number}", x="1") for number in range(30)]
    reports: list[Report] = []
    other = connect({"host": api.url}, {})
    threads = [threading.Thread(target=lambda who=who: reports.append(run(who, docs))) for who in (client, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.failed for report in reports] == [False, False]
    assert not run(client, docs).changed


def test_a_workload_that_is_not_ready_in_time_is_explained_by_who_knows_more(client: Client) -> None:
    labels = {"matchLabels": {"app": "shelf"}}
    workload: Json = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shelf", "namespace": "bookinfo"},
        "spec": {"selector": labels, "template": {"metadata": {"labels": {"app": "shelf"}}}},
    }
    asked: list[Json] = []

    def explain(_client: Client, after: Json) -> str:
        asked.append(after)
        return "The probe is refused."

    report = run(client, [workload], wait_timeout=0.2, explain=explain)
    assert report.failed
    assert report.message.startswith("The probe is refused. Deployment bookinfo/shelf is not ready within the time")
    assert [after["metadata"]["name"] for after in asked] == ["shelf"]
    assert run(client, [workload], wait_timeout=0.2).message.startswith("Deployment bookinfo/shelf is not ready")


def test_each_change_is_told_as_it_is_made(client: Client) -> None:
    told: list[Json] = []
    run(client, [config_map("a"), config_map("b")], on_change=told.append, check=True)
    assert told == []
    run(client, [config_map("a"), config_map("b")], on_change=told.append)
    run(client, [config_map("a")], on_change=told.append)
    run(client, [config_map("a")], on_change=told.append, state="absent")
    assert sorted((one["action"], one["name"]) for one in told) == [
        ("created", "a"),
        ("created", "b"),
        ("deleted", "a"),
    ]
