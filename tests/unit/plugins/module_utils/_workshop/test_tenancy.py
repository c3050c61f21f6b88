# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.tenancy import Owner, claim_refusal, owner_of

Json = dict[str, t.Any]
OURS = {"mesh.workshop/managed": "true"}


def thing(kind: str, name: str, **parts: t.Any) -> Json:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **parts}


def namespace(**labels: str) -> Json:
    return {"metadata": {"name": "team", "labels": labels}}


CLUSTERS_OWN = [thing("ConfigMap", "kube-root-ca.crt"), thing("ServiceAccount", "default")]
THEIRS = [thing("Deployment", name) for name in "abcde"]


@pytest.mark.parametrize(
    ("found", "held"),
    [
        (None, []),
        (namespace(), CLUSTERS_OWN),
        ({"metadata": {"name": "team"}}, []),
        (namespace(**OURS), THEIRS),
    ],
)
def test_what_is_new_empty_or_the_workshops_may_be_had(found: Json | None, held: list[Json]) -> None:
    assert claim_refusal("team", found, held) == ""


def test_what_holds_something_of_others_is_refused() -> None:
    why = claim_refusal("team", namespace(**{"mesh.workshop/managed": "false"}), [*CLUSTERS_OWN, *THEIRS])
    assert "Namespace team " in why
    assert "holds Deployment a, Deployment b, Deployment c and 2 more;" in why
    assert "label it mesh.workshop/managed=true yourself" in why
    assert "holds Secret s;" in claim_refusal("team", namespace(), [thing("Secret", "s", type="Opaque")])


@pytest.mark.parametrize(
    "name", ["default", "istio-system", "kube-system", "kube-public", "openshift", "openshift-ingress"]
)
def test_the_clusters_and_istios_never_are_whatever_their_labels(name: str) -> None:
    for found in (None, namespace(), namespace(**OURS)):
        assert "bookinfo_namespace" in claim_refusal(name, found, [])


def marker(namespace: str, attendee: str) -> Json:
    return {
        "metadata": {"name": "mesh-workshop", "namespace": namespace, "labels": {"mesh.workshop/attendee": attendee}}
    }


NAMESPACES = [{"metadata": {"name": name}} for name in ("bookinfo", "second")]


@pytest.mark.parametrize("former", [None, marker("bookinfo", "bookinfo"), {"metadata": {"name": "mesh-workshop"}}])
def test_the_attendee_is_the_namespaces_name(former: Json | None) -> None:
    owner = owner_of("bookinfo", former, [], NAMESPACES)
    assert (owner.names, owner.places("istio-system")) == (("bookinfo",), ["bookinfo", "istio-system"])


def test_objects_of_a_former_name_are_taken_over() -> None:
    old = marker("bookinfo", "main")
    owner = owner_of("bookinfo", old, [old, marker("second", "second")], NAMESPACES)
    assert (owner.names, owner.places("istio-system")) == (("bookinfo", "main"), ["bookinfo", "istio-system"])


@pytest.mark.parametrize("others", [None, [marker("bookinfo", "main"), marker("second", "main")]])
def test_a_former_name_that_others_may_have_too_counts_in_the_namespace_only(others: list[Json] | None) -> None:
    owner = owner_of("bookinfo", marker("bookinfo", "main"), others, NAMESPACES)
    assert (owner.names, owner.places("istio-system")) == (("bookinfo", "main"), ["bookinfo"])


def test_a_marker_with_the_name_of_another_namespace_takes_nothing_of_it() -> None:
    assert owner_of("bookinfo", marker("bookinfo", "second"), [], NAMESPACES) == Owner("bookinfo")
