# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import parts, steps

DIGESTS = {path: f"digest of {path}" for path in steps.inputs_of(parts.STEPS)}
EVERY = tuple(step.name for step in parts.STEPS)
USUAL = tuple(step for step in parts.STEPS if not step.on_demand)


def planned(digests=None, only=None, machine="x86_64"):
    chosen = steps.closure(only, parts.STEPS)
    return {item.name: item for item in steps.plan(chosen, digests or DIGESTS, machine)}


def changed(before, after):
    return {name for name in before if before[name].key != after[name].key}


def test_closure_takes_along_what_is_needed():
    assert [step.name for step in steps.closure(["node"], parts.STEPS)] == ["kubernetes", "node_base", "node"]
    assert [step.name for step in steps.closure(["istio"], parts.STEPS)] == ["istio"]
    assert steps.closure([], parts.STEPS) == steps.closure(None, parts.STEPS) == USUAL


def test_what_is_on_demand_is_built_when_it_is_named():
    names = [step.name for step in steps.closure(["archive_ratelimit"], parts.STEPS)]
    assert names == ["ratelimit", "redis", "image_redis", "image_ratelimit", "archive_ratelimit"]
    assert not set(names) & {step.name for step in USUAL}


def test_unknown_step_lists_the_known_ones():
    with pytest.raises(steps.UnknownStep, match=r"No step is called istioctl; the steps are kubernetes, istio,"):
        steps.closure(["istioctl", "node"], parts.STEPS)


def test_keys_are_the_same_for_the_same_inputs():
    assert not changed(planned(), planned())
    assert planned(only=["node"])["node"].key == planned()["node"].key
    assert re.fullmatch(r"bin/kubernetes-[0-9a-f]{12}", planned()["kubernetes"].target)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        (parts.BOOKINFO_APP, {"image_bookinfo", "archive_workloads"}),
        ("images/etcd.Containerfile", {"image_etcd", "archive_control_plane"}),
        ("images/node.list", {"node_base", "node", "image_pause", "archive_control_plane"}),
        ("go/coredns/go.sum", {"coredns", "image_coredns", "archive_control_plane"}),
        ("requirements-envoy.txt", {"envoy", "image_proxyv2", "archive_workloads"}),
    ],
)
def test_a_changed_input_changes_what_depends_on_it_and_no_more(path, steps):
    assert changed(planned(), planned({**DIGESTS, path: "other"})) == steps


def test_another_processor_is_another_key():
    assert changed(planned(only=EVERY), planned(only=EVERY, machine="aarch64")) == set(EVERY)


def test_a_changed_recipe_is_another_key():
    step = steps.closure(["envoy"], parts.STEPS)[0]
    other = steps.Step(**{**vars(step), "recipe": {**step.recipe, "files": {"envoy": "elsewhere"}}})
    (before,) = steps.plan([step], DIGESTS, "x86_64")
    (after,) = steps.plan([other], DIGESTS, "x86_64")
    assert before.key != after.key


def test_must_exist_names_the_files_inside():
    item = planned()["kubernetes"]
    assert f"{item.target}/kubelet" in item.must_exist
    assert item.must_exist[0] == item.target


def test_the_subject_is_what_a_title_is_about():
    (step,) = steps.closure(["envoy"], parts.STEPS)
    assert step.title == f"Envoy {parts.VERSIONS['envoy']}: fetching it"
    assert step.subject == f"Envoy {parts.VERSIONS['envoy']}"
