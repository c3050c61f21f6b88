# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that the mesh does not know."""

from __future__ import annotations

from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._diagnose.worlds import (
    ERROR,
    inside,
    record,
    said,
    sentence,
    thing,
    world,
)

BLOCKED = {**ERROR, "status": 502}
SITE = {"url": "http://site.example:9080/", "expected_status": (200,)}
REGISTRY_ONLY = thing("default", spec={"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}})


def test_a_host_that_the_mesh_may_not_call_needs_a_service_entry() -> None:
    objects = {**world(), "Sidecar": [REGISTRY_ONLY], "ServiceEntry": []}
    found = inside(objects, BLOCKED, **SITE)
    assert sentence(found) == (
        "The mesh does not know the host site.example, and Sidecar bookinfo/default lets workloads call only what the "
        "mesh knows (REGISTRY_ONLY)."
    )
    assert found
    assert found.remedy == "Apply a ServiceEntry for site.example with port 9080."


def test_the_mesh_itself_may_be_closed() -> None:
    by_mesh = record(status=502, route="block_all", service="")
    found = inside(world(), BLOCKED, **SITE, records=(by_mesh,))
    assert "and workloads may call only what the mesh knows (REGISTRY_ONLY)" in sentence(found)


def test_a_port_that_is_not_known_is_another_matter() -> None:
    objects = {**world(), "Sidecar": [REGISTRY_ONLY]}
    objects["ServiceEntry"] = [thing("site", spec={"hosts": ["*.example"], "ports": [{"number": 80}]})]
    blocked = record(status=502, route="block_all", service="")
    found = inside(objects, BLOCKED, **SITE, records=(blocked,))
    assert "ServiceEntry bookinfo/site does not offer site.example on port 9080 to productpage" in sentence(found)
    found = inside(objects, BLOCKED, url="http://reviews:1/", records=(blocked,))
    assert "Service bookinfo/reviews does not offer reviews on port 1" in sentence(found)


def test_a_502_of_what_is_known_is_something_else() -> None:
    objects = {**world(), "Sidecar": [REGISTRY_ONLY], "ServiceEntry": []}
    assert inside(objects, BLOCKED) is None
    assert inside({**world(), "ServiceEntry": []}, BLOCKED, **SITE) is None
    assert said(objects, BLOCKED, **SITE, source="host") is None
