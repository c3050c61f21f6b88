# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import io
import json
import tarfile

from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import oci


def docker_archive(path, layers, config=None):
    """What buildah pushes."""
    members = {}
    digests = []
    for content in layers:
        digest = hashlib.sha256(content).hexdigest()
        digests.append(digest)
        members[f"{digest}.tar"] = content
    text = json.dumps({**(config or {}), "rootfs": {"diff_ids": [f"sha256:{digest}" for digest in digests]}}).encode()
    members["config.json"] = text
    manifest = [{"Config": "config.json", "RepoTags": [], "Layers": [f"{digest}.tar" for digest in digests]}]
    members["manifest.json"] = json.dumps(manifest).encode()
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def blob(layout, digest):
    return layout / "blobs" / digest.replace(":", "/")


def test_oci_layout_is_consistent(tmp_path):
    docker_archive(tmp_path / "a.tar", [b"base", b"top", b"top"], {"os": "linux"})
    oci.from_docker_archive(str(tmp_path / "a.tar"), str(tmp_path / "a"))
    (descriptor,) = json.loads((tmp_path / "a/index.json").read_text())["manifests"]
    manifest = json.loads(blob(tmp_path / "a", descriptor["digest"]).read_text())
    assert json.loads(blob(tmp_path / "a", manifest["config"]["digest"]).read_text())["os"] == "linux"
    assert len(manifest["layers"]) == 3
    for part in (descriptor, manifest["config"], *manifest["layers"]):
        content = blob(tmp_path / "a", part["digest"]).read_bytes()
        assert part["digest"] == "sha256:" + hashlib.sha256(content).hexdigest()
        assert part["size"] == len(content)


def test_layers_of_the_base_are_kept_once(tmp_path):
    docker_archive(tmp_path / "base.tar", [b"base"])
    docker_archive(tmp_path / "top.tar", [b"base", b"top"])
    oci.from_docker_archive(str(tmp_path / "base.tar"), str(tmp_path / "base"))
    oci.from_docker_archive(str(tmp_path / "top.tar"), str(tmp_path / "top"), str(tmp_path / "base"))
    shared = "sha256:" + hashlib.sha256(b"base").hexdigest()
    assert blob(tmp_path / "base", shared).samefile(blob(tmp_path / "top", shared))


def test_bundle_holds_each_blob_once_and_every_reference(tmp_path):
    docker_archive(tmp_path / "base.tar", [b"base"])
    docker_archive(tmp_path / "top.tar", [b"base", b"top"])
    layouts = {}
    for name, refs in {"base": ["r/base:1"], "top": ["r/top:1", "r/also:1"]}.items():
        oci.from_docker_archive(str(tmp_path / f"{name}.tar"), str(tmp_path / name))
        layouts[str(tmp_path / name)] = refs
    oci.bundle(layouts, str(tmp_path / "all.tar"))
    with tarfile.open(tmp_path / "all.tar") as tar:
        names = tar.getnames()
        index = json.load(tar.extractfile("index.json"))
    assert len(names) == len(set(names))
    assert sum(name.startswith("blobs/") for name in names) == 6  # two layers, two configs, two manifests
    assert [entry["annotations"]["io.containerd.image.name"] for entry in index["manifests"]] == [
        "r/base:1",
        "r/top:1",
        "r/also:1",
    ]
    assert index["manifests"][1]["digest"] == index["manifests"][2]["digest"]
    assert not (tmp_path / "all.tar.parts").exists()
