# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a set that fails, and what is put back."""

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply import put_back_all
from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, status_body
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._apply.sets import (
    actions,
    config_map,
    run,
    virtual_service,
)


def test_a_failure_says_what_was_applied_and_what_was_not(client: Client) -> None:
    bad = virtual_service("bad")
    bad["spec"]["htttp"] = []
    policy = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "p", "namespace": "bookinfo"},
        "spec": {},
    }
    report = run(client, [config_map("a"), bad, policy])
    assert report.failed
    assert report.changed
    assert actions(report) == {"a": "created", "bad": "failed", "p": "not_applied"}
    assert report.message == (
        "VirtualService bookinfo/bad: the API has no field spec.htttp; "
        "correct the spelling or the place of that field. "
        "Of 3 documents: 1 created, 1 failed, 1 not applied. Not applied: AuthorizationPolicy bookinfo/p."
    )


def test_atomic_puts_back_what_was_there(client: Client, api: FakeApi) -> None:
    run(client, [config_map("old", x="1", y="2")])
    before = api.find("ConfigMap", "old", "bookinfo")
    bad = virtual_service("bad")
    bad["spec"]["htttp"] = []
    report = run(client, [config_map("old", x="9"), config_map("new"), bad], atomic=True, diff=True)
    after = api.find("ConfigMap", "old", "bookinfo")
    for obj in (before, after):
        assert obj is not None
        obj["metadata"].pop("resourceVersion")
        obj["metadata"].pop("generation")
    assert before == after
    assert api.find("ConfigMap", "new", "bookinfo") is None
    assert report.failed
    assert not report.changed
    assert report.diff == []
    assert {result["name"]: result.get("put_back") for result in report.results} == {
        "old": "reverted",
        "new": "removed again",
        "bad": None,
    }
    assert report.message.endswith("What was there before is put back (2 changes).")


def test_what_was_removed_is_made_again(client: Client, api: FakeApi) -> None:
    run(client, [config_map("a", x="1")])
    report = run(client, [config_map("a")], state="absent")
    put_back_all(client, report)
    found = api.find("ConfigMap", "a", "bookinfo")
    assert found is not None
    assert found["data"] == {"x": "1"}
    assert not report.changed


def test_what_cannot_be_put_back_is_said(client: Client, api: FakeApi) -> None:
    report = run(client, [config_map("a")])
    api.fail(403, method="DELETE", body=status_body(403, "Forbidden", "you may not delete"))
    put_back_all(client, report)
    assert report.changed
    assert report.message.endswith(
        "0 of 1 changes were put back; not put back: ConfigMap bookinfo/a: you may not delete; "
        "use credentials that have this right, or ask for it to be granted."
    )


@pytest.mark.parametrize("atomic", [False, True])
def test_what_breaks_off_in_the_middle_is_reported_and_put_back(client: Client, api: FakeApi, atomic: bool) -> None:
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
    book = {"apiVersion": "example.com/v1", "kind": "Book", "metadata": {"name": "b", "namespace": "bookinfo"}}
    api.fail(403, method="GET", part="/books/b", body=status_body(403, "Forbidden", "no books"))
    report = run(client, [crd, config_map("a"), book], atomic=atomic)
    assert report.failed
    assert report.message.startswith("Book bookinfo/b: no books; use credentials")
    assert "Not applied: Book bookinfo/b." in report.message
    assert actions(report) == {"books.example.com": "created", "a": "created", "b": "not_applied"}
    assert report.changed is not atomic
    assert (api.find("ConfigMap", "a", "bookinfo") is None) is atomic
