# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps that make images and archives of images."""

from __future__ import annotations

import os

from ..host.files import file_system
from . import oci
from .context import CONTAINED, Context
from .files import lay_out
from .references import archive_members
from .steps import Planned


def build_image(context: Context, item: Planned, work: str, result: str) -> None:
    """Build an image from a Containerfile with buildah, and keep it as an OCI layout."""
    recipe = item.step.recipe
    title = item.step.subject
    folder = os.path.join(work, "context")
    os.makedirs(folder)
    lay_out(context, item, folder)
    # The storage lives as long as the step, so no later build finds it half written.
    buildah = [
        *CONTAINED,
        "buildah",
        *("--root", os.path.join(work, "storage"), "--runroot", os.path.join(work, "run")),
        f"--storage-driver={storage_driver(work)}",
    ]
    base = context.result_of(recipe["base"]) if recipe["base"] else ""
    context.run(
        title,
        [
            *buildah,
            *("build", "--isolation=chroot", "--timestamp=0", "--quiet"),
            *([f"--build-arg=BASE=oci:{base}"] if base else []),
            f"--file={os.path.join(context.source, recipe['containerfile'])}",
            "--tag=localhost/image",
            folder,
        ],
    )
    archive = os.path.join(work, "image.tar")
    context.run(title, [*buildah, "push", "--quiet", "localhost/image", f"docker-archive:{archive}"])
    oci.from_docker_archive(archive, result, base)


def build_archive(context: Context, item: Planned, work: str, result: str) -> None:
    """Put several images into one archive that containerd imports."""
    members = archive_members(item, {name: context.planned[name].key for name in item.step.needs})
    oci.bundle({context.result_of(step): refs for step, refs in members.items()}, result)


def storage_driver(folder: str) -> str:
    """How buildah stacks layers: overlay mounts, which save a copy per layer, where the file system supports them."""
    return "overlay" if file_system(folder) in ("ext4", "xfs", "btrfs") else "vfs"
