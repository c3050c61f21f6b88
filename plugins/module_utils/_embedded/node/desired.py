# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cluster should consist of: from the request and the chosen subnet to containers and configuration."""

from __future__ import annotations

import dataclasses
import os
import typing as t
from pathlib import Path

from ..layout import EmbeddedError, Layout
from . import kubeadm, network, publish, spec
from .images import Image, images_of
from .settings import Settings

_IDS = 2**32 - 1  # that number itself stands for "unchanged"


@dataclasses.dataclass(frozen=True)
class Request:
    """The options of the module embedded_node.

    `artifacts` is what embedded_artifacts returns; empty strings mean "not given"; `timeout` is in seconds.
    """

    artifacts: t.Mapping[str, t.Any]
    subnet: str = ""
    listen: str = ""
    listen_http_port: int = 80
    listen_https_port: int = 443
    listen_api_port: int | None = None
    kubeconfig: str = ""
    kubeconfig_owner: int = 0
    kubeconfig_group: int = 0
    timeout: float = 180.0


class Desired:
    """The wanted parts of one cluster. All but `images`, `programs` and `publication` need the subnet."""

    def __init__(self, layout: Layout, request: Request, settings: Settings) -> None:
        self._layout = layout
        self._request = request
        self._settings = settings

    def refuse_impossible(self) -> None:
        """Raise EmbeddedError for a request that cannot be fulfilled, before anything is changed."""
        request = self._request
        if request.subnet:
            asked = network.parse_subnet(request.subnet)
            remembered = self._settings.subnet
            if remembered and network.parse_subnet(remembered) != asked:
                network.choose_subnet(request.subnet, remembered, {}, {})
        if request.listen:
            publish.parse_listen(request.listen)
            publish.check_ports(request.listen_http_port, request.listen_https_port, request.listen_api_port)
        for name, number in (("owner", request.kubeconfig_owner), ("group", request.kubeconfig_group)):
            if not 0 <= number < _IDS:
                raise EmbeddedError(f"kubeconfig_{name} is {number}: give a number from 0 to {_IDS - 1}.")
        if request.timeout <= 0:
            raise EmbeddedError(f"timeout is {request.timeout:g}: give it seconds above 0.")
        for kind in ("rootfs", "images", "bin"):
            if not isinstance(request.artifacts.get(kind), dict):
                raise EmbeddedError(
                    f"The artifacts of cluster {self._layout.name} lack {kind!r}: "
                    "pass the artifacts that the module embedded_artifacts returns without its option only."
                )

    @property
    def control(self) -> kubeadm.Control:
        """The facts for kubeadm's configuration."""
        images = self._request.artifacts["images"]
        veth = self._settings.veth
        return kubeadm.Control(
            name=self._layout.name,
            node_address=veth.node_address,
            kubernetes_version=images["kube_version"],
            image_repository=images["registry"],
            etcd_tag=images["etcd"]["tag"],
            coredns_repository=images["coredns"]["repository"].rpartition("/")[0],
            coredns_tag=images["coredns"]["tag"],
            server_names=(veth.node_address, veth.host_address, "localhost", "127.0.0.1", self._layout.name),
        )

    @property
    def node(self) -> spec.Container:
        """The node's container."""
        veth = self._settings.veth
        return spec.node_container(
            self._layout,
            lower=self._request.artifacts["rootfs"]["node"],
            caps=spec.capabilities(Path("/proc/self/status").read_text()),
            node_address=veth.node_address,
            host_address=veth.host_address,
            pause_image=self._request.artifacts["images"]["pause"]["ref"],
        )

    @property
    def publication(self) -> publish.Publication | None:
        """Which ports are published where; None where no port is."""
        request = self._request
        return publish.Publication.of(
            request.listen, request.listen_http_port, request.listen_https_port, request.listen_api_port
        )

    def publisher(self, publication: publish.Publication) -> spec.Container:
        """The container that publishes ports."""
        artifacts = self._request.artifacts
        return publish.publish_container(
            self._layout,
            lower=artifacts["rootfs"]["node"],
            envoy=os.path.join(artifacts["bin"]["envoy"], "envoy"),
            publication=publication,
            node_address=self._settings.veth.node_address,
        )

    @property
    def images(self) -> list[Image]:
        """The images that the node should have."""
        return images_of(self._request.artifacts)

    def image(self, name: str) -> str:
        """Reference of an image of the control plane."""
        return str(self._request.artifacts["images"][name]["ref"])

    @property
    def programs(self) -> t.Mapping[str, str]:
        """Programs for the user's shell: name to path in the cache."""
        programs = self._request.artifacts["bin"]
        return {
            "kubectl": os.path.join(programs["kubernetes"], "kubectl"),
            "istioctl": os.path.join(programs["istio"], "istioctl"),
        }
