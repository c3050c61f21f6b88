# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import context, images, parts, steps


@pytest.mark.parametrize(("kind", "driver"), [("ext4", "overlay"), ("overlay", "vfs"), ("tmpfs", "vfs")])
def test_storage_driver(monkeypatch, kind, driver):
    monkeypatch.setattr(images, "file_system", lambda folder: kind)
    assert images.storage_driver("/data/tmp") == driver


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A context whose commands are kept, with the steps of the control plane's images planned."""
    chosen = steps.closure(["archive_control_plane"], parts.STEPS)
    planned = steps.plan(chosen, dict.fromkeys(steps.inputs_of(chosen), "digest"), "x86_64")
    found = context.Context(str(tmp_path / "cache"), "/files", "/bookinfo")
    found.planned = {item.name: item for item in planned}
    found.commands = []
    monkeypatch.setattr(found, "run", lambda _title, command: found.commands.append(list(command)))
    monkeypatch.setattr(images, "file_system", lambda folder: "ext4")
    return found


def test_an_image_is_built_on_its_base_and_written_uncompressed(here, tmp_path, monkeypatch):
    monkeypatch.setattr(images, "lay_out", lambda *_arguments: None)
    images.build_image(here, here.planned["image_kube"], str(tmp_path), "/result")
    build, copy = here.commands
    assert f"--build-arg=BASE=oci:{here.result_of('image_base')}" in build
    assert "--file=/files/images/kube.Containerfile" in build
    assert copy[-2:] == [
        f"containers-storage:[overlay@{tmp_path}/storage+{tmp_path}/run]localhost/image",
        "oci:/result",
    ]
    assert "--dest-oci-accept-uncompressed-layers" in copy


def test_an_image_from_scratch_names_no_base(here, tmp_path, monkeypatch):
    monkeypatch.setattr(images, "lay_out", lambda *_arguments: None)
    images.build_image(here, here.planned["image_etcd"], str(tmp_path), "/result")
    assert not any("BASE" in part for part in here.commands[0])


def test_an_archive_holds_each_image_under_all_of_its_references(here, tmp_path):
    images.build_archive(here, here.planned["archive_control_plane"], str(tmp_path), "/result.tar")
    *copies, tar = here.commands
    copied = {command[-1].removeprefix(f"oci:{tmp_path}/layout:"): command[-2] for command in copies}
    assert copied[f"mesh-workshop.local/kube-proxy:{parts.VERSIONS['kubernetes']}"] == (
        f"oci:{here.result_of('image_kube')}"
    )
    assert len(copied) == len(copies) == len(parts.KUBE_IMAGES) + 3
    assert tar[0] == "tar"
    assert "--file=/result.tar" in tar


def test_the_digest_is_that_of_the_manifest(tmp_path):
    (tmp_path / "index.json").write_text(json.dumps({"manifests": [{"digest": "sha256:1"}]}))
    assert images.manifest_digest(str(tmp_path)) == "sha256:1"
