# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.tenancy import refusal

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
    assert refusal("team", found, held) == ""


def test_what_holds_something_of_others_is_refused() -> None:
    why = refusal("team", namespace(**{"mesh.workshop/managed": "false"}), [*CLUSTERS_OWN, *THEIRS])
    assert "Namespace team " in why
    assert "holds Deployment a, Deployment b, Deployment c and 2 more;" in why
    assert "label it mesh.workshop/managed=true yourself" in why
    assert "holds Secret s;" in refusal("team", namespace(), [thing("Secret", "s", type="Opaque")])


@pytest.mark.parametrize("name", ["default", "istio-system", "kube-system", "kube-public"])
def test_the_clusters_and_istios_never_are_whatever_their_labels(name: str) -> None:
    for found in (None, namespace(), namespace(**OURS)):
        assert "bookinfo_namespace" in refusal(name, found, [])
