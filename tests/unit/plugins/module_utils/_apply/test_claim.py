# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of users who may not write to them, on a cluster that makes none on request."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._apply.claim import claim_namespace
from ansible_collections.mesh.workshop.plugins.module_utils._apply.report import UNCHANGED, Entry
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, Client, ref_of

REFUSAL = ApiError(403, "Forbidden", "you may not patch namespaces")


def claim(client: Client, live: dict[str, t.Any] | None, *, check: bool = False) -> Entry:
    """What becomes of a namespace with a label."""
    doc = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"istio-injection": "on"}}}
    entry = Entry(ref_of(doc), doc, before=live)
    claim_namespace(client, entry, REFUSAL, check=check, force=False)
    return entry


def namespace(**labels: str) -> dict[str, t.Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}


@pytest.mark.parametrize("check", [False, True])
def test_a_namespace_that_is_as_it_should_be_needs_no_write(client: Client, check: bool) -> None:
    live = namespace(**{"istio-injection": "on", "team": "x"})
    entry = claim(client, live, check=check)
    assert (entry.action, entry.after) == (UNCHANGED, live)


def test_what_a_namespace_lacks_is_named_with_who_can_set_it(client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        claim(client, namespace())
    said = caught.value.sentence()
    assert said.startswith("Namespace shop: it lacks ")
    assert "istio-injection" in said
    assert "have an administrator set this" in said


@pytest.mark.parametrize("check", [False, True])
def test_a_namespace_that_is_not_there_leaves_the_refusal(client: Client, check: bool) -> None:
    with pytest.raises(ApiError) as caught:
        claim(client, None, check=check)
    assert caught.value is REFUSAL
