# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images in the node: which it lacks, their import, and the store of unpacked images that clusters share."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import json
import shutil
import typing as t
from pathlib import Path

from ..host.commands import CommandError, run
from ..host.files import lock, remove_tree
from ..layout import EmbeddedError, Layout
from .containers import Containers


@dataclasses.dataclass(frozen=True)
class Image:
    """A cached image: its reference, the path of its archive, and the digest of its manifest if it is known."""

    name: str
    archive: str
    digest: str = ""


def images_of(artifacts: t.Mapping[str, t.Any]) -> list[Image]:
    """The images among the artifacts that have an archive to import, each once.

    Raises EmbeddedError for artifacts that have another form.
    """
    images = artifacts.get("images")
    entries = list(images.values()) if isinstance(images, dict) else [images]
    found = [entry for entry in entries if isinstance(entry, dict) and entry.get("archive")]
    if not isinstance(images, dict) or not all(
        isinstance(entry.get(name, ""), str) and (entry.get(name) or name == "digest")
        for entry in found
        for name in ("ref", "archive", "digest")
    ):
        raise EmbeddedError("The artifacts have no images that can be imported: give what embedded_artifacts returns.")
    return [Image(name=entry["ref"], archive=entry["archive"], digest=entry.get("digest", "")) for entry in found]


def missing_images(wanted: t.Sequence[Image], listing: str) -> list[Image]:
    """The wanted images that the output of `ctr images ls` lacks, or shows with another digest."""
    there: dict[str, str] = {}
    for line in listing.splitlines():
        fields = line.split()
        if len(fields) > 2:
            there[fields[0]] = fields[2]
    return [image for image in wanted if there.get(image.name) is None or image.digest not in ("", there[image.name])]


_IMAGES = ("ctr", "--namespace", "k8s.io", "images")
_IMPORT_SECONDS = 600.0


def lacking(containers: Containers, wanted: t.Sequence[Image]) -> list[Image]:
    """The wanted images that the running node lacks."""
    return missing_images(wanted, containers.execute(*_IMAGES, "ls").stdout)


def bring_in(containers: Containers, wanted: t.Sequence[Image]) -> list[Image]:
    """Import the wanted images that the running node lacks, and return them. Raises EmbeddedError."""
    missing = lacking(containers, wanted)
    archives = list(dict.fromkeys(image.archive for image in missing))
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda archive: _import(containers, archive), archives))
    left = lacking(containers, missing)
    if left:
        raise EmbeddedError(
            f"The cached archive {left[0].archive} does not hold the image {left[0].name}: "
            "remove the archive and run the playbook again to rebuild it."
        )
    return missing


def _import(containers: Containers, archive: str) -> None:
    try:
        with open(archive, "rb") as stream:
            containers.execute(*_IMAGES, "import", "-", stdin=stream, timeout=_IMPORT_SECONDS)
    except OSError as error:
        raise EmbeddedError(
            f"The cached image archive {archive} cannot be read ({error.strerror}): "
            "run the playbook again to rebuild it."
        ) from error


class Store:
    """containerd's root with all images unpacked, kept in the cache for new clusters."""

    def __init__(self, layout: Layout, images: t.Sequence[Image]) -> None:
        material = sorted((image.name, image.digest or image.archive) for image in images)
        key = hashlib.sha256(json.dumps(material).encode()).hexdigest()[:12]
        self._folder = layout.store
        self._kept = layout.store / key
        self._own = layout.volumes / "containerd"
        self._lock = layout.cache / "containerd.lock"

    def exists(self) -> bool:
        """Whether the store of these images is there."""
        return self._kept.is_dir()

    def seed(self) -> None:
        """Give a new cluster the images that an earlier one unpacked."""
        if self._own.is_dir() and any(self._own.iterdir()):
            return
        with lock(self._lock):
            if self._kept.is_dir():
                copy_store(self._kept, self._own)

    def keep(self) -> None:
        """Keep this cluster's unpacked images in place of those of earlier builds. containerd must not run."""
        with lock(self._lock):
            if not self._kept.is_dir():
                copy_store(self._own, self._kept)
                for other in self._folder.iterdir():
                    if other != self._kept:
                        remove_tree(other)


def copy_store(source: Path, target: Path) -> None:
    """Copy containerd's root by hard links, since unpacked layers and blobs are never written again.

    Its databases are written, so they are copied. The copy is renamed last, so under its own name it is complete.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    remove_tree(partial)
    try:
        run(["cp", "-a", "--link", str(source), str(partial)], timeout=600)
    except CommandError:
        # Another file system.
        remove_tree(partial)
        run(["cp", "-a", str(source), str(partial)], timeout=600)
    for database in partial.rglob("*.db"):
        if "snapshots" not in database.parts:
            shutil.copy2(database, database.with_suffix(".own"))
            database.with_suffix(".own").replace(database)
    if target.exists():
        target.rmdir()
    partial.replace(target)
