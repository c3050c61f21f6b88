# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces for users who may not create any: by the engine that applies."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply import ApplyOptions, Report, apply_set
from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, status_body

Json = dict[str, t.Any]
LABELS = {"istio-injection": "enabled", "mesh.workshop/managed": "true"}
WANTED: list[Json] = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": LABELS}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}},
]


def namespace(labels: Json) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}


@pytest.fixture
def openshift(api: FakeApi) -> FakeApi:
    """An OpenShift that makes a namespace with each request for a Project."""
    api.kinds.append(("project.openshift.io/v1", "projectrequests", "ProjectRequest", False))
    store = api._store

    def stored(key: t.Any, obj: Json, old: Json | None) -> Json:
        if obj["kind"] == "ProjectRequest":
            api.put(namespace({}))
        return store(key, obj, old)

    api._store = stored  # type: ignore[method-assign]  # the test's own server
    return api


def refuse(api: FakeApi, times: int) -> None:
    message = 'namespaces "shop" is forbidden: User "ada" cannot patch resource "namespaces"'
    api.fail(403, method="PATCH", part="/namespaces/shop?", times=times, body=status_body(403, "Forbidden", message))


def run(client: Client, **options: t.Any) -> Report:
    return apply_set(client, WANTED, ApplyOptions(wait_timeout=2, **options))


def actions(report: Report) -> list[str]:
    return [one["action"] for one in report.results]


def test_a_project_is_requested_where_no_namespace_may_be_created(openshift: FakeApi, client: Client) -> None:
    refuse(openshift, times=1)
    report = run(client)
    assert (actions(report), report.message) == (["created", "created"], "2 created.")
    assert (openshift.find("Namespace", "shop") or {})["metadata"]["labels"] == LABELS
    assert openshift.find("ProjectRequest", "shop")


def test_labels_that_only_an_administrator_may_set_are_named(openshift: FakeApi, client: Client) -> None:
    refuse(openshift, times=9)
    report = run(client)
    assert actions(report) == ["failed", "not_applied"]
    assert report.message.startswith(
        "Namespace shop: it is made as a Project, and lacks istio-injection=enabled, mesh.workshop/managed=true, and "
        "this user may not set it; have an administrator set this"
    )
    # Once that is done, the next run needs no right to write the namespace.
    openshift.put(namespace({**LABELS, "theirs": "too"}))
    assert actions(run(client)) == ["unchanged", "created"]


def test_check_mode_requests_nothing(openshift: FakeApi, client: Client) -> None:
    refuse(openshift, times=9)
    assert actions(run(client, check=True)) == ["created", "created"]
    assert openshift.find("ProjectRequest", "shop") is None
    assert openshift.asked("POST") == []


def test_on_another_cluster_the_refusal_stays_what_it_is(api: FakeApi, client: Client) -> None:
    refuse(api, times=9)
    report = run(client)
    assert actions(report) == ["failed", "not_applied"]
    assert 'cannot patch resource "namespaces"; use credentials that have this right' in report.message
