# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control plane: what kubeadm leaves on disk and in the API, and the addons."""

from __future__ import annotations

import functools
import time
import typing as t

from ..host import files
from ..layout import EmbeddedError, Layout
from . import coredns, health, kubeadm
from .api import Api
from .containers import Containers
from .desired import Desired
from .settings import Settings

POLL = 0.1
_CONFIG = "mesh-workshop.yaml"

# Phases of `kubeadm init` to skip: the first set leaves those that need no API server, the second those that do. Both
# skip kubeadm's own waiting, tokens for more nodes, and checks that concern systemd.
_FILES_SKIP = (
    "preflight,wait-control-plane,upload-config,upload-certs,mark-control-plane,bootstrap-token,kubelet-finalize,"
    "addon,show-join-command"
)
_OBJECTS_SKIP = (
    "preflight,certs,kubeconfig,etcd,control-plane,kubelet-start,wait-control-plane,upload-certs,bootstrap-token,"
    "kubelet-finalize,addon,show-join-command"
)

# Files below /etc/kubernetes that a complete `kubeadm init` leaves.
_CONFIGURED = (
    _CONFIG,
    "admin.conf",
    "super-admin.conf",
    "kubelet.conf",
    "controller-manager.conf",
    "scheduler.conf",
    "manifests/etcd.yaml",
    "manifests/kube-apiserver.yaml",
    "manifests/kube-controller-manager.yaml",
    "manifests/kube-scheduler.yaml",
    "pki/ca.crt",
    "pki/ca.key",
    "pki/apiserver.crt",
    "pki/apiserver.key",
    "pki/apiserver-kubelet-client.crt",
    "pki/apiserver-kubelet-client.key",
    "pki/front-proxy-ca.crt",
    "pki/front-proxy-client.crt",
    "pki/front-proxy-client.key",
    "pki/sa.key",
    "pki/sa.pub",
    "pki/etcd/ca.crt",
    "pki/etcd/server.crt",
    "pki/etcd/server.key",
    "pki/apiserver-etcd-client.crt",
    "pki/apiserver-etcd-client.key",
)


class ControlPlane:
    """Configures, inspects and completes the control plane of one cluster. `timeout` is that of each wait."""

    def __init__(
        self, layout: Layout, settings: Settings, desired: Desired, containers: Containers, timeout: float
    ) -> None:
        self._layout = layout
        self._settings = settings
        self._desired = desired
        self._containers = containers
        self._timeout = timeout

    def api(self) -> Api:
        """A connection to the API server, as its administrator."""
        return Api(self._layout, self._settings.veth.node_address)

    # --- seeing

    def is_configured(self) -> bool:
        """Whether kubeadm's files are complete and follow from the wanted configuration."""
        kubernetes = self._layout.volumes / "kubernetes"
        if files.read(kubernetes / _CONFIG) != kubeadm.config_text(self._desired.control):
            return False
        flags = self._layout.volumes / "kubelet" / "kubeadm-flags.env"
        config = self._layout.volumes / "kubelet" / "config.yaml"
        return all(path.is_file() for path in (flags, config, *(kubernetes / name for name in _CONFIGURED)))

    def is_registered(self, api: Api) -> bool:
        """Whether the node is labelled and the objects of `kubeadm init` are there."""
        own = api.get(f"/api/v1/nodes/{self._layout.name}")
        labelled = own is not None and health.CONTROL_PLANE_LABEL in own["metadata"].get("labels", {})
        return labelled and all(api.get(path) is not None for path in health.REGISTERED)

    def has_addons(self, api: Api) -> bool:
        """Whether CoreDNS and kube-proxy run the wanted images and all their objects are there."""
        dns = self._desired.image("coredns")
        paths = (health.KUBELET_ACCESS, *health.PROXY_NEEDS, f"{coredns.CONFIG}/coredns", *coredns.objects(dns))
        return (
            health.runs_image(api.get(coredns.DEPLOYMENT), dns)
            and health.runs_image(api.get(health.PROXY_DAEMONSET), self._desired.image("kube_proxy"))
            and all(api.get(path) is not None for path in paths)
        )

    def unready(self, api: Api, created: float) -> str:
        """What is not ready yet, for a node started at `created` (seconds since 1970); empty when all is."""
        problem = health.node_ready(api.get(f"/api/v1/nodes/{self._layout.name}"), created)
        if problem:
            return problem
        sets, pods = api.items("/apis/apps/v1/replicasets"), api.items("/api/v1/pods")
        for app in ("kube-dns", "kube-proxy"):
            if not health.ready_pod([pod for pod in pods if pod["metadata"]["namespace"] == "kube-system"], app):
                return f"no pod of {app} is ready"
        stale = health.stale_pods(pods, created)
        if stale:
            return f"{len(stale)} pods have not started again yet, {stale[0]} among them"
        unseen = health.stale_sets(sets, pods)
        return f"the controllers have not looked at {unseen[0]} again yet" if unseen else ""

    # --- acting

    def configure(self) -> None:
        """Let kubeadm make certificates, kubeconfigs and static pods."""
        kubernetes = self._layout.volumes / "kubernetes"
        text = kubeadm.config_text(self._desired.control)
        if files.read(kubernetes / _CONFIG) not in (None, text):
            # Names and addresses may have changed, and kubeadm keeps the files that it finds. The authorities stay, so
            # whoever trusts them trusts the new certificates.
            for name in ("pki/apiserver.crt", "pki/apiserver.key", "pki/etcd/server.crt", "pki/etcd/server.key"):
                (kubernetes / name).unlink(missing_ok=True)
            for path in kubernetes.glob("*.conf"):
                path.unlink()
        draft = f"{_CONFIG}.new"
        files.write(kubernetes / draft, text, 0o600)
        self._kubeadm("init", f"--config=/etc/kubernetes/{draft}", f"--skip-phases={_FILES_SKIP}")
        # Renamed last: under this name the configuration counts as complete.
        (kubernetes / draft).replace(kubernetes / _CONFIG)

    def register(self) -> None:
        """Let kubeadm record its configuration in the API and label the node."""
        self._kubeadm("init", f"--config=/etc/kubernetes/{_CONFIG}", f"--skip-phases={_OBJECTS_SKIP}")

    def install_addons(self) -> None:
        """Install kube-proxy, CoreDNS and the API server's access to the kubelet."""
        self._kubeadm("init", "phase", "addon", "kube-proxy", f"--config=/etc/kubernetes/{_CONFIG}")
        api = self.api()
        self.wait(
            "the API server's access to the kubelet",
            functools.partial(_apply, api, health.KUBELET_ACCESS, dict(health.KUBELET_ACCESS_BINDING)),
        )
        self.wait("the creation of CoreDNS' configuration", lambda: _create(api, coredns.CONFIG, coredns.config()))
        for path, document in coredns.objects(self._desired.image("coredns")).items():
            self.wait("the installation of CoreDNS", functools.partial(_apply, api, path, document))
        api.close()

    def await_api(self) -> None:
        """Wait until the API server is ready."""
        api = self.api()
        self.wait("the start of the API server", lambda: "" if api.ready() else "it is not ready")
        api.close()

    def await_ready(self, created: float) -> None:
        """Wait until nothing is unready, see `unready`."""
        api = self.api()
        self.wait("the node's readiness", lambda: self.unready(api, created))
        api.close()

    def wait(self, what: str, problem: t.Callable[[], str]) -> None:
        """Wait until `problem` returns nothing. Raises EmbeddedError with the last problem after the timeout."""
        deadline = time.monotonic() + self._timeout
        while said := problem():
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"Cluster {self._layout.name}: {what} did not happen within {self._timeout:.0f} s ({said}); "
                    f"look at the logs in {self._layout.volumes / 'log'}, or tear the cluster down and set it up anew."
                )
            time.sleep(POLL)

    def _kubeadm(self, *arguments: str) -> None:
        self._containers.execute("kubeadm", *arguments, timeout=120)


def _create(api: Api, path: str, document: dict[str, t.Any]) -> str:
    # The server calls itself ready a moment before it has made the namespace.
    status, body = api.request("POST", path, document)
    return "" if status in (201, 409) else body.decode(errors="replace")[:200] or "no answer"


def _apply(api: Api, path: str, document: dict[str, t.Any]) -> str:
    status, body = api.request(
        "PATCH", f"{path}?fieldManager=mesh-workshop-cluster&force=true", document, "application/apply-patch+yaml"
    )
    return "" if status in (200, 201) else body.decode(errors="replace")[:200] or "no answer"
