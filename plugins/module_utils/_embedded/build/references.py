# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names under which the built images and programs are used. Pure."""

from __future__ import annotations

import hashlib
import os
import typing as t

from .parts import KUBE_IMAGES, REGISTRY, VERSIONS
from .steps import Planned


def references(keys: t.Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Step and full reference of each image whose step has a key, by the image's name.

    Tags of the control plane's images are versions, because kubeadm builds some
    of these tags itself and parses others. All other tags are keys: a changed
    image gets another reference, so no pull policy takes one for the other.
    """
    found: dict[str, tuple[str, str]] = {}

    def add(name: str, step: str, repository: str, tag: str) -> None:
        found[name] = (step, f"{REGISTRY}/{repository}:{tag}")

    if "image_kube" in keys:
        for image in KUBE_IMAGES:
            add(image.replace("-", "_"), "image_kube", image, VERSIONS["kubernetes"])
    for name in ("etcd", "coredns"):
        if f"image_{name}" in keys:
            add(name, f"image_{name}", name, VERSIONS[name])
    for name, step in (
        ("pause", "image_pause"),
        ("probe", "image_base"),
        ("bookinfo", "image_bookinfo"),
        ("grpc_health", "image_grpc-health"),
        ("ratelimit", "image_ratelimit"),
        ("redis", "image_redis"),
        ("zipkin", "image_zipkin"),
        ("prometheus", "image_prometheus"),
    ):
        if step in keys:
            add(name, step, name.replace("_", "-"), keys[step][:8])
    if "image_pilot" in keys and "image_proxyv2" in keys:
        # istiod injects the proxy under its own tag, so both need the same one.
        both = hashlib.sha256(f"{keys['image_pilot']} {keys['image_proxyv2']}".encode()).hexdigest()[:8]
        for name in ("pilot", "proxyv2"):
            add(name, f"image_{name}", f"istio/{name}", f"{VERSIONS['istio']}-{both}")
    return found


def archive_members(planned: Planned, keys: t.Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """References of the images in one archive, by step."""
    named = references(keys)
    return {
        step: tuple(ref for owner, ref in named.values() if owner == step) for step in planned.step.recipe["images"]
    }


def describe(planned: t.Sequence[Planned], cache: str, digests: t.Mapping[str, str]) -> dict[str, t.Any]:
    """Paths and references for the roles. `digests` maps a step to its image's digest."""
    by_name = {item.name: item for item in planned}
    keys = {name: item.key for name, item in by_name.items()}

    def path(name: str) -> str:
        return os.path.join(cache, by_name[name].target)

    archives = {name: path(name) for name, item in by_name.items() if item.step.kind == "archive"}
    holds = {step: archives[name] for name in archives for step in by_name[name].step.recipe["images"]}
    images: dict[str, t.Any] = {"registry": REGISTRY, "kube_version": VERSIONS["kubernetes"]}
    for image, (step, ref) in references(keys).items():
        repository, tag = ref.rsplit(":", 1)
        images[image] = {
            "ref": ref,
            "repository": repository,
            "tag": tag,
            "digest": digests.get(step, ""),
            "archive": holds.get(step, ""),
        }
    return {
        "cache": cache,
        "bin": {name: path(name) for name in ("kubernetes", "coredns", "istio", "envoy") if name in by_name},
        "definitions": {
            name.replace("-", "_"): path(name)
            for name in ("gateway-api-standard", "gateway-api-experimental", "addons")
            if name in by_name
        },
        "libraries": {name: path(name) for name in ("pages",) if name in by_name},
        "rootfs": {name: path(name) for name in ("node", "node_base", "base") if name in by_name},
        "images": images,
        "archives": list(archives.values()),
        "versions": dict(VERSIONS),
    }
