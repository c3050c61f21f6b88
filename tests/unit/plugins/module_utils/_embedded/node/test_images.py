# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import types
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError, Layout
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node import images
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.node.images import Image

LISTING = """\
REF                            TYPE                                       DIGEST     SIZE    PLATFORMS   LABELS
registry.example/etcd:v3       application/vnd.oci.image.manifest.v1+json sha256:aa  9.6 MiB linux/amd64 -
registry.example/pause:1       application/vnd.oci.image.manifest.v1+json sha256:bb  1 KiB   linux/amd64 -
"""
ARTIFACTS: dict[str, t.Any] = {
    "bin": {"kubernetes": "/c/kubernetes", "istio": "/c/istio", "envoy": "/c/envoy"},
    "rootfs": {"node": "/c/rootfs"},
    "images": {
        "registry": "registry.example",
        "kube_version": "v1.36.3",
        "etcd": {"ref": "registry.example/etcd:v3", "tag": "v3", "digest": "sha256:aa", "archive": "/c/a.tar"},
        "pause": {"ref": "registry.example/pause:1", "tag": "1", "digest": "sha256:bb", "archive": "/c/a.tar"},
        "upstream": {"ref": "docker.example/x:1", "tag": "1", "archive": ""},
    },
}


def test_images_are_those_with_an_archive() -> None:
    assert [image.name for image in images.images_of(ARTIFACTS)] == [
        "registry.example/etcd:v3",
        "registry.example/pause:1",
    ]


@pytest.mark.parametrize(
    ("image", "missing"),
    [
        (Image("registry.example/etcd:v3", "/a", "sha256:aa"), False),
        (Image("registry.example/etcd:v3", "/a"), False),
        (Image("registry.example/etcd:v3", "/a", "sha256:cc"), True),
        (Image("registry.example/etcd:v4", "/a", "sha256:aa"), True),
    ],
)
def test_missing_images_are_told_by_name_and_content(image: Image, missing: bool) -> None:
    assert images.missing_images([image], LISTING) == ([image] if missing else [])


def test_copies_of_a_store_share_its_layers_and_not_its_databases(tmp_path: Path) -> None:
    source = tmp_path / "source"
    layer = source / "snapshotter" / "snapshots" / "1" / "fs" / "app.db"
    layer.parent.mkdir(parents=True)
    layer.write_text("layer")
    (source / "meta.db").write_text("database")
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "target.partial").mkdir()
    images.copy_store(source, target)
    assert (target / "meta.db").read_text() == "database"
    assert not (target / "meta.db").samefile(source / "meta.db")
    assert (target / layer.relative_to(source)).samefile(layer)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


class Containers:
    """A node whose containerd holds some images, and takes what an archive has."""

    def __init__(self, there: dict[str, str], holds: dict[str, str] | None = None) -> None:
        self.there = there
        self.holds = holds or {}
        self.imports: list[bytes] = []

    def execute(self, *argv: str, stdin: t.Any = None, timeout: float = 60.0) -> t.Any:
        assert argv[:4] == ("ctr", "--namespace", "k8s.io", "images")
        if stdin is not None:
            self.imports.append(stdin.read())
            self.there.update(self.holds)
        rows = [
            f"{name} application/vnd.oci.image.manifest.v1+json {digest} 1 MiB" for name, digest in self.there.items()
        ]
        return types.SimpleNamespace(stdout="REF TYPE DIGEST SIZE\n" + "\n".join(rows))


BOTH = {"mesh-workshop.local/redis:1": "sha256:redis", "mesh-workshop.local/ratelimit:1": "sha256:ratelimit"}


@pytest.fixture
def wanted(tmp_path: Path) -> list[Image]:
    """Two images of one archive."""
    archive = tmp_path / "both.tar"
    archive.write_bytes(b"images")
    return [Image(name, str(archive), digest) for name, digest in BOTH.items()]


def test_an_archive_is_imported_once_for_all_its_images(wanted: list[Image]) -> None:
    node = Containers({}, holds=BOTH)
    assert images.bring_in(node, wanted) == wanted
    assert node.imports == [b"images"]
    assert images.bring_in(node, wanted) == []
    assert len(node.imports) == 1


def test_another_content_under_the_same_name_is_imported(wanted: list[Image]) -> None:
    node = Containers({**BOTH, "mesh-workshop.local/redis:1": "sha256:old"}, holds=BOTH)
    assert images.bring_in(node, wanted) == [wanted[0]]


def test_an_archive_without_its_image_or_that_cannot_be_read_is_a_sentence(wanted: list[Image]) -> None:
    with pytest.raises(EmbeddedError, match="does not hold the image mesh-workshop.local/redis:1: remove the archive"):
        images.bring_in(Containers({}), wanted)
    with pytest.raises(EmbeddedError, match=r"/nowhere.tar cannot be read \(No such file or directory\)"):
        images.bring_in(Containers({}), [Image("a:1", "/nowhere.tar")])


def test_a_store_is_kept_for_its_images_and_seeds_new_clusters_only(tmp_path: Path, wanted: list[Image]) -> None:
    first, second = (
        Layout(name, data_root=tmp_path / "data", run_root=tmp_path / "run", cache=tmp_path / "cache")
        for name in ("first", "second")
    )
    own = first.volumes / "containerd"
    own.mkdir(parents=True)
    (own / "meta.db").write_text("unpacked")
    (first.store / "earlier").mkdir(parents=True)
    store = images.Store(first, wanted)
    assert not store.exists()
    store.keep()
    assert store.exists()
    assert not (first.store / "earlier").exists()
    assert not images.Store(first, wanted[:1]).exists()
    images.Store(second, wanted).seed()
    seeded = second.volumes / "containerd" / "meta.db"
    assert seeded.read_text() == "unpacked"
    seeded.write_text("in use")
    images.Store(second, wanted).seed()
    assert seeded.read_text() == "in use"
