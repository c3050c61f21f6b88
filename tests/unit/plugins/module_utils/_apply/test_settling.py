# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which changes the proxies are asked about, and who is to blame where they do not take them."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply.places import Places
from ansible_collections.mesh.workshop.plugins.module_utils._apply.report import (
    CHANGED,
    CREATED,
    DELETED,
    UNCHANGED,
    Entry,
)
from ansible_collections.mesh.workshop.plugins.module_utils._apply.settling import Uptake, settle
from ansible_collections.mesh.workshop.plugins.module_utils._istio import settled
from ansible_collections.mesh.workshop.plugins.module_utils._kube import Client, ref_of

Json = dict[str, t.Any]
STARTED = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
NETWORK = "networking.istio.io/v1"


def entry(kind: str, action: str, api_version: str = NETWORK, **meta: t.Any) -> Entry:
    doc = {"apiVersion": api_version, "kind": kind, "metadata": {"name": kind.lower(), "namespace": "shop", **meta}}
    return Entry(ref_of(doc), doc, action, after=None if action == DELETED else doc)


@pytest.fixture(name="asked")
def asked_fixture(monkeypatch: pytest.MonkeyPatch) -> list[t.Any]:
    """What istiod was asked about; it says that the proxies refuse it."""
    questions: list[t.Any] = []

    def wait_settled(_client: Client, present: t.Any, absent: t.Any, since: datetime, _deadline: float) -> t.Any:
        questions.append(([ref.kind for ref in present], [ref.kind for ref in absent], since))
        return settled.Settled(ok=False, error="the proxies refuse it.", warning="slow", unknown="?")

    monkeypatch.setattr(settled, "wait_settled", wait_settled)
    return questions


def look(client: Client, *entries: Entry) -> Uptake:
    places = Places(client, [], namespace=None, absent=False)
    return settle(client, places, entries, started=STARTED, deadline=0)


def test_the_proxies_are_asked_about_what_has_changed_of_istio(client: Client, asked: list[t.Any]) -> None:
    uptake = look(
        client,
        entry("VirtualService", CREATED),
        entry("DestinationRule", DELETED),
        entry("Gateway", UNCHANGED),
        entry("ConfigMap", CHANGED, "v1"),
    )
    assert [(present, absent) for present, absent, _since in asked] == [(["VirtualService"], ["DestinationRule"])]
    assert (uptake.warning, uptake.unknown) == ("slow", "?")
    said = "VirtualService shop/virtualservice is applied, but the proxies refuse it."
    assert {str(ref): text for ref, text in uptake.trouble.items()} == {"VirtualService shop/virtualservice": said}


def test_where_nothing_of_istio_has_changed_nobody_is_asked(client: Client, asked: list[t.Any]) -> None:
    assert look(client, entry("Gateway", UNCHANGED), entry("ConfigMap", CREATED, "v1")) == Uptake({})
    assert asked == []


def test_a_kind_that_went_with_its_definition_is_not_asked_about(client: Client, asked: list[t.Any]) -> None:
    assert look(client, entry("Relic", DELETED, "relics.istio.io/v1")) == Uptake({})
    assert asked == []


def test_an_envoy_filter_is_asked_about_even_if_it_was_there_and_is_to_blame(
    client: Client, asked: list[t.Any]
) -> None:
    filters = entry("EnvoyFilter", UNCHANGED, "networking.istio.io/v1alpha3")
    uptake = look(client, entry("VirtualService", CREATED), filters)
    assert asked[0][0] == ["VirtualService", "EnvoyFilter"]
    assert list(uptake.trouble) == [filters.ref], "only Envoy checks what it holds"


def test_what_istiod_knew_before_the_change_does_not_count(client: Client, asked: list[t.Any]) -> None:
    written = {"manager": "mesh-workshop", "operation": "Apply", "time": "2026-01-01T11:59:50Z"}
    look(client, entry("VirtualService", CREATED, managedFields=[written]))
    look(client, entry("VirtualService", CREATED))
    by_cluster, by_us = (since for _present, _absent, since in asked)
    assert by_cluster == STARTED - timedelta(seconds=12), "by the cluster's clock"
    assert by_us == STARTED - timedelta(seconds=2)
