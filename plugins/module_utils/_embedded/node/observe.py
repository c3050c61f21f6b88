# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is there of a cluster: files, containers, services, images and objects become one `Observed`."""

from __future__ import annotations

import concurrent.futures
import dataclasses

from ..host import cgroups, interfaces
from ..host.commands import CommandError
from ..layout import Layout
from . import health, inotify_limit, network, programs
from .containers import Containers
from .control_plane import ControlPlane
from .desired import Desired
from .images import missing_images
from .kubeconfig import KubeconfigFile
from .plan import Observed
from .publish import Publication
from .settings import Settings
from .spec import NODE, PUBLISH, SERVICES


@dataclasses.dataclass(frozen=True)
class Observer:
    """Sees one cluster and changes nothing."""

    layout: Layout
    settings: Settings
    desired: Desired
    containers: Containers
    control_plane: ControlPlane
    kubeconfig: KubeconfigFile

    def observe(self) -> Observed:
        """The cluster as it is now."""
        if not self.settings.subnet:
            return Observed(
                inotify_limit=inotify_limit.sufficient(),
                container=bool(self.containers.state(NODE)),
                published=bool(self.containers.state(PUBLISH)),
            )
        state = self.containers.state(NODE)
        seen = Observed(
            settings=True,
            inotify_limit=inotify_limit.sufficient(),
            container=bool(state) or bool(cgroups.cgroup_directories(self.layout.cgroup(NODE))),
            running=state.get("status") == "running",
            as_wanted=self.containers.made_from(NODE, self.desired.node),
            linked=network.connected(interfaces.addresses(), self.settings.veth),
            configured=self.control_plane.is_configured(),
            kubeconfig=self.kubeconfig.is_written(),
            programs=programs.offered(self.layout.programs, self.desired.programs),
        )
        if seen.running and seen.as_wanted and seen.linked:
            with concurrent.futures.ThreadPoolExecutor() as pool:
                inside = pool.submit(self._inside)
                objects = pool.submit(self._objects, health.moment(state.get("created")))
                seen = dataclasses.replace(seen, **inside.result(), **objects.result())
        publication = self.desired.publication
        published = self.containers.state(PUBLISH)
        return dataclasses.replace(
            seen,
            published=bool(published),
            published_as_wanted=publication is not None
            and published.get("status") == "running"
            and self.containers.made_from(PUBLISH, self.desired.publisher(publication))
            and listens(publication),
        )

    def _inside(self) -> dict[str, bool]:
        """Services and images, by one command in the node."""
        containerd, kubelet = SERVICES["containerd"], SERVICES["kubelet"]
        script = f"s6-svstat -o up {containerd}; s6-svstat -o up {kubelet}; ctr -n k8s.io images ls"
        try:
            done = self.containers.script(script, timeout=20, check=False)
        except CommandError:
            return {}
        lines = done.stdout.splitlines()
        if len(lines) < 2:
            return {}
        answers = done.returncode == 0
        return {
            "containerd": lines[0] == "true" and answers,
            "kubelet": lines[1] == "true",
            "images": answers and not missing_images(self.desired.images, "\n".join(lines[2:])),
        }

    def _objects(self, created: float) -> dict[str, bool]:
        if not self.control_plane.is_configured():
            return {}
        api = self.control_plane.api()
        try:
            if not api.ready():
                return {}
            return {
                "api": True,
                "registered": self.control_plane.is_registered(api),
                "addons": self.control_plane.has_addons(api),
                "ready": not self.control_plane.unready(api, created),
            }
        finally:
            api.close()


def listens(publication: Publication) -> bool:
    """Whether the forwarder accepts connections on all its ports; the node behind it may be down."""
    return all(interfaces.listens(publication.address, port) for port in publication.ports)
