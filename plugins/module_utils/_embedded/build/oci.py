# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images in OCI's own layout, whose shared layers lie on the disk once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import typing as t

from .failures import BuildError
from .files import hard_link, remove

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
# Compression would cost time twice and save nothing that is sent anywhere.
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def manifest_descriptor(layout: str) -> dict[str, t.Any]:
    """Descriptor of the one manifest in a layout."""
    with open(os.path.join(layout, "index.json"), encoding="utf-8") as stream:
        found: dict[str, t.Any] = json.load(stream)["manifests"][0]
    return found


def _blob(layout: str, digest: str) -> str:
    return os.path.join(layout, "blobs", *digest.split(":", 1))


def _store(layout: str, content: bytes) -> dict[str, t.Any]:
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    with open(_blob(layout, digest), "wb") as stream:
        stream.write(content)
    return {"digest": digest, "size": len(content)}


def from_docker_archive(archive: str, layout: str, base: str = "") -> None:
    """Turn a docker-archive, in which buildah leaves layers uncompressed, into an OCI layout.

    Layers that `base` has too become hard links to those of `base`.
    """
    os.makedirs(os.path.join(layout, "blobs", "sha256"))
    with tarfile.open(archive) as tar:

        def member(name: str) -> t.Any:
            stream = tar.extractfile(name)
            if stream is None:
                raise BuildError(f"{archive} holds no file {name}; run it again.")
            return stream

        (image,) = json.load(member("manifest.json"))
        config = member(image["Config"]).read()
        layers = []
        for name, digest in zip(image["Layers"], json.loads(config)["rootfs"]["diff_ids"], strict=True):
            path = _blob(layout, digest)
            if not os.path.exists(path):
                if base and os.path.exists(_blob(base, digest)):
                    hard_link(_blob(base, digest), path)
                else:
                    with member(name) as source, open(path, "wb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
            layers.append({"mediaType": _LAYER, "digest": digest, "size": os.path.getsize(path)})
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, **_store(layout, config)},
        "layers": layers,
    }
    stored = _store(layout, json.dumps(manifest).encode())
    _write_index(layout, [{"mediaType": _MANIFEST, **stored}])


def _write_index(layout: str, manifests: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    with open(os.path.join(layout, "oci-layout"), "w", encoding="utf-8") as stream:
        stream.write('{"imageLayoutVersion": "1.0.0"}')
    with open(os.path.join(layout, "index.json"), "w", encoding="utf-8") as stream:
        json.dump({"schemaVersion": 2, "manifests": list(manifests)}, stream)


def bundle(layouts: t.Mapping[str, t.Sequence[str]], archive: str) -> None:
    """Write one archive of several layouts, each under its references and each blob once."""
    manifests = []
    blobs: dict[str, str] = {}
    for layout, references in layouts.items():
        for name in os.listdir(os.path.join(layout, "blobs", "sha256")):
            blobs.setdefault(name, os.path.join(layout, "blobs", "sha256", name))
        for reference in references:
            manifests.append(
                {
                    **manifest_descriptor(layout),
                    "annotations": {
                        # containerd reads the full name from its own annotation,
                        # other tools from the standard one.
                        "io.containerd.image.name": reference,
                        "org.opencontainers.image.ref.name": reference,
                    },
                }
            )
    staged = archive + ".parts"
    os.makedirs(staged)
    _write_index(staged, manifests)
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
        for name in ("oci-layout", "index.json"):
            tar.add(os.path.join(staged, name), name)
        for name, path in sorted(blobs.items()):
            tar.add(path, f"blobs/sha256/{name}")
    remove(staged)
