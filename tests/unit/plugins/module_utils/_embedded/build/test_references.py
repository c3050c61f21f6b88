# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import parts, references, steps

DIGESTS = {path: f"digest of {path}" for path in steps.inputs_of(parts.STEPS)}
EVERY = tuple(step.name for step in parts.STEPS)


def planned(digests=None, only=None, machine="x86_64"):
    chosen = steps.closure(only, parts.STEPS)
    return {item.name: item for item in steps.plan(chosen, digests or DIGESTS, machine)}


def refs(**kwargs):
    return {name: ref for name, (_step, ref) in references.references(keys(**kwargs)).items()}


def keys(**kwargs):
    return {name: item.key for name, item in planned(**kwargs).items()}


def test_references():
    named = refs()
    assert named["kube_apiserver"] == "mesh-workshop.local/kube-apiserver:v1.36.3"
    assert named["etcd"] == f"mesh-workshop.local/etcd:{parts.VERSIONS['etcd']}"
    assert named["probe"] == f"mesh-workshop.local/probe:{keys()['image_base'][:8]}"
    assert all(ref.startswith("mesh-workshop.local/") for ref in named.values())
    assert not [ref for ref in named.values() if ref.endswith(":latest")]
    assert all(re.fullmatch(r"[\w][\w.-]{0,127}", ref.rsplit(":", 1)[1]) for ref in named.values())


def test_istiod_and_proxy_have_one_tag_that_follows_both():
    before, after = refs(), refs(digests={**DIGESTS, "requirements-envoy.txt": "other"})
    tag = {name: ref.rsplit(":", 1)[1] for name, ref in before.items()}
    assert tag["pilot"] == tag["proxyv2"]
    assert tag["pilot"].startswith(parts.VERSIONS["istio"] + "-")
    assert after["pilot"] != before["pilot"]


def test_no_reference_without_its_step():
    assert refs(only=["istio"]) == {}
    assert set(refs(only=["image_pilot"])) == {"probe"}


def test_archive_members_are_all_images_once():
    plan = planned(only=EVERY)
    found = {}
    for name in plan:
        if plan[name].step.kind == "archive":
            found.update(references.archive_members(plan[name], keys(only=EVERY)))
    assert sorted(ref for members in found.values() for ref in members) == sorted(refs(only=EVERY).values())
    assert len(found["image_kube"]) == 4


def test_describe_everything():
    plan = list(planned().values())
    result = references.describe(plan, "/c", {"image_etcd": "sha256:1"})
    assert set(result["bin"]) == {"kubernetes", "coredns", "istio", "envoy"}
    assert result["rootfs"]["node"].startswith("/c/rootfs/node-")
    assert result["images"]["etcd"]["digest"] == "sha256:1"
    assert result["images"]["etcd"]["archive"] == result["archives"][0]
    assert result["images"]["kube_version"] == "v1.36.3"
    pilot = result["images"]["pilot"]
    assert f"{pilot['repository']}:{pilot['tag']}" == pilot["ref"]


def test_describe_what_is_on_demand():
    result = references.describe(list(planned(only=["archive_ratelimit"]).values()), "/c", {})
    assert result["images"]["redis"]["archive"] == result["archives"][0]
    assert result["images"]["ratelimit"]["archive"].startswith("/c/images/ratelimit-")


def test_describe_a_part():
    result = references.describe(list(planned(only=["istio"]).values()), "/c", {})
    assert list(result["bin"]) == ["istio"]
    assert result["archives"] == []
    assert result["rootfs"] == {}


def test_definitions_are_described_by_their_channel():
    found = references.describe(list(planned(only=["gateway-api-experimental"]).values()), "/cache", {})
    key = keys(only=["gateway-api-experimental"])["gateway-api-experimental"]
    assert found["definitions"] == {"gateway_api_experimental": f"/cache/bin/gateway-api-experimental-{key}"}


def test_what_pages_draw_with_is_described_where_it_is_planned():
    found = references.describe(list(planned(only=["pages"]).values()), "/cache", {})
    assert found["libraries"] == {"pages": f"/cache/bin/pages-{keys(only=['pages'])['pages']}"}
    assert references.describe(list(planned(only=["envoy"]).values()), "/cache", {})["libraries"] == {}
