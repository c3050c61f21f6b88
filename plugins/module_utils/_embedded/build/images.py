# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps that make images and archives of images, with buildah and skopeo."""

from __future__ import annotations

import json
import os

from ..host.files import file_system
from .context import CONTAINED, Context
from .files import lay_out
from .references import archive_members
from .steps import Planned

#: Layers stay uncompressed. Nothing is sent over a network, so compression would only cost time.
COPY = ("skopeo", "copy", "--quiet", "--dest-oci-accept-uncompressed-layers")


def build_image(context: Context, item: Planned, work: str, result: str) -> None:
    """Build an image from a Containerfile, and keep it as an OCI layout."""
    recipe = item.step.recipe
    title = item.step.subject
    folder = os.path.join(work, "context")
    os.makedirs(folder)
    lay_out(context, item, folder)
    # The storage lives as long as the step, so no later build finds it half written.
    driver, root, run_root = storage_driver(work), os.path.join(work, "storage"), os.path.join(work, "run")
    context.run(
        title,
        [
            *CONTAINED,
            *("buildah", "--root", root, "--runroot", run_root, f"--storage-driver={driver}"),
            *("build", "--isolation=chroot", "--timestamp=0", "--quiet"),
            *([f"--build-arg=BASE=oci:{context.result_of(recipe['base'])}"] if recipe["base"] else []),
            f"--file={os.path.join(context.source, recipe['containerfile'])}",
            "--tag=localhost/image",
            folder,
        ],
    )
    storage = f"containers-storage:[{driver}@{root}+{run_root}]localhost/image"
    context.run(title, [*CONTAINED, *COPY, storage, f"oci:{result}"])


def build_archive(context: Context, item: Planned, work: str, result: str) -> None:
    """Put several images into one archive that containerd imports: each under its references, each layer once."""
    title = item.step.subject
    layout = os.path.join(work, "layout")
    members = archive_members(item, {name: context.planned[name].key for name in item.step.needs})
    for step, references in members.items():
        for reference in references:
            context.run(title, [*COPY, f"oci:{context.result_of(step)}", f"oci:{layout}:{reference}"])
    context.run(
        title, ["tar", "--create", f"--file={result}", "--sort=name", "--mtime=@0", f"--directory={layout}", "."]
    )


def manifest_digest(layout: str) -> str:
    """Digest of the one manifest in an OCI layout, as containerd shows it for the image."""
    with open(os.path.join(layout, "index.json"), encoding="utf-8") as stream:
        return str(json.load(stream)["manifests"][0]["digest"])


def storage_driver(folder: str) -> str:
    """How buildah stacks layers: overlay mounts, which save a copy per layer, where the file system supports them."""
    return "overlay" if file_system(folder) in ("ext4", "xfs", "btrfs") else "vfs"
